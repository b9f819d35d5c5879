import KubernetesAPI

/// How far a rollout is, in kubectl's words.
struct RolloutProgress: Equatable {
    var message: String
    var isDone: Bool

    /// Throws `CommandFailure` where the rollout has exceeded its deadline.
    init(of deployment: Deployment) throws(CommandFailure) {
        let name = deployment.metadata.name
        let status = deployment.status
        isDone = false
        let waiting = "Waiting for deployment \"\(name)\" rollout to finish:"
        guard deployment.metadata.generation <= status.observedGeneration else {
            message = "Waiting for deployment spec update to be observed..."
            return
        }
        if status.conditions.contains(where: { $0.type == .progressing && $0.reason == "ProgressDeadlineExceeded" }) {
            throw CommandFailure("error: deployment \"\(name)\" exceeded its progress deadline")
        }
        if let wanted = deployment.spec.replicas, status.updatedReplicas < wanted {
            message = "\(waiting) \(status.updatedReplicas) out of \(wanted) new replicas have been updated..."
        } else if status.replicas > status.updatedReplicas {
            message =
                "\(waiting) \(status.replicas - status.updatedReplicas) old replicas are pending termination..."
        } else if status.availableReplicas < status.updatedReplicas {
            message =
                "\(waiting) \(status.availableReplicas) of \(status.updatedReplicas) updated replicas are available..."
        } else {
            message = "deployment \"\(name)\" successfully rolled out"
            isDone = true
        }
    }
}
