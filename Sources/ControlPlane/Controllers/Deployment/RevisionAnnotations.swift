import KubernetesAPI

/// The annotations by which a Deployment and its ReplicaSets remember revisions and sizes.
enum RevisionAnnotations {
    static let revision = "deployment.kubernetes.io/revision"
    static let history = "deployment.kubernetes.io/revision-history"
    static let desiredReplicas = "deployment.kubernetes.io/desired-replicas"
    static let maxReplicas = "deployment.kubernetes.io/max-replicas"
    static let lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
    /// The longest history kept, in characters.
    private static let historyLimit = 2000
    /// What a Deployment has and its ReplicaSets do not take over.
    private static let notCopied: Set = [lastApplied, revision, history, desiredReplicas, maxReplicas]

    /// An object's revision; 0 where it has none.
    static func revision(of metadata: ObjectMeta) -> Int64 { Int64(metadata.annotations[revision] ?? "") ?? 0 }

    static func highestRevision(_ sets: [ReplicaSet]) -> Int64 { sets.map { revision(of: $0.metadata) }.max() ?? 0 }

    /// A count that is kept in an annotation.
    static func count(_ key: String, of set: ReplicaSet) -> Int32? { Int32(set.metadata.annotations[key] ?? "") }

    /// Notes for which size of the Deployment a ReplicaSet was scaled last, which proportional scaling needs.
    static func setSizes(_ bounds: RolloutBounds, on metadata: inout ObjectMeta) {
        metadata.annotations[desiredReplicas] = String(bounds.replicas)
        metadata.annotations[maxReplicas] = String(bounds.maxTotal)
    }

    /// Brings the newest ReplicaSet's annotations up to date: the Deployment's own (a change cause, for one), the
    /// revision, and the revisions that it had before when it is one that was rolled back to.
    static func update(_ set: inout ReplicaSet, of deployment: Deployment, revision newRevision: Int64, isNew: Bool) {
        for (key, value) in deployment.metadata.annotations where !notCopied.contains(key) {
            set.metadata.annotations[key] = value
        }
        let old = set.metadata.annotations[revision]
        if revision(of: set.metadata) < newRevision {
            set.metadata.annotations[revision] = String(newRevision)
            if let old, !old.isEmpty { remember(old, on: &set.metadata) }
        }
        if isNew { setSizes(RolloutBounds(deployment.spec), on: &set.metadata) }
    }

    private static func remember(_ revision: String, on metadata: inout ObjectMeta) {
        var revisions = (metadata.annotations[history] ?? "").split(separator: ",").map(String.init)
        revisions.append(revision)
        while revisions.joined(separator: ",").utf8.count > historyLimit { revisions.removeFirst() }
        metadata.annotations[history] = revisions.joined(separator: ",")
    }
}
