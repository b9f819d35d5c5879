import KubernetesAPI

/// Deletes pods and waits until the API no longer has them: then their processes, cgroups and addresses are gone.
struct PodRemoval {
    let client: APIClient
    let board: PodBoard
    let namespace: String
    /// What a workload gets to end by itself; the trial is over.
    static let grace: Int64 = 2

    func remove(_ names: [String], patience: Duration) async throws {
        var deleted: [String] = []
        for name in names {
            var options = DeleteOptions()
            options.gracePeriodSeconds = Self.grace
            do {
                try await client.delete(Pod.self, name, namespace: namespace, options: options)
                deleted.append(name)
            } catch let error as APIError where error.isNotFound {
                continue
            }
        }
        for name in deleted {
            let board = board
            let isGone: Void? = try await withDeadline(.now + patience) {
                _ = try await board.wait(for: name) { $0 == nil }
            }
            guard isGone != nil else {
                throw LaboratoryError(
                    .unavailable,
                    "pod \(namespace)/\(name) is not gone after \(DurationText.words(patience)): the next trial would not be alone"
                )
            }
        }
    }
}

/// Runs `body` until `end`; nil where it was not done by then, and was cancelled.
func withDeadline<Value: Sendable>(
    _ end: ContinuousClock.Instant, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value? {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(until: end, clock: .continuous)
            return nil
        }
        defer { group.cancelAll() }
        // Two tasks are in the group: there is a first one.
        return try await group.next() ?? nil
    }
}
