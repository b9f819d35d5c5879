/// Waiting that ends.
enum Deadline {
    /// Runs `body` until `end`; then it is cancelled and `CommandFailure` with `failure` and code 75 is thrown.
    static func run<Value: Sendable>(
        until end: ContinuousClock.Instant, failure: String, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask(operation: body)
            group.addTask {
                try await Task.sleep(until: end, clock: .continuous)
                throw CommandFailure(failure, code: .deadline)
            }
            defer { group.cancelAll() }
            // Two tasks are in the group: there is a first one.
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
    }
}
