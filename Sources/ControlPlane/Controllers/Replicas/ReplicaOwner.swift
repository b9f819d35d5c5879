import KubernetesAPI

/// A kind whose objects each ask for a number of copies of a pod, which `ReplicaController` keeps.
protocol ReplicaOwner: KubernetesObject {
    associatedtype Status: Equatable, Sendable

    var status: Status { get set }
    /// Which pods are meant; nil where that is not said, and nothing is done.
    var podSelector: LabelSelector? { get }
    var podTemplate: PodTemplateSpec { get }
    var wantedReplicas: Int { get }
    /// Seconds for which a pod has to be ready until it counts as available.
    var minReadySeconds: Int32 { get }

    /// Writes down what there is and how the last attempt to change it went.
    mutating func report(_ counts: ReplicaCounts, _ failure: ReplicaFailure?, now: MicroTimestamp)
}

extension ReplicaSet: ReplicaOwner {
    var podSelector: LabelSelector? { spec.selector }
    var podTemplate: PodTemplateSpec { spec.template }
    var wantedReplicas: Int { Int(spec.replicas ?? 1) }
    var minReadySeconds: Int32 { spec.minReadySeconds }

    mutating func report(_ counts: ReplicaCounts, _ failure: ReplicaFailure?, now: MicroTimestamp) {
        status.replicas = counts.replicas
        status.fullyLabeledReplicas = counts.fullyLabeled
        status.readyReplicas = counts.ready
        status.availableReplicas = counts.available
        status.terminatingReplicas = counts.terminating
        status.observedGeneration = metadata.generation
        guard let failure else { return status.conditions.removeAll { $0.type == .replicaFailure } }
        // The first failure stays until a success: its time tells for how long this has been going on.
        guard !status.conditions.contains(where: { $0.type == .replicaFailure }) else { return }
        var condition = ReplicaSetCondition()
        condition.type = .replicaFailure
        condition.status = .true
        condition.reason = failure.reason
        condition.message = failure.message
        condition.lastTransitionTime = Timestamp(nanoseconds: now.microseconds * 1000)
        status.conditions.append(condition)
    }
}

extension ReplicationController: ReplicaOwner {
    var podSelector: LabelSelector? {
        var selector = LabelSelector()
        selector.matchLabels = spec.selector
        return selector
    }
    var podTemplate: PodTemplateSpec { spec.template ?? PodTemplateSpec() }
    var wantedReplicas: Int { Int(spec.replicas ?? 1) }
    var minReadySeconds: Int32 { spec.minReadySeconds }

    mutating func report(_ counts: ReplicaCounts, _ failure: ReplicaFailure?, now: MicroTimestamp) {
        status.replicas = counts.replicas
        status.fullyLabeledReplicas = counts.fullyLabeled
        status.readyReplicas = counts.ready
        status.availableReplicas = counts.available
        status.observedGeneration = metadata.generation
        guard let failure else { return status.conditions.removeAll { $0.type == .replicaFailure } }
        guard !status.conditions.contains(where: { $0.type == .replicaFailure }) else { return }
        var condition = ReplicationControllerCondition()
        condition.type = .replicaFailure
        condition.status = .true
        condition.reason = failure.reason
        condition.message = failure.message
        condition.lastTransitionTime = Timestamp(nanoseconds: now.microseconds * 1000)
        status.conditions.append(condition)
    }
}
