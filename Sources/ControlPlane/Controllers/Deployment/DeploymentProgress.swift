import KubernetesAPI

extension DeploymentStatus {
    /// Counts a Deployment's pods from its ReplicaSets and says whether enough of them are available. Conditions other
    /// than `Available` are those of `status`.
    init(_ status: DeploymentStatus, of deployment: Deployment, new: ReplicaSet?, old: [ReplicaSet], now: Timestamp) {
        self = status
        let all = old + (new.map { [$0] } ?? [])
        let bounds = RolloutBounds(deployment.spec)
        observedGeneration = deployment.metadata.generation
        replicas = all.reduce(0) { $0 + $1.status.replicas }
        updatedReplicas = new?.status.replicas ?? 0
        readyReplicas = all.reduce(0) { $0 + $1.status.readyReplicas }
        availableReplicas = all.reduce(0) { $0 + $1.status.availableReplicas }
        unavailableReplicas = max(all.totalSize - availableReplicas, 0)
        terminatingReplicas = all.reduce(0) { $0 + ($1.status.terminatingReplicas ?? 0) }
        if availableReplicas >= bounds.minAvailable {
            set(
                .available, .true, ControllerReason.minimumReplicasAvailable,
                "Deployment has minimum availability.", now)
        } else {
            set(
                .available, .false, ControllerReason.minimumReplicasUnavailable,
                "Deployment does not have minimum availability.", now)
        }
    }

    func condition(_ type: DeploymentConditionType) -> DeploymentCondition? { conditions.first { $0.type == type } }

    /// Sets a condition. One that says the same already stays as it is, with its times and its message.
    mutating func set(
        _ type: DeploymentConditionType, _ status: ConditionStatus, _ reason: String, _ message: String,
        _ now: Timestamp
    ) {
        let present = condition(type)
        if let present, present.status == status, present.reason == reason { return }
        var condition = DeploymentCondition()
        condition.type = type
        condition.status = status
        condition.reason = reason
        condition.message = message
        condition.lastUpdateTime = now
        condition.lastTransitionTime = present?.status == status ? present?.lastTransitionTime : now
        conditions.removeAll { $0.type == type }
        conditions.append(condition)
    }

    mutating func remove(_ type: DeploymentConditionType) { conditions.removeAll { $0.type == type } }
}

/// How a rollout gets on: what its `Progressing` and `ReplicaFailure` conditions say, and when to look again.
struct DeploymentProgress {
    let deployment: Deployment
    let new: ReplicaSet?
    let old: [ReplicaSet]
    let now: MicroTimestamp

    private var seconds: Timestamp { Timestamp(nanoseconds: now.microseconds * 1000) }

    /// Nil where progress has no deadline (`progressDeadlineSeconds` at its greatest value means that, too).
    static func deadline(_ spec: DeploymentSpec) -> Int32? {
        spec.progressDeadlineSeconds.flatMap { $0 == .max ? nil : $0 }
    }

    /// The status to be written.
    ///
    /// - Parameters:
    ///   - before: the status with the counts that were written last.
    ///   - conditions: its conditions with what this round found out so far.
    func status(before: DeploymentStatus, conditions: DeploymentStatus) -> DeploymentStatus {
        var status = DeploymentStatus(conditions, of: deployment, new: new, old: old, now: seconds)
        if Self.deadline(deployment.spec) == nil { status.remove(.progressing) }
        let present = conditions.condition(.progressing)
        let isSettled =
            status.replicas == status.updatedReplicas && present?.reason == ControllerReason.newReplicaSetAvailable
        if Self.deadline(deployment.spec) != nil, !isSettled {
            let name = new.map { "ReplicaSet \"\($0.metadata.name)\"" } ?? "Deployment \"\(deployment.metadata.name)\""
            if Self.isComplete(deployment, status) {
                status.set(
                    .progressing, .true, ControllerReason.newReplicaSetAvailable,
                    "\(name) has successfully progressed.", seconds)
            } else if Self.isProgress(from: before, to: status) {
                // Set anew each time: its update time is what the deadline counts from.
                let since = present?.status == .true ? present?.lastTransitionTime : nil
                status.remove(.progressing)
                status.set(.progressing, .true, ControllerReason.replicaSetUpdated, "\(name) is progressing.", seconds)
                if let since, let index = status.conditions.firstIndex(where: { $0.type == .progressing }) {
                    status.conditions[index].lastTransitionTime = since
                }
            } else if timeToDeadline(status) == .zero {
                status.set(
                    .progressing, .false, ControllerReason.progressDeadlineExceeded,
                    "\(name) has timed out progressing.", seconds)
            }
        }
        if let failure = replicaFailure {
            status.set(.replicaFailure, failure.status, failure.reason, failure.message, seconds)
        } else {
            status.remove(.replicaFailure)
        }
        return status
    }

    static func isComplete(_ deployment: Deployment, _ status: DeploymentStatus) -> Bool {
        let replicas = deployment.spec.replicas ?? 1
        return status.updatedReplicas == replicas && status.replicas == replicas
            && status.availableReplicas == replicas && status.observedGeneration >= deployment.metadata.generation
    }

    private static func isProgress(from before: DeploymentStatus, to after: DeploymentStatus) -> Bool {
        after.updatedReplicas > before.updatedReplicas
            || after.replicas - after.updatedReplicas < before.replicas - before.updatedReplicas
            || after.readyReplicas > before.readyReplicas || after.availableReplicas > before.availableReplicas
    }

    /// How long until the deadline passes; zero where it has, nil where no deadline runs. A rollout that came to its
    /// end has none, whatever happens to its pods later.
    func timeToDeadline(_ status: DeploymentStatus) -> Duration? {
        guard let deadline = Self.deadline(deployment.spec), let condition = status.condition(.progressing),
            condition.reason != ControllerReason.newReplicaSetAvailable
        else { return nil }
        if condition.reason == ControllerReason.progressDeadlineExceeded { return .zero }
        guard let from = condition.lastUpdateTime else { return nil }
        let due = (from.seconds + Int64(deadline)) * 1_000_000
        return due < now.microseconds ? .zero : .microseconds(due - now.microseconds + 1)
    }

    /// When to look again though nothing happens; nil where something has to happen first.
    func nextCheck(_ status: DeploymentStatus) -> Duration? {
        guard !deployment.spec.paused, !Self.isComplete(deployment, status) else { return nil }
        return timeToDeadline(status).flatMap { $0 > .zero ? $0 : nil }
    }

    /// The failure of the new ReplicaSet, else of any old one.
    private var replicaFailure: ReplicaSetCondition? {
        ((new.map { [$0] } ?? []) + old).lazy
            .compactMap { $0.status.conditions.first { $0.type == .replicaFailure } }.first
    }
}
