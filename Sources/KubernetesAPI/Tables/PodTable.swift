extension Pod: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("Ready", "How many of the pod's containers are ready to serve."),
        TableColumnDefinition("Status", "The state of the pod's containers in one word."),
        TableColumnDefinition("Restarts", "How often the pod's containers were restarted, and when last."),
        .age,
        TableColumnDefinition("IP", wide: true, "The pod's address."),
        TableColumnDefinition("Node", wide: true, "The node that runs the pod."),
        TableColumnDefinition("Nominated Node", wide: true, "The node on which room is being made for the pod."),
        TableColumnDefinition("Readiness Gates", wide: true, "How many of the pod's further conditions hold."),
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        let summary = PodSummary(self)
        let gates = spec.readinessGates.count { gate in
            status.conditions.contains { $0.type.rawValue == gate.conditionType.rawValue && $0.status == .true }
        }
        return [
            .string(metadata.name), .string("\(summary.ready)/\(summary.total)"), .string(summary.reason),
            .string(summary.restartsText(now: now)), metadata.ageCell(now: now),
            (status.podIPs.first?.ip ?? status.podIP).cell, spec.nodeName.cell, status.nominatedNodeName.cell,
            (spec.readinessGates.isEmpty ? "" : "\(gates)/\(spec.readinessGates.count)").cell,
        ]
    }

    public var rowConditions: [TableRowCondition] {
        var condition = TableRowCondition()
        condition.type = .completed
        condition.status = .true
        switch status.phase {
        case .succeeded:
            condition.reason = "Succeeded"
            condition.message = "The pod has completed successfully."
        case .failed:
            condition.reason = "Failed"
            condition.message = "The pod failed."
        default: return []
        }
        return [condition]
    }
}

/// What `kubectl get pods` says about a pod: READY, STATUS and RESTARTS.
public struct PodSummary: Sendable, Hashable {
    /// E.g. `Running`, `Init:0/2`, `CrashLoopBackOff`, `Completed`, `Terminating`.
    public var reason: String
    public var ready = 0
    public var total: Int
    public var restarts: Int64 = 0
    public var lastRestart: Timestamp?

    /// The state in one word, as the API server's printer makes it: the pod's own reason, then the first init
    /// container that has not done its part, then the containers.
    public init(_ pod: Pod) {
        let status = pod.status
        total = pod.spec.containers.count + pod.spec.initContainers.count { $0.isSidecar }
        reason = status.reason.isEmpty ? status.phase.rawValue : status.reason
        if status.conditions.contains(where: { $0.type == .podScheduled && $0.reason == "SchedulingGated" }) {
            reason = "SchedulingGated"
        }
        let isInitialized = status.conditions.contains { $0.type == .initialized && $0.status == .true }
        if !addInitContainers(of: pod) || isInitialized { addContainers(of: pod) }
        guard pod.metadata.deletionTimestamp != nil else { return }
        if status.reason == "NodeLost" {
            reason = "Unknown"
        } else if status.phase != .succeeded, status.phase != .failed {
            reason = "Terminating"
        }
    }

    /// Whether an init container is still at work, has failed or has not begun.
    private mutating func addInitContainers(of pod: Pod) -> Bool {
        let sidecars = Set(pod.spec.initContainers.filter(\.isSidecar).map(\.name))
        for (index, container) in pod.status.initContainerStatuses.enumerated() {
            count(container)
            let isSidecar = sidecars.contains(container.name)
            if container.state.terminated?.exitCode == 0 { continue }
            if isSidecar, container.started == true {
                if container.ready { ready += 1 }
                continue
            }
            if let end = container.state.terminated {
                reason = "Init:\(end.shownReason)"
            } else if let wait = container.state.waiting, !wait.reason.isEmpty, wait.reason != "PodInitializing" {
                reason = "Init:\(wait.reason)"
            } else {
                reason = "Init:\(index)/\(pod.spec.initContainers.count)"
            }
            return true
        }
        return false
    }

    private mutating func addContainers(of pod: Pod) {
        // Once the containers run, the restarts of init containers that have ended are history.
        let sidecars = Set(pod.spec.initContainers.filter(\.isSidecar).map(\.name))
        restarts = 0
        lastRestart = nil
        for container in pod.status.initContainerStatuses where sidecars.contains(container.name) { count(container) }
        var isAnyRunning = false
        for container in pod.status.containerStatuses.reversed() {
            count(container)
            if let wait = container.state.waiting, !wait.reason.isEmpty {
                reason = wait.reason
            } else if let end = container.state.terminated {
                reason = end.shownReason
            } else if container.ready, container.state.running != nil {
                isAnyRunning = true
                ready += 1
            }
        }
        if reason == "Completed", isAnyRunning {
            let isReady = pod.status.conditions.contains { $0.type == .ready && $0.status == .true }
            reason = isReady ? "Running" : "NotReady"
        }
    }

    private mutating func count(_ container: ContainerStatus) {
        restarts += Int64(container.restartCount)
        if let end = container.lastState.terminated?.finishedAt, lastRestart.map({ $0 < end }) ?? true {
            lastRestart = end
        }
    }

    /// `3 (10s ago)`; without the time where none is known.
    public func restartsText(now: Timestamp) -> String {
        guard restarts != 0, let lastRestart else { return "\(restarts)" }
        return "\(restarts) (\(Age.text(since: lastRestart, now: now)) ago)"
    }
}

extension ContainerStateTerminated {
    /// The reason, or what is known without one: `Signal:9`, `ExitCode:1`.
    fileprivate var shownReason: String {
        if !reason.isEmpty { return reason }
        return signal != 0 ? "Signal:\(signal)" : "ExitCode:\(exitCode)"
    }
}
