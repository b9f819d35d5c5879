import KubernetesAPI
import Logging
import Synchronization

/// Writes one pod's status to the API: the latest counts, what comes while a write is under way waits for it and goes
/// next, and a write that failed is tried again for as long as the pod is there. Nobody waits for it.
final class PodStatusWriter: Sendable {
    private struct Wanted {
        var status: PodStatus
        var isFinal: Bool
    }

    private static let firstRetry = Duration.milliseconds(100)
    private static let lastRetry = Duration.seconds(10)

    private let client: APIClient
    private let key: ObjectKey
    private let uid: String
    private let time: TimeSource
    private let logger: Logger
    private let wanted = Mutex<Wanted?>(nil)
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init(_ pod: Pod, client: APIClient, time: TimeSource, logger: Logger) {
        self.client = client
        key = pod.key
        uid = pod.metadata.uid
        self.time = time
        self.logger = logger
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// - Parameter isFinal: nothing of the pod runs any more, and this is how it ended.
    func submit(_ status: PodStatus, isFinal: Bool) {
        wanted.withLock { $0 = Wanted(status: status, isFinal: isFinal) }
        ring.yield()
    }

    /// Writes until the task is cancelled.
    /// - Parameters:
    ///   - present: the status that the API has now.
    ///   - report: told of each write, and that the API has no such pod any more.
    func run(present: PodStatus, report: @escaping @Sendable (PodMessage) -> Void) async {
        var known = present.json.requireMembers
        for await _ in bell {
            var retry = Self.firstRetry
            while let next = wanted.withLock({ $0.take() }) {
                let members = next.status.json.requireMembers
                do {
                    _ = try await client.patch(
                        Pod.self, key.name, namespace: key.namespace, subresource: "status", .merge,
                        Self.patch(uid: uid, from: known, to: members))
                    known = members
                    retry = Self.firstRetry
                    report(.statusWritten(isFinal: next.isFinal))
                } catch {
                    if Task.isCancelled { return }
                    if await isGone(error) { return report(.absent) }
                    logger.warning(
                        "status not written", metadata: ["pod": "\(key)", "error": "\(error)"])
                    // Back into its place, unless there is a newer one.
                    wanted.withLock { present in if present == nil { present = next } }
                    try? await time.sleep(for: retry)
                    retry = min(retry * 2, Self.lastRetry)
                }
            }
        }
    }

    /// Deleted, or another pod has the name now: this one has no status any more.
    private func isGone(_ error: any Error) async -> Bool {
        guard let error = error as? APIError else { return false }
        if error.isNotFound { return true }
        guard error.isConflict || error.reason == .invalid else { return false }
        do {
            return try await client.get(Pod.self, key.name, namespace: key.namespace).metadata.uid != uid
        } catch {
            return (error as? APIError)?.isNotFound == true
        }
    }

    /// A merge patch that leaves nothing of the old status behind, for this pod and no other of its name.
    static func patch(uid: String, from old: JSONObject, to new: JSONObject) -> JSONValue {
        var status = new
        for key in old.keys where new[key] == nil { status[key] = .null }
        return ["metadata": ["uid": .string(uid)], "status": .object(status)]
    }
}

extension JSONValue {
    fileprivate var requireMembers: JSONObject { objectValue ?? JSONObject() }
}
