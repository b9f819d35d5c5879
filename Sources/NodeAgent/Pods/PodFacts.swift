import KubernetesAPI
import PodRuntime

/// Everything that is known of one pod: what was asked for, and what has happened. States, phases and what to do next
/// are derived from it (`PodPlan`, `PodStatusDerivation`). Times are nanoseconds since 1970.
struct PodFacts: Sendable {
    enum Sandbox: Sendable, Hashable {
        case none, starting, up
        /// Its shim or its boot is gone; it has to be cleared away and made anew.
        case lost
        case replacing
    }

    enum Step: Sendable, Hashable { case due, underWay, done }

    /// Why the pod ends though its work is not done.
    enum Ending: Sendable, Hashable {
        /// The API wants it gone; seconds of grace for its processes.
        case deletion(grace: Int64)
        /// The API has no such pod any more.
        case absent
        /// The node refuses it, or its time is up: it ends Failed.
        case failure(reason: String, message: String)
    }

    var pod: Pod
    var lifecycle = PodLifecycle.active
    var ending: Ending?
    /// Why the node ended it, where it was evicted.
    var eviction: PodEviction?
    /// The object is not in the API any more.
    var isAbsent = false
    var sandbox = Sandbox.none
    var sandboxRetry = RetryDelay(first: .seconds(1), cap: .seconds(60))
    var sandboxRetryAt: Int64 = 0
    /// A sandbox of this pod was up once; the next one is a `SandboxChanged`.
    var hadSandbox = false
    var addresses: [String] = []
    var volumes = Step.due
    var volumeRetry = RetryDelay(first: .milliseconds(500), cap: .seconds(122))
    var volumeRetryAt: Int64 = 0
    /// When something in the volumes has to be written anew, though nothing was changed in the API.
    var volumeRefreshAt: Int64?
    /// Whether the ports of the host that the pod asks for lead to it.
    var hostPorts = Step.done
    var hostPortRetry = RetryDelay(first: .seconds(1), cap: .seconds(30))
    var hostPortRetryAt: Int64 = 0
    /// Whether a pod that ends is out of its services.
    var departure = Step.due
    /// When the grace period of a pod that ends is over, and the grace that this comes from.
    var endBy: Int64?
    var countedGrace: Int64?
    var containers: [String: ContainerFacts] = [:]
    /// Init containers that have done their work in the present sandbox.
    var completedInits: Set<String> = []
    var removal = Step.due
    var removalRetry = RetryDelay(first: .milliseconds(500), cap: .seconds(30))
    var removalRetryAt: Int64 = 0
    /// The API has the status of the pod's end; without it nothing that is known only here may be removed.
    var isEndReported = false
    var deletion = Step.due
    /// What the node gives the pod, which may be less than it asks for now.
    var allocation: PodAllocation
    /// What its cgroups should have, by the allocation and the pod's annotations.
    var desired = PodCgroups()
    /// What the pod's own cgroup has; nil where it has none. A container's is with its attempt.
    var appliedPod: CgroupResources?
    /// Resources of the pod as a whole that its cgroup has.
    var actuatedPod: ResourceRequirements?
    var resize = PodResize()
    /// Why the pod waits: a limit that this host cannot enforce.
    var unenforceable: String?
    /// When the node first saw the pod.
    var startTime: Int64

    init(pod: Pod, startTime: Int64, backoffCap: Duration) {
        self.pod = pod
        self.startTime = startTime
        allocation = PodAllocation(pod.spec)
        actuatedPod = pod.spec.resources
        if !pod.hostPortClaims.isEmpty { hostPorts = .due }
        for container in pod.spec.initContainers + pod.spec.containers {
            containers[container.name] = ContainerFacts(backoffCap: backoffCap)
        }
    }

    var isDeletionRequested: Bool { pod.metadata.deletionTimestamp != nil || isAbsent }

    /// Seconds that the pod's processes are given, by the object as it is now. A pod that the API has forgotten was
    /// deleted by force: it is given a second, as the kubelet gives it.
    var grace: Int64 {
        if isAbsent { return 1 }
        let asked = max(pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30, 1)
        return eviction.map { min($0.grace, asked) } ?? asked
    }

    func facts(_ name: String) -> ContainerFacts { containers[name] ?? ContainerFacts(backoffCap: .seconds(300)) }

    /// Takes a new state of the object.
    mutating func observe(_ pod: Pod) {
        self.pod = pod
        if pod.metadata.deletionTimestamp != nil { requestEnd(.deletion(grace: grace)) }
    }

    mutating func observeAbsence() {
        isAbsent = true
        requestEnd(.absent)
    }

    mutating func requestEnd(_ ending: Ending) {
        // A pod that failed stays so when it is deleted afterwards.
        if case .failure = self.ending {} else { self.ending = ending }
        lifecycle = lifecycle.apply(.endRequested)
    }

    mutating func evict(_ eviction: PodEviction) {
        self.eviction = eviction
        requestEnd(.failure(reason: PodReason.evicted, message: eviction.message))
    }

    /// The sandbox is gone, and with it every process.
    mutating func loseSandbox(at now: Int64) {
        sandbox = .lost
        appliedPod = nil
        for name in containers.keys { containers[name]?.lost(at: now) }
        completedInits = []
        // What init containers had prepared may be gone too: a new sandbox begins with them.
        for container in pod.spec.initContainers { containers[container.name]?.latest?.end?.isLost = true }
    }

    /// Moves on as far as the facts allow.
    mutating func advance(now: Int64) {
        if lifecycle == .active, let deadline = pod.spec.activeDeadlineSeconds,
            now >= startTime + deadline * 1_000_000_000
        {
            requestEnd(
                .failure(
                    reason: PodReason.deadlineExceeded,
                    message: "Pod was active on the node longer than the specified deadline"))
        }
        for name in pod.spec.initContainers.lazy.filter({ !$0.isSidecar }).map(\.name)
        where containers[name]?.end?.code == 0 && containers[name]?.end?.isLost == false {
            if sandbox == .up { completedInits.insert(name) }
        }
        if lifecycle == .active, isWorkDone { lifecycle = lifecycle.apply(.workDone) }
        if lifecycle == .terminating, containers.values.allSatisfy({ !$0.isRunning && !$0.isStarting }),
            sandbox != .starting, sandbox != .replacing, volumes != .underWay
        {
            lifecycle = lifecycle.apply(.processesEnded)
        }
        if lifecycle == .removing, removal == .done { lifecycle = lifecycle.apply(.removed) }
        if lifecycle == .over {
            if isAbsent {
                lifecycle = lifecycle.apply(.objectGone)
            } else if pod.metadata.deletionTimestamp != nil {
                lifecycle = lifecycle.apply(.deletionSeen)
            }
        }
        if lifecycle == .deleting, isAbsent || deletion == .done { lifecycle = lifecycle.apply(.objectGone) }
        countGrace(now: now)
    }
}
