import KubernetesAPI
import PodRuntime

/// Derives a pod's status from what is known of it: pure, so that every rule is a row of a table in the tests. The rules
/// are the kubelet's (`pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/generate.go`).
struct PodStatusDerivation {
    let facts: PodFacts
    /// The status that was derived or read before: transition times and conditions of others are kept.
    let previous: PodStatus
    let nodeAddresses: [String]
    /// Nanoseconds since 1970.
    let now: Int64
    /// Why limits of this pod are not enforced, where they are not.
    var unenforced: String?

    /// As it is allocated: a resize that waits is in the spec only.
    private let spec: PodSpec
    private var timestamp: Timestamp { Timestamp(nanoseconds: now) }

    /// Nothing runs and nothing will: what the containers show now is final.
    var isOver: Bool { facts.lifecycle.isEnding && facts.lifecycle != .terminating && !isAnythingRunning }

    private var isAnythingRunning: Bool { facts.containers.values.contains { $0.isRunning } }

    init(
        facts: PodFacts, previous: PodStatus, nodeAddresses: [String], now: Int64, unenforced: String? = nil
    ) {
        self.facts = facts
        self.previous = previous
        self.nodeAddresses = nodeAddresses
        self.now = now
        self.unenforced = unenforced
        spec = facts.allocatedPod.spec
    }

    func status() -> PodStatus {
        var status = PodStatus()
        status.observedGeneration = facts.pod.metadata.generation
        status.startTime = Timestamp(nanoseconds: facts.startTime)
        status.hostIP = nodeAddresses.first ?? ""
        status.hostIPs = nodeAddresses.map(hostIP)
        let addresses = spec.hostNetwork ? nodeAddresses : facts.addresses
        status.podIP = addresses.first ?? previous.podIP
        status.podIPs = addresses.isEmpty ? previous.podIPs : addresses.map(podIP)
        status.qosClass = spec.qosClass
        status.nominatedNodeName = previous.nominatedNodeName
        if spec.resources != nil {
            status.allocatedResources = spec.effectiveRequests
            status.resources = facts.actuatedPod
        }
        if case .failure(let reason, let message) = facts.ending {
            status.phase = .failed
            status.reason = reason
            status.message = message
        }
        let wasRejected = status.phase == .failed && !facts.hadSandbox
        if !wasRejected || !previous.containerStatuses.isEmpty {
            status.initContainerStatuses = spec.initContainers.map { containerStatus($0, isInit: true) }
            status.containerStatuses = spec.containers.map { containerStatus($0, isInit: false) }
        }
        if status.phase != .failed { status.phase = phase(status) }
        // Nobody may take a pod for ended while a sidecar or a slow container of it still runs.
        if isAnythingRunning, status.phase == .succeeded || status.phase == .failed { status.phase = .running }
        status.conditions = conditions(status)
        return status
    }

    private func hostIP(_ address: String) -> HostIP {
        var ip = HostIP()
        ip.ip = address
        return ip
    }

    private func podIP(_ address: String) -> PodIP {
        var ip = PodIP()
        ip.ip = address
        return ip
    }

    // MARK: Containers

    func containerStatus(_ container: Container, isInit: Bool) -> KubernetesAPI.ContainerStatus {
        let known = facts.facts(container.name)
        var status = KubernetesAPI.ContainerStatus()
        status.name = container.name
        status.image = known.latest.map { $0.image.isEmpty ? container.image : $0.image } ?? container.image
        status.imageID = known.latest?.imageID ?? ""
        status.restartCount = Int32(clamping: known.latest?.number ?? 0)
        if let id = known.latest?.id, !id.isEmpty { status.containerID = Self.containerID(id) }
        status.allocatedResources = container.resources.requests
        status.resources = known.isRunning ? known.latest?.requirements ?? container.resources : container.resources
        if known.latest != nil { status.volumeMounts = container.volumeMounts.map(Self.mounted) }
        status.started = known.isRunning && known.hasStarted
        if let previous = known.previous { status.lastState.terminated = terminated(previous) }

        if let latest = known.latest, latest.end == nil, !known.isInPostStart {
            status.state.running = ContainerStateRunning()
            status.state.running?.startedAt = latest.startedAt.map(Timestamp.init(nanoseconds:))
            status.ready = isInit && !container.isSidecar ? false : known.isReady
        } else if isOver {
            let end = known.latest.map(terminated)
            status.state.terminated = end ?? neverRan()
            status.ready = isInit && end?.exitCode == 0
        } else if let waiting = waiting(container, known, isInit: isInit) {
            status.state.waiting = ContainerStateWaiting()
            status.state.waiting?.reason = waiting.reason
            status.state.waiting?.message = waiting.message
            if let latest = known.latest, latest.end != nil { status.lastState.terminated = terminated(latest) }
        } else if let latest = known.latest {
            status.state.terminated = terminated(latest)
            status.ready = isInit && !container.isSidecar && latest.end?.code == 0
        }
        return status
    }

