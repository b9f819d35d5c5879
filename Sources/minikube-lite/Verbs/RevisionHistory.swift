import KubernetesAPI

/// The revisions of a Deployment: its ReplicaSets by their revision annotation.
struct RevisionHistory {
    struct Revision {
        var number: Int64
        var cause: String?
        var replicaSet: ReplicaSet
    }
    static let revisionAnnotation = "deployment.kubernetes.io/revision"
    static let causeAnnotation = "kubernetes.io/change-cause"

    var deployment: Deployment
    /// The oldest first.
    var revisions: [Revision]

    static func load(_ name: String, _ cluster: Cluster) async throws -> RevisionHistory {
        let deployment = try await cluster.client.get(Deployment.self, name, namespace: cluster.namespace)
        let sets = try await cluster.client.list(ReplicaSet.self, namespace: cluster.namespace).items
        return RevisionHistory(deployment: deployment, replicaSets: sets)
    }

    init(deployment: Deployment, replicaSets: [ReplicaSet]) {
        self.deployment = deployment
        revisions = replicaSets.compactMap { set in
            guard set.metadata.ownerReferences.contains(where: { $0.uid == deployment.metadata.uid }),
                let number = set.metadata.annotations[Self.revisionAnnotation].flatMap({ Int64($0) })
            else { return nil }
            return Revision(
                number: number, cause: set.metadata.annotations[Self.causeAnnotation], replicaSet: set)
        }.sorted { $0.number < $1.number }
    }

    /// What an undo goes back to: the revision of that number, or (0) the one before the latest.
    func target(_ number: Int64) throws(CommandFailure) -> Revision {
        if number > 0 {
            guard let found = revisions.first(where: { $0.number == number }) else {
                throw CommandFailure("error: unable to find specified revision \(number) in history")
            }
            return found
        }
        guard revisions.count > 1 else {
            throw CommandFailure("error: no rollout history found for deployment \"\(deployment.metadata.name)\"")
        }
        return revisions[revisions.count - 2]
    }
}
