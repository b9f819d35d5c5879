import KubernetesAPI
import Logging
import Synchronization

/// Notices nodes that are not heard of: their conditions become `Unknown`, and a taint keeps new pods away. A heartbeat
/// is a change of the node's Lease or of its status, timed by this program's own clock.
///
/// Pods on such a node are left alone, unlike upstream: there is no other node for them, the processes may well be
/// running, and their status is the agent's, which tells what has changed and not what somebody else wrote over it.
final class NodeLifecycleController: Controller {
    private static let leaseNamespace = "kube-node-lease"
    /// How long a node that seems silent has to be heard after all: a machine that slept, or a program that was
    /// stopped, wakes to find everybody's time over at once. One period of the agent's lease.
    private static let secondLook = Duration.seconds(10)

    private let client: APIClient
    private let time: TimeSource
    private let elapsed: @Sendable () -> Duration
    private let logger: Logger
    private let nodes: Informer<Node>
    private let events: EventRecorder
    /// How long a node may be silent.
    private let gracePeriod: Duration
    private let queue: WorkQueue<String>
    private let lastHeard = Mutex<[String: Duration]>([:])
    /// Nodes that seem silent, since when.
    private let suspects = Mutex<[String: Duration]>([:])

    init(
        client: APIClient, nodes: Informer<Node>, tracker: MetadataTracker,
        events: EventRecorder, gracePeriod: Duration, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.time = time
        self.logger = logger
        self.nodes = nodes
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
        await queue.run(logger: logger, "node not looked after yet") { [self] in try await sync($0) }
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
            suspects.withLock { $0[node.metadata.name] = nil }
            return
        }
        if let node = change.object { queue.add(node.metadata.name) }
    }

    private func heard(_ name: String) {
        let now = elapsed()
        lastHeard.withLock { $0[name] = now }
        suspects.withLock { $0[name] = nil }
        queue.add(name, after: gracePeriod)
    }

    private func sync(_ name: String) async throws -> WorkQueue<String>.Outcome {
        guard var node = nodes.cache[ObjectKey(namespace: "", name: name)] else { return .done }
        let now = elapsed()
        let silence = now - (lastHeard.withLock { $0[name] } ?? .zero)
        let isSilent = silence >= gracePeriod
        if isSilent {
            let suspectSince = suspects.withLock { suspects in
                let since = suspects[name] ?? now
                suspects[name] = since
                return since
            }
            if now - suspectSince < Self.secondLook { return .again(after: suspectSince + Self.secondLook - now) }
            let status = NodeHealth.unknown(node.status, now: time.now)
            if status != node.status {
                node.status = status
                node = try await client.updateStatus(node)
                logger.warning("node is not heard of", metadata: ["node": "\(name)"])
                events.record(
                    node, reason: ControllerReason.nodeNotReady, message: "Node \(name) status is now: NodeNotReady")
            }
        }
        let taints = NodeHealth.taints(node, now: time.now)
        if taints != node.spec.taints {
            node.spec.taints = taints
            _ = try await client.update(node)
        }
        return isSilent ? .done : .again(after: gracePeriod - silence)
    }
}
