import KubernetesAPI

extension PodStatusDerivation {
    /// The conditions of a pod whose containers and phase are known (`status/generate.go`).
    func conditions(_ status: PodStatus) -> [PodCondition] {
        let ready = containersReady(status)
        var wanted: [Wanted] = [
            sandboxCondition(status), initialized(status), readiness(status, containers: ready), ready,
            Wanted(.podScheduled, true),
        ]
        if let problem = facts.unenforceable ?? unenforced {
            wanted.append(
                Wanted(
                    PodConditionType(rawValue: OwnConditionType.limitsEnforced), false,
                    ConditionReason.controllerMissing, problem))
        }
        if let eviction = facts.eviction, eviction.isDisruption {
            wanted.append(
                Wanted(.disruptionTarget, true, ConditionReason.terminationByKubelet, eviction.message))
        }
        wanted += resizeConditions
        let own = Set(wanted.map(\.type)).union(Self.passing)
        // Others write conditions too (readiness gates, disruptions): what is there is kept.
        let others = facts.pod.status.conditions.filter { !own.contains($0.type) }
        return wanted.map(stamped) + others
    }

    /// Ours, and there only while they say something.
    private static var passing: Set<PodConditionType> {
        [
            PodConditionType(rawValue: OwnConditionType.limitsEnforced), .podResizePending, .podResizeInProgress,
        ]
    }

    /// KEP-1287, "Resize Status".
    private var resizeConditions: [Wanted] {
        var wanted: [Wanted] = []
        if let pending = facts.resize.pending {
            wanted.append(
                Wanted(.podResizePending, true, pending.reason, pending.message, generation: pending.generation))
        }
        if let progress = facts.resize.progress {
            wanted.append(
                Wanted(
                    .podResizeInProgress, true, progress.error == nil ? "" : ConditionReason.error,
                    progress.error ?? "", generation: progress.generation))
        }
        return wanted
    }

    private struct Wanted {
        var type: PodConditionType
        var isTrue: Bool
        var reason: String
        var message: String
        /// The generation that it is about; nil for the one that was looked at last.
        var generation: Int64?

        init(
            _ type: PodConditionType, _ isTrue: Bool, _ reason: String = "", _ message: String = "",
            generation: Int64? = nil
        ) {
            self.type = type
            self.isTrue = isTrue
            self.reason = reason
            self.message = message
            self.generation = generation
        }
    }

    private func stamped(_ wanted: Wanted) -> PodCondition {
        var condition = PodCondition()
        condition.type = wanted.type
        condition.observedGeneration = wanted.generation ?? facts.pod.metadata.generation
        condition.status = wanted.isTrue ? .true : .false
        condition.reason = wanted.reason
        condition.message = wanted.message
        let before = previous.conditions.first { $0.type == wanted.type }
        let isSame = before?.status == condition.status
        condition.lastTransitionTime = (isSame ? before?.lastTransitionTime : nil) ?? Timestamp(nanoseconds: now)
        return condition
    }

    private func sandboxCondition(_ status: PodStatus) -> Wanted {
        Wanted(
            .podReadyToStartContainers, facts.sandbox == .up && status.phase != .failed && status.phase != .succeeded)
    }

    private func initialized(_ status: PodStatus) -> Wanted {
        if status.containerStatuses.isEmpty, !facts.pod.spec.initContainers.isEmpty {
            return Wanted(.initialized, false, ConditionReason.unknownContainerStatuses)
        }
        let incomplete = zip(facts.pod.spec.initContainers, status.initContainerStatuses).filter { container, state in
            container.isSidecar ? state.started != true && state.state.terminated == nil : !state.ready
        }
        if status.phase == .succeeded { return Wanted(.initialized, true, ConditionReason.podCompleted) }
        guard !incomplete.isEmpty else { return Wanted(.initialized, true) }
        // Once it has run, a pod stays initialized while its sidecars come and go.
        if status.containerStatuses.contains(where: { $0.state.running != nil }) { return Wanted(.initialized, true) }
        return Wanted(
            .initialized, false, ConditionReason.containersNotInitialized,
            "containers with incomplete status: [\(incomplete.map(\.0.name).joined(separator: " "))]")
    }

    private func containersReady(_ status: PodStatus) -> Wanted {
        if status.phase == .succeeded { return Wanted(.containersReady, false, ConditionReason.podCompleted) }
        if status.phase == .failed { return Wanted(.containersReady, false, ConditionReason.podFailed) }
        guard !status.containerStatuses.isEmpty else {
            return Wanted(.containersReady, false, ConditionReason.unknownContainerStatuses)
        }
        let sidecars = zip(facts.pod.spec.initContainers, status.initContainerStatuses).filter { $0.0.isSidecar }.map(
            \.1)
        let unready = (sidecars + status.containerStatuses).filter { !$0.ready }.map(\.name)
        guard !unready.isEmpty else { return Wanted(.containersReady, true) }
        return Wanted(
            .containersReady, false, ConditionReason.containersNotReady,
            "containers with unready status: [\(unready.joined(separator: " "))]")
    }

    private func readiness(_ status: PodStatus, containers: Wanted) -> Wanted {
        guard containers.isTrue else { return Wanted(.ready, false, containers.reason, containers.message) }
        let problems = facts.pod.spec.readinessGates.compactMap { gate -> String? in
            let type = gate.conditionType
            let condition = facts.pod.status.conditions.first { $0.type == type }
            guard let condition else {
                return "corresponding condition of pod readiness gate \"\(type)\" does not exist."
            }
            if condition.status == .true { return nil }
            return "the status of pod readiness gate \"\(type)\" is not \"True\", but \"\(condition.status)\""
        }
        guard !problems.isEmpty else { return Wanted(.ready, true) }
        return Wanted(.ready, false, ConditionReason.readinessGatesNotReady, problems.joined(separator: ", "))
    }
}
