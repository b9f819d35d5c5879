import KubernetesAPI
import Synchronization

/// A clock that goes on when a test says so.
final class ManualClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        var until: Instant
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var sleepers: [Int: Sleeper] = [:]
        var nextSleeper = 0
        var watchers: [Int: (isMet: @Sendable ([Duration]) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
            [:]
    }

    /// 2026-01-02T03:04:05Z
    static let epoch: Int64 = 1_767_323_045_000_000
    private let state = Mutex(State())

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .nanoseconds(1) }
    var time: TimeSource {
        TimeSource(clock: self) { [self] in
            let components = now.offset.components
            return Self.epoch + components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
        }
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let isOver: Bool = state.withLock { state in
                    if deadline <= state.now { return true }
                    if Task.isCancelled {
                        continuation.resume(throwing: CancellationError())
                        return false
                    }
                    state.sleepers[id] = Sleeper(until: deadline, continuation: continuation)
                    return false
                }
                if isOver { continuation.resume() }
                answer()
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(throwing: CancellationError())
        }
    }

    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let now = state.now
            let due = state.sleepers.filter { $0.value.until <= now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.until < $1.until }
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Returns once someone sleeps for exactly this long from now on.
    func sleeper(for duration: Duration) async {
        await sleepers(1, for: duration)
    }

    /// Returns once so many sleep for exactly this long from now on.
    func sleepers(_ count: Int, for duration: Duration) async {
        await waiting { left in left.count { $0 == duration } >= count }
    }

    private func waiting(_ isMet: @escaping @Sendable ([Duration]) -> Bool) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            state.withLock { state in
                state.nextSleeper += 1
                state.watchers[state.nextSleeper] = (isMet, continuation)
            }
            answer()
        }
    }

    private func answer() {
        let met = state.withLock { state in
            let left = state.sleepers.values.map { state.now.duration(to: $0.until) }
            let met = state.watchers.filter { $0.value.isMet(left) }
            for id in met.keys { state.watchers[id] = nil }
            return met.values.map(\.continuation)
        }
        for continuation in met { continuation.resume() }
    }
}
