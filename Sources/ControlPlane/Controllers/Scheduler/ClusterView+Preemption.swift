import KubernetesAPI

/// Which pods go for a more important one that fits nowhere, by the rules of Kubernetes' `DefaultPreemption`.
extension ClusterView {
    struct Victim: Sendable, Equatable {
        var key: ObjectKey
        var uid: String
        /// Whether it is on its way already.
        var isGoing: Bool
    }

    struct Preemption: Sendable, Equatable {
        var node: String
        /// The most important first.
        var victims: [Victim]
    }

    /// The node that a pod waits for while others leave it.
    func nodeBeingCleared(for pod: Pod) -> String? {
        guard let node = nominations[pod.key]?.node, nodes[node] != nil else { return nil }
        let priority = pod.spec.priority ?? 0
        let isBeingCleared = placements.values.contains { $0.node == node && $0.isGoing && $0.priority < priority }
        return isBeingCleared ? node : nil
    }

    /// Of the nodes that a pod would fit on if less important ones went, the one that loses least: whose most important
    /// victim is the least important, then the lowest sum of priorities, then the fewest victims. Nil where there is
    /// none.
    func preemption(for pod: Pod) -> Preemption? {
        let candidates = nodes.values.compactMap { node -> (loss: [Int64], preemption: Preemption)? in
            guard let victims = victims(for: pod, on: node), let first = victims.first else { return nil }
            let sum = victims.reduce(Int64(0)) { $0 + Int64($1.value.priority) - Int64(Int32.min) }
            let preemption = Preemption(
                node: node.metadata.name,
                victims: victims.map { Victim(key: $0.key, uid: $0.value.uid, isGoing: $0.value.isGoing) })
            return ([Int64(first.value.priority), sum, Int64(victims.count)], preemption)
        }
        return candidates.min { left, right in
            if left.loss == right.loss { return left.preemption.node < right.preemption.node }
            return left.loss.lexicographicallyPrecedes(right.loss)
        }?.preemption
    }

    /// Those that have to go from a node, the most important first; nil where not even all could make room.
    private func victims(for pod: Pod, on node: Node) -> [(key: ObjectKey, value: Placement)]? {
        let priority = pod.spec.priority ?? 0
        let requests = ResourceAmounts(pod.effectiveRequests)
        let name = node.metadata.name
        var used = usage(ofNode: name, for: pod.key, priority: priority)
        func fits() -> Bool { NodeFit(node: node, used: used).misfit(of: pod, requests: requests) == nil }
        let lesser = placements.filter { $0.value.node == name && $0.value.priority < priority }
        for placement in lesser.values { used -= placement }
        guard !lesser.isEmpty, fits() else { return nil }
        // As many as possible may stay, the most important and those that are there for longest before others.
        let ordered = lesser.sorted { left, right in
            if left.value.priority != right.value.priority { return left.value.priority > right.value.priority }
            if left.value.since != right.value.since { return left.value.since < right.value.since }
            return left.key < right.key
        }
        return ordered.filter { _, placement in
            used += placement
            if fits() { return false }
            used -= placement
            return true
        }
    }
}

extension NodeUsage {
    static func += (usage: inout NodeUsage, placement: ClusterView.Placement) {
        usage.requests += placement.requests
        usage.pods += 1
        usage.ports.formUnion(placement.ports)
    }

    static func -= (usage: inout NodeUsage, placement: ClusterView.Placement) {
        usage.requests -= placement.requests
        usage.pods -= 1
        usage.ports.subtract(placement.ports)
    }
}
