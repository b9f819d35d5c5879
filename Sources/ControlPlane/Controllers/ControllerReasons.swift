/// The words of Kubernetes' controllers, exactly: clients, tools and people match on them.
enum ControllerReason {
    // Events of a ReplicaSet, and the reasons of its ReplicaFailure condition.
    static let successfulCreate = "SuccessfulCreate"
    static let failedCreate = "FailedCreate"
    static let successfulDelete = "SuccessfulDelete"
    static let failedDelete = "FailedDelete"

    // Events of a Deployment.
    static let scalingReplicaSet = "ScalingReplicaSet"
    static let selectingAll = "SelectingAll"

    // Reasons of a Deployment's Progressing condition.
    static let newReplicaSetCreated = "NewReplicaSetCreated"
    static let foundNewReplicaSet = "FoundNewReplicaSet"
    static let replicaSetUpdated = "ReplicaSetUpdated"
    static let newReplicaSetAvailable = "NewReplicaSetAvailable"
    static let progressDeadlineExceeded = "ProgressDeadlineExceeded"
    static let replicaSetCreateError = "ReplicaSetCreateError"
    static let deploymentPaused = "DeploymentPaused"
    static let deploymentResumed = "DeploymentResumed"

    // Reasons of a Deployment's Available condition.
    static let minimumReplicasAvailable = "MinimumReplicasAvailable"
    static let minimumReplicasUnavailable = "MinimumReplicasUnavailable"

    // The scheduler.
    static let scheduled = "Scheduled"
    static let failedScheduling = "FailedScheduling"
    static let unschedulable = "Unschedulable"
    static let preempted = "Preempted"
    static let preemptionByScheduler = "PreemptionByScheduler"

    // The garbage collector.
    static let ownerRefInvalidNamespace = "OwnerRefInvalidNamespace"

    // Services and their endpoints.
    static let ensuredLoadBalancer = "EnsuredLoadBalancer"
    static let deletedLoadBalancer = "DeletedLoadBalancer"
    static let syncLoadBalancerFailed = "SyncLoadBalancerFailed"
    static let failedToUpdateEndpoint = "FailedToUpdateEndpoint"
    static let failedToUpdateEndpointSlices = "FailedToUpdateEndpointSlices"

    // Nodes that are not heard of.
    static let nodeStatusUnknown = "NodeStatusUnknown"
    static let nodeNotReady = "NodeNotReady"
}
