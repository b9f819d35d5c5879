import KubernetesAPI

extension Pod {
    /// Whether the pod has ended for good.
    var isTerminated: Bool { status.phase == .succeeded || status.phase == .failed }

    /// Whether the pod counts towards its controller's replicas.
    var isActive: Bool { !isTerminated && !metadata.isBeingDeleted }

    /// Whether the pod is on its way out but has not ended.
    var isTerminating: Bool { !isTerminated && metadata.isBeingDeleted }

    private var readyCondition: PodCondition? { status.conditions.first { $0.type == .ready && $0.status == .true } }

    var isReady: Bool { readyCondition != nil }

    /// Since when the pod is ready; nil where it is not.
    var readySince: Timestamp? { readyCondition?.lastTransitionTime }

    /// How long until a ready pod is available, having been ready for `minReadySeconds`: zero where it is now, nil
    /// where it is not ready. API times are whole seconds, so it may be up to one second early, as it is upstream.
    func timeToAvailability(minReadySeconds: Int32, now: MicroTimestamp) -> Duration? {
        guard isReady else { return nil }
        guard minReadySeconds > 0 else { return .zero }
        guard let readySince else { return nil }
        let due = (readySince.seconds + Int64(minReadySeconds)) * 1_000_000
        return due < now.microseconds ? .zero : .microseconds(due - now.microseconds + 1)
    }

    func isAvailable(minReadySeconds: Int32, now: MicroTimestamp) -> Bool {
        timeToAvailability(minReadySeconds: minReadySeconds, now: now) == .zero
    }

    /// The most restarts of any of the pod's containers.
    var restarts: Int32 {
        (status.initContainerStatuses + status.containerStatuses).map(\.restartCount).max() ?? 0
    }
}
