import KubernetesAPI

/// What a node's silence, or its word, makes of its object. Pure.
enum NodeHealth {
    static let unreachableTaint = "node.kubernetes.io/unreachable"
    static let notReadyTaint = "node.kubernetes.io/not-ready"
    private static let watched: [NodeConditionType] = [.ready, .memoryPressure, .diskPressure, .pidPressure]

    /// The conditions of a node that is not heard of: what they said last is not known to hold any more.
    static func unknown(_ status: NodeStatus, now: Timestamp) -> NodeStatus {
        var status = status
        for type in watched {
            let index = status.conditions.firstIndex { $0.type == type }
            var condition = index.map { status.conditions[$0] } ?? NodeCondition()
            guard condition.status != .unknown else { continue }
            condition.type = type
            condition.status = .unknown
            condition.lastTransitionTime = now
            if index == nil {
                condition.reason = "NodeStatusNeverUpdated"
                condition.message = "Kubelet never posted node status."
            } else {
                condition.reason = ControllerReason.nodeStatusUnknown
                condition.message = "Kubelet stopped posting node status."
            }
            if let index { status.conditions[index] = condition } else { status.conditions.append(condition) }
        }
        return status
    }

    /// The taints that keep pods off a node that is not ready, under pressure or cordoned
    /// (`nodeConditionToTaintKeyStatusMap`, `doNoScheduleTaintingPass`); others stay as they are.
    static func taints(_ node: Node, now: Timestamp) -> [Taint] {
        let wanted = wantedTaints(node)
        var taints = node.spec.taints.filter {
            $0.effect != .noSchedule || !managedTaints.contains($0.key) || wanted.contains($0.key)
        }
        for key in wanted where !taints.contains(where: { $0.key == key && $0.effect == .noSchedule }) {
            var taint = Taint()
            taint.key = key
            taint.effect = .noSchedule
            taint.timeAdded = now
            taints.append(taint)
        }
        return taints
    }

    private static let unschedulableTaint = "node.kubernetes.io/unschedulable"
    private static let pressureTaints: [(condition: NodeConditionType, key: String)] = [
        (.memoryPressure, "node.kubernetes.io/memory-pressure"), (.diskPressure, "node.kubernetes.io/disk-pressure"),
        (.pidPressure, "node.kubernetes.io/pid-pressure"),
        (.networkUnavailable, "node.kubernetes.io/network-unavailable"),
    ]
    private static let managedTaints =
        Set(pressureTaints.map(\.key)).union([unreachableTaint, notReadyTaint, unschedulableTaint])

    private static func wantedTaints(_ node: Node) -> [String] {
        func status(_ type: NodeConditionType) -> ConditionStatus? {
            node.status.conditions.first { $0.type == type }?.status
        }
        var wanted: [String] = []
        switch status(.ready) {
        case .true?: break
        case .unknown?: wanted.append(unreachableTaint)
        // No word yet is as little to rely on as no word any more.
        default: wanted.append(notReadyTaint)
        }
        wanted += pressureTaints.filter { status($0.condition) == .true }.map(\.key)
        if node.spec.unschedulable { wanted.append(unschedulableTaint) }
        return wanted
    }
}
