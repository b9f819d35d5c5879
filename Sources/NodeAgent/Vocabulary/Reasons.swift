// Kubernetes' own words. Tools and people match on them, so each is spelled once, here, and a test compares each with
// its literal.

/// `state.waiting.reason` of a container (kubelet: `pkg/kubelet/container/sync_result.go`, `images/types.go`).
enum WaitingReason {
    static let containerCreating = "ContainerCreating"
    static let podInitializing = "PodInitializing"
    static let crashLoopBackOff = "CrashLoopBackOff"
    static let errImagePull = "ErrImagePull"
    static let imagePullBackOff = "ImagePullBackOff"
    static let errImageNeverPull = "ErrImageNeverPull"
    static let imageInspectError = "ImageInspectError"
    static let invalidImageName = "InvalidImageName"
    static let createContainerConfigError = "CreateContainerConfigError"
    static let createContainerError = "CreateContainerError"
    static let runContainerError = "RunContainerError"
}

/// `state.terminated.reason` of a container.
enum TerminatedReason {
    static let completed = "Completed"
    static let error = "Error"
    static let oomKilled = "OOMKilled"
    static let startError = "StartError"
    /// It ran, and nobody can say how it ended.
    static let containerStatusUnknown = "ContainerStatusUnknown"
}

/// Reasons of events (kubelet: `pkg/kubelet/events/event.go`).
enum EventReason {
    static let pulled = "Pulled"
    static let failed = "Failed"
    static let backOff = "BackOff"
    static let inspectFailed = "InspectFailed"
    static let errImageNeverPull = "ErrImageNeverPull"
    static let created = "Created"
    static let started = "Started"
    static let killing = "Killing"
    static let failedKillPod = "FailedKillPod"
    static let failedCreatePodSandBox = "FailedCreatePodSandBox"
    static let failedMount = "FailedMount"
    static let unhealthy = "Unhealthy"
    static let probeWarning = "ProbeWarning"
    static let sandboxChanged = "SandboxChanged"
    static let failedPostStartHook = "FailedPostStartHook"
    static let failedPreStopHook = "FailedPreStopHook"
    static let hostPortConflict = "HostPortConflict"
    /// Of the resolver's configuration: more name servers or search paths than can be used.
    static let dnsConfigForming = "DNSConfigForming"
    static let missingClusterDNS = "MissingClusterDNS"
    static let resizeStarted = "ResizeStarted"
    static let resizeCompleted = "ResizeCompleted"
    static let resizeDeferred = "ResizeDeferred"
    static let resizeInfeasible = "ResizeInfeasible"
    static let resizeError = "ResizeError"
    /// Of the node.
    static let systemOOM = "SystemOOM"
    /// The node problem detector's, for kills of the kernel's OOM killer.
    static let oomKilling = "OOMKilling"
    static let starting = "Starting"
    static let nodeReady = "NodeReady"
    static let nodeHasSufficientMemory = "NodeHasSufficientMemory"
    static let nodeHasInsufficientMemory = "NodeHasInsufficientMemory"
    static let nodeHasNoDiskPressure = "NodeHasNoDiskPressure"
    static let nodeHasDiskPressure = "NodeHasDiskPressure"
    static let nodeHasSufficientPID = "NodeHasSufficientPID"
    static let nodeHasInsufficientPID = "NodeHasInsufficientPID"
    static let successfulNodeAllocatableEnforcement = "SuccessfulNodeAllocatableEnforcement"
    static let failedNodeAllocatableEnforcement = "FailedNodeAllocatableEnforcement"
    static let evicted = "Evicted"
    static let evictionThresholdMet = "EvictionThresholdMet"
    /// Ours: this host cannot enforce what the pod asks for.
    static let unenforceableLimits = "UnenforceableLimits"
}

/// Reasons of a pod's conditions (kubelet: `pkg/kubelet/status/generate.go`).
enum ConditionReason {
    static let unknownContainerStatuses = "UnknownContainerStatuses"
    static let podCompleted = "PodCompleted"
    static let podFailed = "PodFailed"
    static let containersNotReady = "ContainersNotReady"
    static let containersNotInitialized = "ContainersNotInitialized"
    static let readinessGatesNotReady = "ReadinessGatesNotReady"
    /// Of `PodResizePending`.
    static let deferred = "Deferred"
    static let infeasible = "Infeasible"
    /// Of `PodResizeInProgress`.
    static let error = "Error"
    /// Of `DisruptionTarget`: the node was short of a resource.
    static let terminationByKubelet = "TerminationByKubelet"
    /// Ours, of `LimitsEnforced`: a cgroup controller that a limit needs is missing.
    static let controllerMissing = "ControllerMissing"
}

/// Our own condition of pods and of the node: False where a limit of the pod, or any limit, is not enforced on this host.
enum OwnConditionType {
    static let limitsEnforced = "LimitsEnforced"
}

/// `status.reason` of a pod that the node refused or ended.
enum PodReason {
    static let nodeAffinity = "NodeAffinity"
    static let sysctlForbidden = "SysctlForbidden"
    static let deadlineExceeded = "DeadlineExceeded"
    static let unexpectedAdmissionError = "UnexpectedAdmissionError"
    static let evicted = "Evicted"
}

/// Reasons of the node's conditions (kubelet: `pkg/kubelet/nodestatus/setters.go`).
enum NodeReason {
    static let kubeletReady = "KubeletReady"
    static let sufficientMemory = "KubeletHasSufficientMemory"
    static let insufficientMemory = "KubeletHasInsufficientMemory"
    static let noDiskPressure = "KubeletHasNoDiskPressure"
    static let diskPressure = "KubeletHasDiskPressure"
    static let sufficientPID = "KubeletHasSufficientPID"
    static let insufficientPID = "KubeletHasInsufficientPID"
    /// Ours, of `LimitsEnforced`.
    static let allControllers = "AllControllersAvailable"
    static let controllerMissing = "ControllerMissing"
}

/// Names of probes, as events and the kubelet's messages have them.
enum ProbeKind: String, Sendable, Hashable, CaseIterable {
    case startup = "Startup"
    case liveness = "Liveness"
    case readiness = "Readiness"
}
