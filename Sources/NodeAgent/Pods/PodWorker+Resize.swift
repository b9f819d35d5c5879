import KubernetesAPI
import PodRuntime

/// Limits of a pod that is there: what it asks for, what it gets, and what its cgroups have.
///
///     spec ── ledger ──► allocation ── translation ──► desired ── changeResources ──► applied
///              │ no room: PodResizePending                        │ not yet: PodResizeInProgress
extension PodWorker {
    private static var endsSoon: Duration { .milliseconds(20) }

    /// Takes a new state of the object.
    func observe(_ pod: Pod) {
        let before = facts.pod
        facts.observe(pod)
        // Annotations change cgroups, too.
        if before.metadata.annotations != pod.metadata.annotations { refreshCgroups() }
        reconsiderResources()
    }

    /// What the cgroups should have, from the allocation, the annotations and the node's CPUs.
    func refreshCgroups() {
        let pod = facts.allocatedPod
        facts.desired = around.ledger.cgroups(of: pod)
        unenforced = unenforceable(pod)
    }

    private func unenforceable(_ pod: Pod) -> String? { UnenforceableLimits(of: pod, around).message }

    /// Whether the pod asks for other resources than it has, and can have them.
    func reconsiderResources() {
        guard facts.lifecycle == .active, facts.unenforceable == nil else { return }
        let wanted = PodAllocation(facts.pod.spec)
        guard wanted != facts.allocation else {
            if facts.resize.pending != nil { around.ledger.withdraw(uid) }
            facts.resize.pending = nil
            return
        }
        // What waits is looked at again when there is room.
        guard facts.resize.pending?.wanted != wanted else { return }
        // Nothing may be silently unlimited after a resize either.
        if !around.configuration.bestEffortLimits, let problem = unenforceable(facts.pod) {
            return wait(ConditionReason.infeasible, problem, for: wanted)
        }
        switch around.ledger.resize(facts.pod) {
        case .granted: allocate(wanted)
        case .deferred(let message): wait(ConditionReason.deferred, message, for: wanted)
        case .infeasible(let message): wait(ConditionReason.infeasible, message, for: wanted)
        }
    }

    private func wait(_ reason: String, _ message: String, for wanted: PodAllocation) {
        let generation = facts.pod.metadata.generation
        facts.resize.pending = PodResize.Pending(
            reason: reason, message: message, generation: generation, wanted: wanted)
        around.record(
            facts.pod, .warning,
            reason: reason == ConditionReason.deferred ? EventReason.resizeDeferred : EventReason.resizeInfeasible,
            message: ResizeWording.pending(facts.pod, generation: generation, reason: reason, message: message))
    }

    /// The node gives the pod what it asked for.
    func allocate(_ allocation: PodAllocation) {
        guard facts.lifecycle == .active else { return }
        facts.allocate(allocation)
        refreshCgroups()
        around.record(
            facts.pod, reason: EventReason.resizeStarted,
            message: ResizeWording.started(facts.allocatedPod, generation: facts.pod.metadata.generation))
        // The spec may have gone on while the resize waited.
        reconsiderResources()
    }

    func saved(_ allocation: PodAllocation, _ error: RuntimeError?, _ now: Int64) {
        facts.resize.isBusy = false
        if let error { return failedToChange(error, now) }
        facts.resize.isStored = true
        // Another one may have been granted meanwhile.
        facts.resize.isSaved = allocation == facts.allocation
    }

    func resourcesChanged(_ steps: [ResourceStep], _ error: RuntimeError?, _ now: Int64) {
        facts.resize.isBusy = false
        facts.changed(steps)
        guard let error else { return facts.resize.retry.reset() }
        guard error.kind == .notFound else { return failedToChange(error, now) }
        // A container that has ended meanwhile gets its resources at its next start; the news of its end is on its way.
        facts.resize.retryAt = now + Self.endsSoon.nanoseconds
    }

    private func failedToChange(_ error: RuntimeError, _ now: Int64) {
        let message = ResizeWording.problem(error)
        facts.resize.retryAt = now + facts.resize.retry.next().nanoseconds
        guard facts.resize.lastError != message else { return }
        facts.resize.lastError = message
        facts.resize.progress?.error = message
        let generation = facts.resize.progress?.generation ?? facts.pod.metadata.generation
        around.record(
            facts.pod, .warning, reason: EventReason.resizeError,
            message: ResizeWording.failed(facts.allocatedPod, generation: generation, error: message))
    }

    /// Looks whether every cgroup has what it should.
    func finishResize() {
        guard facts.resize.progress != nil || facts.resize.lastError != nil else { return }
        guard facts.lifecycle == .active, facts.isResizeDone else { return }
        facts.resize.lastError = nil
        facts.settleResources()
        guard let progress = facts.resize.progress else { return }
        facts.resize.progress = nil
        around.ledger.settle(uid)
        around.record(
            facts.pod, reason: EventReason.resizeCompleted,
            message: ResizeWording.completed(facts.allocatedPod, generation: progress.generation))
    }

    /// Which container the OOM killer met, at whose limit, with the numbers.
    func announce(_ kill: OOMKill, of name: String, ended: Bool) {
        around.record(
            facts.pod, .warning, reason: EventReason.oomKilling,
            message: OOMWording.message(name, kill, ended: ended), container: name)
        if kill.level == .machine {
            around.recordNode(
                .warning, reason: EventReason.systemOOM,
                message: "System OOM encountered, victim container: \(name) of pod \(key)")
        }
    }
}
