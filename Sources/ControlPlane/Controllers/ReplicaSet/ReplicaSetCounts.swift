import KubernetesAPI

extension ReplicaSetStatus {
    /// The status that follows from a ReplicaSet's pods and from how the last attempt to change their number went.
    ///
    /// - Parameters:
    ///   - pods: every pod that the ReplicaSet owns, whatever its state.
    ///   - failure: what went wrong when pods were created or deleted.
    init(of set: ReplicaSet, pods: [Pod], failure: ReplicaSetFailure?, now: MicroTimestamp) {
        self = set.status
        let active = pods.filter(\.isActive)
        let labels = set.spec.template.metadata.labels
        replicas = Int32(active.count)
        fullyLabeledReplicas = Int32(
            active.count { pod in labels.allSatisfy { pod.metadata.labels[$0.key] == $0.value } })
        readyReplicas = Int32(active.count(where: \.isReady))
        availableReplicas = Int32(
            active.count { $0.isAvailable(minReadySeconds: set.spec.minReadySeconds, now: now) })
        terminatingReplicas = Int32(pods.count(where: \.isTerminating))
        observedGeneration = set.metadata.generation

        let present = conditions.first { $0.type == .replicaFailure }
        if let failure {
            // The first failure stays until a success: its time tells for how long this has been going on.
            guard present == nil else { return }
            var condition = ReplicaSetCondition()
            condition.type = .replicaFailure
            condition.status = .true
            condition.reason = failure.reason
            condition.message = failure.message
            condition.lastTransitionTime = Timestamp(nanoseconds: now.microseconds * 1000)
            conditions.append(condition)
        } else if present != nil {
            conditions.removeAll { $0.type == .replicaFailure }
        }
    }
}

/// Why the number of pods could not be brought to what is asked for.
struct ReplicaSetFailure: Error, Sendable, CustomStringConvertible {
    /// `FailedCreate` or `FailedDelete`.
    var reason: String
    var message: String
    var description: String { message }
}
