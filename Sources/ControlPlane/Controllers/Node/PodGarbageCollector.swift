import KubernetesAPI
import Logging

/// Deletes pods that nobody else will: those on a node that is gone, and the oldest of very many that have ended.
final class PodGarbageCollector: Controller {
    private enum Task: Hashable {
        case node(String)
        case terminated
    }

    /// How many ended pods are kept (kube-controller-manager's `--terminated-pod-gc-threshold`).
    static let threshold = 12_500
    /// How long a node has to be gone.
    static let quarantine = Duration.seconds(40)

    private let client: APIClient
    private let logger: Logger
    private let pods: Informer<Pod>
    private let nodes: Informer<Node>
    private let queue: WorkQueue<Task>
    private let threshold: Int

    init(
        client: APIClient, pods: Informer<Pod>, nodes: Informer<Node>, threshold: Int = PodGarbageCollector.threshold,
        time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.logger = logger
        self.pods = pods
        self.nodes = nodes
        self.threshold = threshold
        queue = WorkQueue(time: time)
        nodes.onChange { [weak self] change in
            if case .deleted(let node) = change { self?.queue.add(.node(node.metadata.name), after: Self.quarantine) }
        }
        pods.onChange { [weak self] change in
            guard let self, let pod = change.object else { return }
            if pod.isTerminated, pods.cache.count > threshold { queue.add(.terminated) }
            if !pod.spec.nodeName.isEmpty, nodes.cache[ObjectKey(namespace: "", name: pod.spec.nodeName)] == nil {
                queue.add(.node(pod.spec.nodeName), after: Self.quarantine)
            }
        }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    func run() async {
        await queue.run { [self] task in
            do {
                switch task {
                case .node(let name): try await collect(node: name)
                case .terminated: try await collectTerminated()
                }
                return .done
            } catch {
                if !(error is CancellationError) {
                    logger.debug("pods not collected yet", metadata: ["error": "\(error)"])
                }
                return .failed
            }
        }
    }

    private func collect(node name: String) async throws {
        do {
            _ = try await client.get(Node.self, name)
            return
        } catch let error as APIError where error.isNotFound {
            for pod in pods.cache.all where pod.spec.nodeName == name { try await delete(pod) }
        }
    }

    private func collectTerminated() async throws {
        let ended = pods.cache.all.filter(\.isTerminated)
        let oldest = ended.sorted {
            ($0.metadata.creationTimestamp?.seconds ?? 0, $0.metadata.name)
                < ($1.metadata.creationTimestamp?.seconds ?? 0, $1.metadata.name)
        }
        for pod in oldest.prefix(max(ended.count - threshold, 0)) { try await delete(pod) }
    }

    /// At once: there is no process to wait for.
    private func delete(_ pod: Pod) async throws {
        logger.info("deleting a pod that is left over", metadata: ["pod": "\(pod.key)"])
        try await KindClient(client, Pod.groupVersionKind)?.delete(pod.metadata, .background, gracePeriodSeconds: 0)
    }
}
