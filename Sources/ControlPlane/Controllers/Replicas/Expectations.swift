import KubernetesAPI
import Synchronization

/// What a controller has done and not yet seen come back through its watch. Until it has, the cache does not tell
/// how many pods there are, and creating or deleting by it would do the same thing twice.
///
/// An expectation that is not met within five minutes is given up: the event was lost, and the cache was listed anew
/// since.
final class Expectations: Sendable {
    private struct Pending {
        var creations = 0
        var deletions: Set<String> = []
        var since: Duration
    }

    static let timeout = Duration.seconds(300)

    private let state = Mutex<[ObjectKey: Pending]>([:])
    private let elapsed: @Sendable () -> Duration

    init(time: TimeSource) { elapsed = time.stopwatch() }

    func expectCreations(_ key: ObjectKey, _ count: Int) {
        let now = elapsed()
        state.withLock { $0[key] = Pending(creations: count, since: now) }
    }

    /// - Parameter uids: the pods that are about to be deleted.
    func expectDeletions(_ key: ObjectKey, _ uids: some Sequence<String>) {
        let now = elapsed()
        state.withLock { $0[key] = Pending(deletions: Set(uids), since: now) }
    }

    /// A pod came, or its creation failed.
    func observeCreation(_ key: ObjectKey, _ count: Int = 1) {
        state.withLock { state in
            guard let pending = state[key] else { return }
            state[key]?.creations = max(pending.creations - count, 0)
        }
    }

    /// A pod is going or gone, or its deletion failed.
    func observeDeletion(_ key: ObjectKey, uid: String) {
        _ = state.withLock { $0[key]?.deletions.remove(uid) }
    }

    func isSatisfied(_ key: ObjectKey) -> Bool {
        let now = elapsed()
        return state.withLock { state in
            guard let pending = state[key] else { return true }
            return pending.creations == 0 && pending.deletions.isEmpty || now - pending.since > Self.timeout
        }
    }

    func forget(_ key: ObjectKey) { state.withLock { $0[key] = nil } }
}
