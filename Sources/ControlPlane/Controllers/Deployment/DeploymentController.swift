import KubernetesAPI
import Logging

/// Rolls out Deployments by way of ReplicaSets, the way kube-controller-manager does: what is decided is in
/// `RolloutPlan` and `DeploymentProgress`, what is done about one Deployment in `DeploymentRound`.
final class DeploymentController: Controller {
    private let client: APIClient
    private let time: TimeSource
    private let logger: Logger
    private let deployments: Informer<Deployment>
    private let sets: Informer<ReplicaSet>
    private let pods: Informer<Pod>
    private let events: EventRecorder
    private let queue: WorkQueue<ObjectKey>

    init(
        client: APIClient, deployments: Informer<Deployment>, sets: Informer<ReplicaSet>, pods: Informer<Pod>,
        events: EventRecorder, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.time = time
        self.logger = logger
        self.deployments = deployments
        self.sets = sets
        self.pods = pods
        self.events = events
        queue = WorkQueue(time: time)
        deployments.onChange { [weak self] in self?.deploymentChanged($0) }
        sets.onChange { [weak self] in self?.setChanged($0) }
        pods.onChange { [weak self] in self?.podChanged($0) }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    func run() async {
        await queue.run(workers: 5, logger: logger, "deployment not in order yet") { [self] in try await sync($0) }
    }

    // MARK: What changed

    private func deploymentChanged(_ change: ObjectChange<Deployment>) {
        if let deployment = change.object { queue.add(deployment.key) }
    }

    private func setChanged(_ change: ObjectChange<ReplicaSet>) {
        guard let set = change.object else { return }
        if case .modified(let old, let new) = change {
            if old.metadata.resourceVersion == new.metadata.resourceVersion { return }
            if old.metadata.controller?.uid != new.metadata.controller?.uid, let owner = owner(of: old) {
                queue.add(owner.key)
            }
        }
        if let owner = owner(of: set) { return queue.add(owner.key) }
        guard set.metadata.controller == nil, !set.metadata.labels.isEmpty else { return }
        for deployment in deployments.cache.inNamespace(set.metadata.namespace) {
            guard let matcher = LabelMatcher(ofController: deployment.spec.selector) else { continue }
            if matcher.matches(set.metadata.labels) { queue.add(deployment.key) }
        }
    }

    /// Recreate waits for the last old pod to be gone; nobody else here looks at single pods.
    private func podChanged(_ change: ObjectChange<Pod>) {
        guard let pod = change.object else { return }
        switch change {
        case .deleted: break
        case .modified(let old, let new) where !old.isTerminated && new.isTerminated: break
        default: return
        }
        guard let reference = pod.metadata.controller,
            let set = sets.cache[ObjectKey(namespace: pod.metadata.namespace, name: reference.name)],
            let owner = owner(of: set), owner.spec.strategy.type == .recreate
        else { return }
        queue.add(owner.key)
    }

    private func owner(of set: ReplicaSet) -> Deployment? {
        guard let reference = set.metadata.controller, reference.kind == Deployment.groupVersionKind.kind else {
            return nil
        }
        let deployment = deployments.cache[ObjectKey(namespace: set.metadata.namespace, name: reference.name)]
        return deployment?.metadata.uid == reference.uid ? deployment : nil
    }

    // MARK: Making it so

    private func sync(_ key: ObjectKey) async throws -> WorkQueue<ObjectKey>.Outcome {
        guard let deployment = deployments.cache[key] else { return .done }
        guard let matcher = LabelMatcher(ofController: deployment.spec.selector) else {
            events.record(
                deployment, .warning, reason: ControllerReason.selectingAll,
                message: "This deployment is selecting all pods. A non-empty selector is required.")
            return .done
        }
        let candidates =
            sets.cache.ownedBy(uid: deployment.metadata.uid) + sets.cache.withoutController(inNamespace: key.namespace)
        let owned = try await OwnershipClaim(client: client, owner: deployment, matcher: matcher).claim(candidates)
        var round = DeploymentRound(
            client: client, events: events, time: time, deployment: deployment, sets: owned,
            pods: { [pods] set in pods.cache.ownedBy(uid: set.metadata.uid) })
        return try await round.run().map { .again(after: $0) } ?? .done
    }
}
