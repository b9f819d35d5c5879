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

    /// The taints that keep pods off a node that is not ready; others stay as they are.
    static func taints(_ node: Node, now: Timestamp) -> [Taint] {
        let wanted: String? =
            switch node.status.conditions.first(where: { $0.type == .ready })?.status {
            case .true?: nil
            case .false?: notReadyTaint
            // No word yet is as little to rely on as no word any more.
            case .unknown?: unreachableTaint
            default: notReadyTaint
            }
        var taints = node.spec.taints.filter {
            $0.effect != .noSchedule || ![unreachableTaint, notReadyTaint].contains($0.key) || $0.key == wanted
        }
        if let wanted, !taints.contains(where: { $0.key == wanted && $0.effect == .noSchedule }) {
            var taint = Taint()
            taint.key = wanted
            taint.effect = .noSchedule
            taint.timeAdded = now
            taints.append(taint)
        }
        return taints
    }
}
