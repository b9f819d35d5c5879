import KubernetesAPI
import Logging

extension WorkQueue {
    /// Works through the queue as controllers do, until the task is cancelled: what throws is tried again later.
    ///
    /// - Parameters:
    ///   - complaint: what the log says of a key whose work has thrown, e.g. `deployment not in order yet`. Often others'
    ///     writes came between, so it is no more than a detail.
    ///   - report: who else hears of it.
    func run(
        workers: Int = 1, logger: Logger, _ complaint: Logger.Message,
        report: @escaping @Sendable (any Error, Key) -> Void = { _, _ in },
        work: @escaping @Sendable (Key) async throws -> Outcome
    ) async {
        await run(workers: workers) { key in
            do {
                return try await work(key)
            } catch {
                if !(error is CancellationError) {
                    logger.debug(complaint, metadata: ["key": "\(key)", "error": "\(error)"])
                    report(error, key)
                }
                return .failed
            }
        }
    }

    /// The same for work that is done when it returns.
    func run(
        workers: Int = 1, logger: Logger, _ complaint: Logger.Message,
        report: @escaping @Sendable (any Error, Key) -> Void = { _, _ in },
        work: @escaping @Sendable (Key) async throws -> Void
    ) async {
        await run(workers: workers, logger: logger, complaint, report: report) { key -> Outcome in
            try await work(key)
            return .done
        }
    }
}
