import KubernetesAPI

/// What there is of a ReplicaSet's or ReplicationController's pods.
struct ReplicaCounts: Sendable, Equatable {
    var replicas: Int32
    var fullyLabeled: Int32
    var ready: Int32
    var available: Int32
    var terminating: Int32

    /// - Parameter pods: every pod that the owner has, whatever its state.
    init(of pods: [Pod], owner: some ReplicaOwner, now: MicroTimestamp) {
        let active = pods.filter(\.isActive)
        let labels = owner.podTemplate.metadata.labels
        replicas = Int32(active.count)
        fullyLabeled = Int32(
            active.count { pod in labels.allSatisfy { pod.metadata.labels[$0.key] == $0.value } })
        ready = Int32(active.count(where: \.isReady))
        available = Int32(active.count { $0.isAvailable(minReadySeconds: owner.minReadySeconds, now: now) })
        terminating = Int32(pods.count(where: \.isTerminating))
    }
}

/// Why the number of pods could not be brought to what is asked for.
struct ReplicaFailure: Error, Sendable, CustomStringConvertible {
    /// `FailedCreate` or `FailedDelete`.
    var reason: String
    var message: String
    var description: String { message }
}