    /// How a volume was mounted: what is mounted below a read-only one stays as it is (KEP-3857).
    private static func mounted(_ mount: KubernetesAPI.VolumeMount) -> VolumeMountStatus {
        var status = VolumeMountStatus()
        status.name = mount.name
        status.mountPath = mount.mountPath
        status.readOnly = mount.readOnly
        if mount.readOnly { status.recursiveReadOnly = .disabled }
        return status
    }

    /// `containerID`, with the scheme that says who runs it.
    static func containerID(_ id: String) -> String { "minikube-lite://\(id)" }

    private func terminated(_ attempt: Attempt) -> ContainerStateTerminated {
        var state = ContainerStateTerminated()
        state.exitCode = attempt.end?.code ?? 137
        state.signal = attempt.end?.signal ?? 0
        state.reason = attempt.end?.reason ?? TerminatedReason.containerStatusUnknown
        state.message = attempt.end?.message ?? ""
        state.startedAt = attempt.startedAt.map(Timestamp.init(nanoseconds:))
        state.finishedAt = attempt.end.map { Timestamp(nanoseconds: $0.finishedAt) }
        if !attempt.id.isEmpty { state.containerID = Self.containerID(attempt.id) }
        return state
    }

    /// A container of a pod that ended before it could start.
    private func neverRan() -> ContainerStateTerminated {
        var state = ContainerStateTerminated()
        state.exitCode = 137
        state.reason = TerminatedReason.containerStatusUnknown
        state.message = "The container could not be located when the pod was terminated"
        return state
    }

    /// What a container that does not run waits for; nil where it has ended and shows how.
    private func waiting(
        _ container: Container, _ known: ContainerFacts, isInit: Bool
    ) -> (reason: String, message: String)? {
        if let message = facts.unenforceable, known.latest == nil {
            return (WaitingReason.createContainerConfigError, message)
        }
        let decision = facts.restartDecision(for: container, isInit: isInit, now: now)
        if let failure = known.failure, decision != .stayEnded, !facts.lifecycle.isEnding {
            switch failure.kind {
            case .image where now >= failure.failedAt + ContainerFacts.imageErrorShown.nanoseconds:
                return (
                    WaitingReason.imagePullBackOff,
                    "Back-off pulling image \"\(container.image)\": \(failure.reason): \(failure.message)"
                )
            default: return (failure.reason, failure.message)
            }
        }
        guard known.latest != nil, !known.isInPostStart else {
            return (spec.initContainers.isEmpty ? WaitingReason.containerCreating : WaitingReason.podInitializing, "")
        }
        if case .wait = decision, !facts.lifecycle.isEnding, let delay = known.backoff.delay {
            return (
                WaitingReason.crashLoopBackOff,
                Wording.crashBackoff(delay, container: container.name, pod: facts.pod.metadata)
            )
        }
        return nil
    }

    // MARK: Phase

    /// `getPhase`.
    func phase(_ status: PodStatus) -> PodPhase {
        let inits = zip(spec.initContainers, status.initContainerStatuses)
        for (container, state) in inits where !container.isSidecar {
            if let end = state.state.terminated ?? (state.state.waiting != nil ? state.lastState.terminated : nil),
                end.exitCode != 0
            {
                if spec.restartPolicy == .never || isOver { return .failed }
                return .pending
            }
            if state.state.terminated == nil { return .pending }
        }
        for (container, state) in inits where container.isSidecar {
            if state.state.waiting != nil, state.lastState.terminated == nil { return .pending }
        }
        var (running, waiting, stopped, succeeded) = (0, 0, 0, 0)
        for state in status.containerStatuses {
            if state.state.running != nil {
                running += 1
            } else if let end = state.state.terminated {
                stopped += 1
                if end.exitCode == 0 { succeeded += 1 }
            } else if state.lastState.terminated != nil {
                stopped += 1
            } else {
                waiting += 1
            }
        }
        if waiting > 0 { return .pending }
        if running > 0 { return .running }
        guard stopped > 0 else { return .pending }
        if isOver { return stopped == succeeded ? .succeeded : .failed }
        if spec.restartPolicy == .always { return .running }
        if stopped == succeeded { return .succeeded }
        return spec.restartPolicy == .never ? .failed : .running
    }
}
