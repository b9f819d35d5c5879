import KubernetesAPI

/// The pods of one namespace as the API tells of them, and a place to wait for what one of them becomes.
actor PodBoard {
    private var pods: [String: Pod] = [:]
    private var waiters:
        [Int: (pod: String, condition: @Sendable (Pod?) -> Bool, answer: CheckedContinuation<Pod?, any Error>)] = [:]
    private var next = 0
    /// Whether there was a first list: before it, a pod that is not here may be there.
    private var isSynced = false

    func apply(_ event: ReflectorEvent<Pod>) {
        switch event {
        case .synced(let all):
            isSynced = true
            pods = Dictionary(all.map { ($0.metadata.name, $0) }, uniquingKeysWith: { $1 })
        case .added(let pod), .modified(let pod): pods[pod.metadata.name] = pod
        case .deleted(let pod): pods[pod.metadata.name] = nil
        }
        for (id, waiter) in waiters where isSynced && waiter.condition(pods[waiter.pod]) {
            waiters[id] = nil
            waiter.answer.resume(returning: pods[waiter.pod])
        }
    }

    func pod(_ name: String) -> Pod? { pods[name] }

    /// All pods that there are, once they have been listed.
    func waitUntilSynced() async throws { _ = try await wait(for: "") { _ in true } }

    /// The pod's state (nil: it is gone) as soon as the condition holds of it. Throws `CancellationError`.
    func wait(for pod: String, until condition: @escaping @Sendable (Pod?) -> Bool) async throws -> Pod? {
        try Task.checkCancellation()
        if isSynced, condition(pods[pod]) { return pods[pod] }
        next += 1
        let id = next
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // The handler may have run before: then nobody would come to take this one out.
                if Task.isCancelled { return continuation.resume(throwing: CancellationError()) }
                waiters[id] = (pod, condition, continuation)
            }
        } onCancel: {
            Task { await self.giveUp(id) }
        }
    }

    private func giveUp(_ id: Int) {
        waiters.removeValue(forKey: id)?.answer.resume(throwing: CancellationError())
    }
}
