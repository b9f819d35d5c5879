import KubernetesAPI

/// Why a container is ended.
enum StopCause: Sendable, Hashable {
    case podEnds
    /// A liveness or startup probe has failed, or the hook after its start.
    case unhealthy
    /// It starts again with new resources.
    case resize
}

/// How containers end, one step after the other; each begins when what it waits for is done, or at the latest when the
/// grace period is over:
///
///     pod ends ─► leaveServices ─► preStop ─► (sidecars: the others have ended) ─► stopContainer
///     container ends alone ──────► preStop ──────────────────────────────────────► stopContainer
///
/// The kubelet runs `preStop` at once. Here it comes after the pod has left its services: hooks such as `nginx -s quit`
/// end a server just as a signal does.
extension PodFacts {
    /// What a container is left at least when the steps before its signal have used up its time (kubelet:
    /// `minimumGracePeriodInSeconds`).
    static let shortestGrace: Int64 = 2_000_000_000

    /// So many seconds after a time, both of any size that the API takes.
    static func time(_ seconds: Int64, after now: Int64) -> Int64 {
        // 68 years are longer than anybody waits, and no number overflows.
        now + min(max(seconds, 0), Int64(Int32.max)) * 1_000_000_000
    }

    /// It was deleted by force, or the API has forgotten it: there is nothing to wait for.
    private var isForced: Bool { isAbsent }

    /// From the moment on that a pod ends its grace period counts; a later request may only make it shorter.
    mutating func countGrace(now: Int64) {
        guard lifecycle == .terminating || lifecycle == .removing, countedGrace != grace else { return }
        countedGrace = grace
        endBy = min(endBy ?? .max, Self.time(grace, after: now))
    }

    /// What a pod that ends is to do about its containers.
    func planStops(_ plan: inout PodPlan, _ now: Int64) {
        let by = endBy ?? now
        let isAnyRunning = containers.values.contains { $0.isRunning }
        // Work that is done has nothing to serve with.
        var hasLeft = lifecycle != .terminating || isForced || departure == .done
        if !hasLeft, departure == .due, isAnyRunning, by > now { plan.operations.append(.leaveServices(by: by)) }
        if by <= now { hasLeft = true }
        for container in pod.spec.containers {
            planStop(of: container, .podEnds, by: by, isReady: hasLeft, isTurn: true, &plan, now)
        }
        // The last sidecar first, once nobody is left whom it could serve (KEP-753).
        var isTurn = pod.spec.containers.allSatisfy { isAtRest($0) }
        for container in pod.spec.initContainers.reversed() {
            planStop(
                of: container, .podEnds, by: by, isReady: hasLeft, isTurn: isTurn || !container.isSidecar, &plan, now)
            if container.isSidecar, !isAtRest(container) { isTurn = false }
        }
    }

    private func isAtRest(_ container: Container) -> Bool {
        let facts = facts(container.name)
        return !facts.isRunning && !facts.isStarting
    }

    /// What a container that is to end alone is to do.
    /// - Parameter grace: seconds, from the first step on.
    func planRestart(
        of container: Container, _ cause: StopCause, grace: Int64, _ plan: inout PodPlan, _ now: Int64
    ) {
        let facts = facts(container.name)
        guard facts.stopping == nil else { return }
        let by = facts.stopBy ?? Self.time(max(grace, 1), after: now)
        planStop(of: container, cause, by: by, isReady: true, isTurn: true, &plan, now)
    }

    /// - Parameters:
    ///   - by: when the grace period is over.
    ///   - isReady: the pod has left its services.
    ///   - isTurn: nobody has to end before it.
    private func planStop(
        of container: Container, _ cause: StopCause, by: Int64, isReady: Bool, isTurn: Bool, _ plan: inout PodPlan,
        _ now: Int64
    ) {
        let facts = facts(container.name)
        guard facts.isRunning else { return }
        let least = cause == .podEnds ? min(Self.shortestGrace, Self.time(grace, after: 0)) : Self.shortestGrace
        let killAt = max(by, now + least)
        // A stop under way is not repeated, unless there is less time now.
        if let present = facts.stopping, present <= killAt { return }
        if facts.stopRetryAt > now { return plan.wake(at: facts.stopRetryAt, after: now) }
        if by > now, !(isForced && cause == .podEnds) {
            let hasHook = container.lifecycle?.preStop != nil
            if hasHook, isReady, facts.preStop == .due, let latest = facts.latest {
                plan.operations.append(.preStop(container.name, attempt: latest.number, cause, by: by))
            }
            guard isReady, isTurn, !hasHook || facts.preStop == .done else { return plan.wake(at: by, after: now) }
        }
        plan.operations.append(.stopContainer(container.name, cause, by: killAt))
    }
}
