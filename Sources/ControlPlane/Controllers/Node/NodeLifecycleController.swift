import KubernetesAPI
import Logging
import Synchronization

/// Notices nodes that are not heard of: their conditions become `Unknown`, their pods not ready, and a taint keeps
/// new pods away. A heartbeat is a change of the node's Lease or of its status, timed by this program's own clock.
///
/// Pods on such a node are left alone: there is no other node for them, and the processes may well be running.
final class NodeLifecycleController: Sendable {
    private static let leaseNamespace = "kube-node-lease"

    private let client: APIClient
    private let time: TimeSource
    private let elapsed: @Sendable () -> Duration
    private let logger: Logger
    private let nodes: Informer<Node>
    private let pods: Informer<Pod>
    private let events: EventRecorder
    /// How long a node may be silent.
    private let gracePeriod: Duration
    private let queue: WorkQueue<String>
    private let lastHeard = Mutex<[String: Duration]>([:])

    init(
        client: APIClient, nodes: Informer<Node>, pods: Informer<Pod>, tracker: MetadataTracker,
        events: EventRecorder, gracePeriod: Duration, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.time = time
        self.logger = logger
        self.nodes = nodes
        self.pods = pods
        self.events = events
        self.gracePeriod = gracePeriod
        elapsed = time.stopwatch()
        queue = WorkQueue(time: time)
        nodes.onChange { [weak self] in self?.nodeChanged($0) }
        tracker.onChange { [weak self] change in
            guard change.kind == Lease.groupVersionKind, let lease = change.new, lease.namespace == Self.leaseNamespace,
                lease.resourceVersion != change.old?.resourceVersion
            else { return }
            self?.heard(lease.name)
        }
    }

    /// Works until the task is cancelled.
    func run() async {
        await queue.run { [self] name in
            do {
                return try await sync(name)
            } catch {
                if !(error is CancellationError) {
                    logger.debug("node not looked after yet", metadata: ["name": "\(name)", "error": "\(error)"])
                }
                return .failed
            }
        }
    }

    private func nodeChanged(_ change: ObjectChange<Node>) {
        switch change {
        case .synced: return
        case .added(let node): heard(node.metadata.name)
        case .modified(let old, let new):
            // What this controller wrote itself is no sign of life.
            let isUnknown = new.status.conditions.contains { $0.type == .ready && $0.status == .unknown }
            if old.status != new.status, !isUnknown { heard(new.metadata.name) }
        case .deleted(let node):
            lastHeard.withLock { $0[node.metadata.name] = nil }
            return
        }
        if let node = change.object { queue.add(node.metadata.name) }
    }

    private func heard(_ name: String) {
        let now = elapsed()
        lastHeard.withLock { $0[name] = now }
        queue.add(name, after: gracePeriod)
    }

    private func sync(_ name: String) async throws -> WorkQueue<String>.Outcome {
        guard var node = nodes.cache[ObjectKey(namespace: "", name: name)] else { return .done }
        let silence = elapsed() - (lastHeard.withLock { $0[name] } ?? .zero)
        let isSilent = silence >= gracePeriod
        if isSilent {
            let status = NodeHealth.unknown(node.status, now: time.now)
            if status != node.status {
                node.status = status
                node = try await client.updateStatus(node)
                logger.warning("node is not heard of", metadata: ["node": "\(name)"])
                events.record(
                    node, reason: ControllerReason.nodeNotReady, message: "Node \(name) status is now: NodeNotReady")
                try await markPodsNotReady(on: name)
            }
        }
        let taints = NodeHealth.taints(node, now: time.now)
        if taints != node.spec.taints {
            node.spec.taints = taints
            _ = try await client.update(node)
        }
        return isSilent ? .done : .again(after: gracePeriod - silence)
    }

    /// Nobody can say of the node's pods that they are ready: services must not send anyone there.
    private func markPodsNotReady(on node: String) async throws {
        for var pod in pods.cache.all where pod.spec.nodeName == node && !pod.isTerminated {
            guard let index = pod.status.conditions.firstIndex(where: { $0.type == .ready && $0.status == .true })
            else { continue }
            pod.status.conditions[index].status = .false
            pod.status.conditions[index].lastTransitionTime = time.now
            do {
                _ = try await client.updateStatus(pod)
            } catch let error as APIError where error.isNotFound || error.isConflict {
                continue
            }
        }
    }
}
