import KubernetesAPI
import PodRuntime

/// One thing that a worker does for its pod; each ends with a message to the worker's inbox.
enum PodOperation: Sendable, Hashable {
    case startSandbox
    /// Takes away what is left of a lost sandbox, keeping the logs.
    case clearSandbox
    case prepareVolumes
    /// Leads host ports to the pod.
    case claimHostPorts
    case startContainer(String, attempt: Int)
    /// Runs the hook after a container's start.
    case postStart(String, attempt: Int)
    /// Waits until no service leads new connections to the pod, but not longer than `by`.
    case leaveServices(by: Int64)
    /// Runs the hook before a container's end, which has to be over at `by`.
    case preStop(String, attempt: Int, StopCause, by: Int64)
    /// Asks a container to end and kills it at `by`; nanoseconds since 1970, as all times here.
    case stopContainer(String, StopCause, by: Int64)
    /// Keeps what was allocated on disk.
    case saveAllocation(PodAllocation)
    /// Changes cgroups that are there, one after the other.
    case changeResources([ResourceStep])
    /// Reads the end of an attempt's log.
    case readLog(String, attempt: Int)
    case tearDown(removeLogs: Bool)
    case deleteObject
}

/// What follows from the facts: what to do now, and when to look again though nothing happens.
struct PodPlan: Sendable, Hashable {
    var operations: [PodOperation] = []
    /// Nanoseconds since 1970; nil where only an event can change anything.
    var wakeAt: Int64?

    mutating func wake(at time: Int64, after now: Int64) {
        // Within a nanosecond of now is too late to wait.
        wakeAt = min(wakeAt ?? .max, max(time, now + 1))
    }
}

/// What a container that does not run is to do.
enum RestartDecision: Sendable, Hashable {
    case start
    /// In the back-off of a crash loop.
    case wait(until: Int64)
    case stayEnded
}

extension PodFacts {
    /// What its restart policy says to a container that does not run (kubelet: `ShouldContainerBeRestarted`). Nothing is
    /// restarted in a pod that ends.
    func restartDecision(for container: Container, isInit: Bool, now: Int64) -> RestartDecision {
        let facts = facts(container.name)
        guard let end = facts.end else { return .start }
        if isInit, completedInits.contains(container.name) { return .stayEnded }
        let policy = pod.spec.restartPolicy
        let isWanted =
            if container.isSidecar || policy == .always {
                true
            } else if policy == .never {
                false
            } else {
                end.code != 0 || facts.isUnhealthy || facts.isResizeRestart
            }
        // A new sandbox begins with its init containers, whatever they had done in the one before.
        guard isWanted || (isInit && end.code == 0) else { return .stayEnded }
        if end.isLost || facts.isResizeRestart { return .start }
        let due = facts.backoff.due(finishedAt: end.finishedAt)
        return due > now ? .wait(until: due) : .start
    }

    /// No container runs and none will: the pod has Succeeded or Failed.
    var isWorkDone: Bool {
        guard !containers.values.contains(where: { $0.isStarting }) else { return false }
        if hasInitFailed { return !pod.spec.containers.contains { facts($0.name).isRunning } }
        return pod.spec.containers.allSatisfy { container in
            facts(container.name).end != nil
                && restartDecision(for: container, isInit: false, now: .max) == .stayEnded
        }
    }

    /// An init container has failed and restartPolicy is Never: nothing else is started.
    var hasInitFailed: Bool {
        pod.spec.restartPolicy == .never
            && pod.spec.initContainers.contains { container in
                !container.isSidecar && (facts(container.name).end.map { $0.code != 0 } ?? false)
            }
    }

    /// What to do now.
    func plan(now: Int64) -> PodPlan {
        var plan = PodPlan()
        for (name, facts) in containers where facts.needsMessage {
            if let latest = facts.latest { plan.operations.append(.readLog(name, attempt: latest.number)) }
        }
        switch lifecycle {
        case .active: planWork(&plan, now)
        case .terminating: planStops(&plan, now)
        case .removing:
            // Sidecars and whatever else outlived the work.
            planStops(&plan, now)
            guard plan.operations.isEmpty, containers.values.allSatisfy({ !$0.isRunning && !$0.isStarting }),
                sandbox != .starting, sandbox != .replacing, volumes != .underWay
            else { break }
            // A deleted pod's end is reported beside its removal, and before its object's.
            guard removal == .due, isEndReported || isDeletionRequested else { break }
            if removalRetryAt > now {
                plan.wake(at: removalRetryAt, after: now)
            } else {
                plan.operations.append(.tearDown(removeLogs: isDeletionRequested))
            }
        // The end is told before the object goes: someone may be waiting for it.
        case .deleting where deletion == .due && isEndReported:
            if removalRetryAt > now {
                plan.wake(at: removalRetryAt, after: now)
            } else {
                plan.operations.append(.deleteObject)
            }
        case .deleting, .over, .gone: break
        }
        return plan
    }

