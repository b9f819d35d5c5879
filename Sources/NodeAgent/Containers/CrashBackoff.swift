/// How long a container that ended waits before it is started again: not at all after its first end, then 10 s, 20 s,
/// ... up to a cap, and from the beginning once it has run for ten minutes (kubelet: `doBackOff`, flowcontrol.Backoff).
///
/// Times are nanoseconds since 1970.
struct CrashBackoff: Sendable, Hashable {
    static let first = Duration.seconds(10)
    static let resetAfter = Duration.seconds(600)

    let cap: Duration
    /// What the next end has to wait; nil before the first.
    private(set) var delay: Duration?
    private var lastStart: Int64 = 0

    init(cap: Duration) { self.cap = cap }

    /// What is left to know after a restart of the agent: a container at its n-th restart has waited n - 1 times.
    init(cap: Duration, restarts: Int, lastStart: Int64) {
        self.cap = cap
        guard restarts > 0 else { return }
        delay = min(Self.first * (1 << min(restarts - 1, 16)), cap)
        self.lastStart = lastStart
    }

    /// When a container that ended at `finishedAt` may be started again.
    func due(finishedAt: Int64) -> Int64 {
        guard let delay, !isForgotten(finishedAt) else { return finishedAt }
        return finishedAt + delay.nanoseconds
    }

    /// It is started again, after an end at `finishedAt`.
    mutating func restarted(at now: Int64, finishedAt: Int64) {
        if let delay, !isForgotten(finishedAt) {
            self.delay = min(delay * 2, cap)
        } else {
            delay = min(Self.first, cap)
        }
        lastStart = now
    }

    private func isForgotten(_ finishedAt: Int64) -> Bool {
        finishedAt - lastStart > Self.resetAfter.nanoseconds
    }
}

extension Duration {
    /// Whole nanoseconds; 292 years at most.
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}

/// Delays of things that are tried again for as long as the pod is there: from a first one, doubling up to a last one.
struct RetryDelay: Sendable, Hashable {
    let first: Duration
    let cap: Duration
    private var present: Duration?

    init(first: Duration, cap: Duration) {
        self.first = first
        self.cap = cap
    }

    mutating func next() -> Duration {
        let delay = present.map { min($0 * 2, cap) } ?? min(first, cap)
        present = delay
        return delay
    }

    mutating func reset() { present = nil }
}
