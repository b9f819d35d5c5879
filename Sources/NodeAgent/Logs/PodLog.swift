import Foundation
import KubernetesAPI
import PodRuntime

/// Which log a request for a pod's logs means: the container, and which of its attempts. Refusals are the API server's
/// and the kubelet's (`pod/strategy.go LogLocation`, `kubelet_pods.go validateContainerLogStatus`).
struct PodLog: Sendable, Hashable {
    static let defaultContainerAnnotation = "kubectl.kubernetes.io/default-container"

    let metadata: ObjectMeta
    let container: String
    let attempt: Int
    /// The attempt still runs, so that there may be more to come.
    let isRunning: Bool
    let options: PodLogQuery

    /// - Parameter pod: with the status as the node knows it.
    init(_ pod: Pod, options: PodLogQuery) throws(APIError) {
        self.options = options
        metadata = pod.metadata
        container = try Self.container(pod, options.container)
        let statuses = pod.status.initContainerStatuses + pod.status.containerStatuses
        let name = container
        guard let status = statuses.first(where: { $0.name == name }) else {
            throw Self.refused(
                "container \"\(name)\" in pod \"\(pod.metadata.name)\" is waiting to start: \(WaitingReason.containerCreating)"
            )
        }
        if options.previous {
            guard status.lastState.terminated != nil else {
                throw Self.refused(
                    "previous terminated container \"\(name)\" in pod \"\(pod.metadata.name)\" not found")
            }
            // While it waits for the next start, the count is still that of the attempt that is the last.
            attempt = Int(status.restartCount) - (status.state.waiting == nil ? 1 : 0)
            isRunning = false
            return
        }
        if let waiting = status.state.waiting, status.lastState.terminated == nil {
            throw Self.refused(
                "container \"\(name)\" in pod \"\(pod.metadata.name)\" is waiting to start: \(Self.explain(waiting))")
        }
        attempt = Int(status.restartCount)
        isRunning = status.state.running != nil
    }

    private static func explain(_ waiting: ContainerStateWaiting) -> String {
        switch waiting.reason {
        case WaitingReason.errImagePull: "image can't be pulled"
        case WaitingReason.imagePullBackOff: "trying and failing to pull image"
        default: waiting.reason.isEmpty ? WaitingReason.containerCreating : waiting.reason
        }
    }

    private static func refused(_ message: String) -> APIError {
        APIError(code: 400, reason: .badRequest, message: message)
    }

    private static func container(_ pod: Pod, _ wanted: String) throws(APIError) -> String {
        let spec = pod.spec
        let inits = spec.initContainers.map(\.name)
        let names = spec.containers.map(\.name)
        if !wanted.isEmpty {
            guard (inits + names).contains(wanted) else {
                throw refused("container \(wanted) is not valid for pod \(pod.metadata.name)")
            }
            return wanted
        }
        if names.count == 1, inits.isEmpty, let only = names.first { return only }
        if let preferred = pod.metadata.annotations[defaultContainerAnnotation], names.contains(preferred) {
            return preferred
        }
        if names.count == 1, let only = names.first { return only }
        var message =
            "a container name must be specified for pod \(pod.metadata.name), choose one of: [\(names.joined(separator: " "))]"
        if !inits.isEmpty { message += " or one of the init containers: [\(inits.joined(separator: " "))]" }
        throw refused(message)
    }

    func path(root: String) -> String {
        "\(SandboxConfiguration.logDirectory(of: metadata, root: root))/\(container)/\(attempt).log"
    }

    /// The log as it was asked for.
    /// - Parameter ended: returns when the attempt has ended.
    func open(
        _ reader: LogReader, root: String, now: Timestamp, until ended: @escaping @Sendable () async -> Void
    ) -> AsyncThrowingStream<[UInt8], any Error> {
        let path = path(root: root)
        guard FileManager.default.fileExists(atPath: path) else {
            // An attempt whose command could not be executed has none.
            return AsyncThrowingStream { stream in
                stream.yield(Array("unable to retrieve container logs for \(container), attempt \(attempt)\n".utf8))
                stream.finish()
            }
        }
        let since = options.sinceTime ?? options.sinceSeconds.map { Timestamp(seconds: now.seconds - $0) }
        return reader.read(
            path: path,
            options: LogOptions(
                tailLines: options.tailLines.map { Int(clamping: $0) }, since: since.map { $0.seconds * 1_000_000_000 },
                limitBytes: options.limitBytes.map { Int(clamping: $0) }, timestamps: options.timestamps,
                follow: options.follow && isRunning), until: ended)
    }
}