    private func planWork(_ plan: inout PodPlan, _ now: Int64) {
        if let deadline = pod.spec.activeDeadlineSeconds {
            plan.wake(at: startTime + deadline * 1_000_000_000, after: now)
        }
        if unenforceable != nil { return }
        switch sandbox {
        case .none, .lost:
            if sandboxRetryAt > now {
                plan.wake(at: sandboxRetryAt, after: now)
            } else {
                plan.operations.append(sandbox == .lost ? .clearSandbox : .startSandbox)
            }
        case .starting, .replacing, .up: break
        }
        if volumes == .due {
            if volumeRetryAt > now {
                plan.wake(at: volumeRetryAt, after: now)
            } else {
                plan.operations.append(.prepareVolumes)
            }
        } else if volumes == .done, let refreshAt = volumeRefreshAt {
            if refreshAt > now {
                plan.wake(at: refreshAt, after: now)
            } else {
                plan.operations.append(.prepareVolumes)
            }
        }
        if sandbox == .up, hostPorts == .due {
            if hostPortRetryAt > now {
                plan.wake(at: hostPortRetryAt, after: now)
            } else {
                plan.operations.append(.claimHostPorts)
            }
        }
        planHooksAndRestarts(&plan, now)
        planResources(&plan, now)
        if sandbox == .up, volumes == .done, hostPorts == .done { planContainers(&plan, now) }
    }

    /// Hooks after a start, and what a failed hook or probe wants ended.
    private func planHooksAndRestarts(_ plan: inout PodPlan, _ now: Int64) {
        for container in pod.spec.containers + pod.spec.initContainers {
            let facts = facts(container.name)
            guard facts.isRunning else { continue }
            if facts.postStart == .due, let latest = facts.latest {
                plan.operations.append(.postStart(container.name, attempt: latest.number))
            }
            if let grace = facts.restartGrace {
                planRestart(of: container, .unhealthy, grace: grace, &plan, now)
            }
        }
    }

    /// Init containers one after the other, then the others; one start at a time, in the order of the spec.
    private func planContainers(_ plan: inout PodPlan, _ now: Int64) {
        guard !containers.values.contains(where: { $0.isStarting || $0.isInPostStart }) else { return }
        for container in pod.spec.initContainers {
            let facts = facts(container.name)
            if !container.isSidecar, completedInits.contains(container.name) { continue }
            if !facts.isRunning { consider(container, isInit: true, &plan, now) }
            if container.isSidecar, facts.isRunning, facts.hasStarted { continue }
            // A sidecar that crashed after the others had begun does not hold them up.
            if container.isSidecar, pod.spec.containers.contains(where: { self.facts($0.name).latest != nil }) {
                continue
            }
            return
        }
        for container in pod.spec.containers where !facts(container.name).isRunning {
            consider(container, isInit: false, &plan, now)
        }
    }

    private func consider(_ container: Container, isInit: Bool, _ plan: inout PodPlan, _ now: Int64) {
        let facts = facts(container.name)
        if let failure = facts.failure, failure.retryAt > now {
            let flip = failure.failedAt + ContainerFacts.imageErrorShown.nanoseconds
            plan.wake(at: failure.kind == .image && flip > now ? flip : failure.retryAt, after: now)
            return
        }
        switch restartDecision(for: container, isInit: isInit, now: now) {
        case .stayEnded: break
        case .wait(let due): plan.wake(at: due, after: now)
        case .start:
            let isBusy = plan.operations.contains { if case .startContainer = $0 { true } else { false } }
            if !isBusy { plan.operations.append(.startContainer(container.name, attempt: facts.nextAttempt)) }
        }
    }

    /// An operation is under way from here on; it will not be planned again until its answer is there.
    mutating func begin(_ operation: PodOperation) {
        switch operation {
        case .startSandbox: sandbox = .starting
        case .clearSandbox: sandbox = .replacing
        case .prepareVolumes: volumes = .underWay
        case .startContainer(let name, _): containers[name]?.isStarting = true
        case .claimHostPorts: hostPorts = .underWay
        case .postStart(let name, _): containers[name]?.postStart = .underWay
        case .leaveServices: departure = .underWay
        case .preStop(let name, _, let cause, let by):
            containers[name]?.preStop = .underWay
            containers[name]?.stopBy = by
            if cause == .resize { containers[name]?.isResizeRestart = true }
        case .stopContainer(let name, let cause, let by):
            containers[name]?.stopping = by
            if cause == .resize { containers[name]?.isResizeRestart = true }
        case .saveAllocation, .changeResources: resize.isBusy = true
        case .readLog(let name, _): containers[name]?.needsMessage = false
        case .tearDown: removal = .underWay
        case .deleteObject: deletion = .underWay
        }
    }
}
