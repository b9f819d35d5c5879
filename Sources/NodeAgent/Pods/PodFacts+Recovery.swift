import KubernetesAPI
import PodRuntime

extension PodFacts {
    /// What is known of a pod when the agent has just started, from what the runtime found and from the status that the
    /// API has. Whatever ran and is in neither the runtime's present nor its past went with a reboot.
    ///
    /// - Parameters:
    ///   - sandbox: what the runtime recovered for this pod, if anything.
    ///   - allocation: what a resize had allocated to it, if there was one.
    ///   - now: nanoseconds since 1970.
    init(
        recovering pod: Pod, sandbox: SandboxStatus?, allocation stored: PodAllocation? = nil, backoffCap: Duration,
        now: Int64
    ) {
        let startTime = pod.status.startTime.map { $0.seconds * 1_000_000_000 } ?? now
        self.init(pod: pod, startTime: startTime, backoffCap: backoffCap)
        let statuses = Dictionary(
            (pod.status.initContainerStatuses + pod.status.containerStatuses).map { ($0.name, $0) },
            uniquingKeysWith: { $1 })
        let isReady = sandbox?.state == .ready
        for name in containers.keys {
            let attempts = (sandbox?.containers ?? []).filter { $0.name == name }
            containers[name] = ContainerFacts(
                recovering: attempts, status: statuses[name], isSandboxReady: isReady, backoffCap: backoffCap, now: now)
        }
        addresses = isReady ? sandbox?.addresses ?? [] : pod.status.podIPs.map(\.ip)
        hadSandbox = sandbox != nil || containers.values.contains { $0.latest != nil }
        self.sandbox = sandbox == nil ? .none : isReady ? .up : .lost
        let labels = sandbox?.configuration.labels ?? [:]
        resize.isStored = stored != nil
        allocation =
            stored ?? labels[SandboxConfiguration.allocationLabel].flatMap { PodAllocation(text: $0) }
            ?? PodAllocation(pod.spec)
        if isReady { appliedPod = sandbox?.configuration.resources }
        actuatedPod = pod.status.resources ?? allocation.pod
        for (name, own) in allocation.containers where containers[name]?.isRunning == true {
            containers[name]?.latest?.requirements = statuses[name]?.resources ?? own
        }
        for container in pod.spec.initContainers {
            if self.sandbox == .up, !container.isSidecar, facts(container.name).end?.code == 0 {
                completedInits.insert(container.name)
            } else if self.sandbox != .up {
                containers[container.name]?.latest?.end?.isLost = true
            }
        }
        if pod.status.phase == .succeeded || pod.status.phase == .failed {
            isEndReported = true
            lifecycle = lifecycle.apply(.workDone)
        }
        if pod.status.reason == PodReason.evicted, lifecycle == .active {
            // The agent that had evicted it did not live to see its end.
            let isDisruption = pod.status.conditions.contains { $0.type == .disruptionTarget && $0.status == .true }
            evict(PodEviction(message: pod.status.message, grace: 1, isDisruption: isDisruption))
        }
        if pod.metadata.deletionTimestamp != nil { requestEnd(.deletion(grace: grace)) }
    }
}

extension ContainerFacts {
    /// - Parameter attempts: what the runtime knows of, in any order.
    init(
        recovering attempts: [RuntimeContainerStatus], status: KubernetesAPI.ContainerStatus?, isSandboxReady: Bool,
        backoffCap: Duration, now: Int64
    ) {
        self.init(backoffCap: backoffCap)
        // An attempt without a start and without an end never came to be.
        let known = attempts.sorted { $0.attempt < $1.attempt }.filter { $0.startedAt != nil || $0.exit != nil }
            .map(Attempt.init)
        let told = status.map(Self.attempts(of:)) ?? []
        // The runtime knows better than the status, and neither may take the count back.
        var all = Dictionary(told.map { ($0.number, $0) }, uniquingKeysWith: { $1 })
        for attempt in known { all[attempt.number] = attempt }
        let ordered = all.values.sorted { $0.number < $1.number }
        latest = ordered.last
        previous = ordered.dropLast().last { $0.end != nil }
        let isAlive = isSandboxReady && known.last?.number == latest?.number
        if isRunning {
            if isAlive {
                let isSame = status?.state.running != nil && Int(status?.restartCount ?? -1) == latest?.number
                hasStarted = isSame && status?.started == true
                isReady = isSame && status?.ready == true
            } else {
                latest?.end = .unknown(at: now)
            }
        }
        if let latest {
            // A start that failed has no start: it ended as soon as it began.
            backoff = CrashBackoff(
                cap: backoffCap, restarts: latest.number, lastStart: latest.startedAt ?? latest.end?.finishedAt ?? 0)
        }
    }

    /// What a status tells: the present attempt, and the one before.
    private static func attempts(of status: KubernetesAPI.ContainerStatus) -> [Attempt] {
        let number = Int(status.restartCount)
        func attempt(_ number: Int, _ state: ContainerStateTerminated) -> Attempt {
            Attempt(
                number: number, id: id(state.containerID), image: status.image, imageID: status.imageID,
                startedAt: state.startedAt.map { $0.seconds * 1_000_000_000 },
                end: Attempt.End(
                    code: state.exitCode, signal: state.signal,
                    finishedAt: (state.finishedAt?.seconds ?? 0) * 1_000_000_000, reason: state.reason,
                    message: state.message))
        }
        if let running = status.state.running {
            let present = Attempt(
                number: number, id: id(status.containerID), image: status.image, imageID: status.imageID,
                startedAt: running.startedAt.map { $0.seconds * 1_000_000_000 }, end: nil)
            return (status.lastState.terminated.map { [attempt(number - 1, $0)] } ?? []) + [present]
        }
        if let terminated = status.state.terminated {
            // One that never ran leaves no trace.
            if terminated.startedAt == nil, terminated.finishedAt == nil { return [] }
            let last = status.lastState.terminated.map { [attempt(number - 1, $0)] } ?? []
            return last + [attempt(number, terminated)]
        }
        return status.lastState.terminated.map { [attempt(number, $0)] } ?? []
    }

    private static func id(_ containerID: String) -> String {
        containerID.range(of: "://").map { String(containerID[$0.upperBound...]) } ?? containerID
    }
}
