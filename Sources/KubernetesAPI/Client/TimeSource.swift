#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The two clocks of a long-running part: one to wait by, which never jumps, and the wall clock that is written
/// into objects. A test passes its own.
public struct TimeSource: Sendable {
    /// What delays, back-offs and deadlines are measured with.
    public let clock: any Clock<Duration>
    private let wall: @Sendable () -> Int64

    /// - Parameter microseconds: the wall clock, in microseconds since 1970-01-01T00:00:00Z.
    public init(clock: any Clock<Duration>, microseconds: @escaping @Sendable () -> Int64) {
        self.clock = clock
        wall = microseconds
    }

    /// The machine's clocks.
    public static let system = TimeSource(clock: ContinuousClock()) {
        Int64((Date().timeIntervalSince1970 * 1_000_000).rounded(.down))
    }

    /// The wall clock in whole seconds.
    public var now: Timestamp { Timestamp(seconds: RFC3339.floor(wall(), 1_000_000)) }
    /// The wall clock in microseconds.
    public var preciseNow: MicroTimestamp { MicroTimestamp(microseconds: wall()) }

    /// Waits; throws `CancellationError`.
    public func sleep(for duration: Duration) async throws { try await clock.sleep(for: duration) }

    /// A function that answers how much time has passed since this call, by the clock that never jumps.
    public func stopwatch() -> @Sendable () -> Duration { Self.stopwatch(clock) }

    private static func stopwatch<C: Clock<Duration>>(_ clock: C) -> @Sendable () -> Duration {
        let start = clock.now
        return { start.duration(to: clock.now) }
    }
}
