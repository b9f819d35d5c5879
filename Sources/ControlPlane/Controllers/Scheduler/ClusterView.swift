import KubernetesAPI

/// What the scheduler decides by: the nodes, and which pod takes how much on which of them. A pod counts from the
/// decision on, before the API has heard of it, so that two pods never get the same room.
struct ClusterView: Sendable {
    /// Why no node takes a pod.
    struct Misfit: Error, Sendable, Equatable {
        /// `0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims
        /// found for incoming pod.`
        var message: String
    }

    private struct Placement {
        var uid: String
        var node: String
        var requests: ResourceAmounts
        var ports: Set<HostPort>
    }

    private var nodes: [String: Node] = [:]
    private var placements: [ObjectKey: Placement] = [:]
    private var usage: [String: NodeUsage] = [:]

    mutating func set(_ node: Node) { nodes[node.metadata.name] = node }
    mutating func remove(_ node: Node) { nodes[node.metadata.name] = nil }

    func usage(ofNode name: String) -> NodeUsage { usage[name] ?? NodeUsage() }

    /// Counts a pod on a node. Returns whether it was counted there with more before: a resize gave some back.
    @discardableResult
    mutating func place(_ pod: Pod, on node: String) -> Bool {
        let placement = Placement(
            uid: pod.metadata.uid, node: node, requests: ResourceAmounts(pod.effectiveRequests),
            ports: HostPort.all(of: pod))
        let present = placements[pod.key]
        if let present {
            if present.uid == placement.uid, present.node == node, present.requests == placement.requests {
                return false
            }
            withdraw(pod.key)
        }
        placements[pod.key] = placement
        usage[node, default: NodeUsage()].requests += placement.requests
        usage[node]?.pods += 1
        usage[node]?.ports.formUnion(placement.ports)
        return present.map { !$0.requests.isCovered(by: placement.requests) } ?? false
    }

    /// Counts a pod no more. Returns whether it was counted.
    @discardableResult
    mutating func withdraw(_ key: ObjectKey) -> Bool {
        guard let placement = placements.removeValue(forKey: key) else { return false }
        usage[placement.node]?.requests -= placement.requests
        usage[placement.node]?.pods -= 1
        usage[placement.node]?.ports.subtract(placement.ports)
        if usage[placement.node]?.pods == 0 { usage[placement.node] = nil }
        return true
    }

    /// Chooses a node and counts the pod on it.
    mutating func schedule(_ pod: Pod) -> Result<String, Misfit> {
        let choice = choose(pod)
        if case .success(let node) = choice { place(pod, on: node) }
        return choice
    }

    /// Of the nodes that the pod fits on the one with the most room left, of equals the first by name.
    private func choose(_ pod: Pod) -> Result<String, Misfit> {
        guard !nodes.isEmpty else { return .failure(Misfit(message: "no nodes available to schedule pods")) }
        let requests = ResourceAmounts(pod.effectiveRequests)
        var best: (room: Double, name: String)?
        var reasons: [String: Int] = [:]
        var preemption: [String: Int] = [:]
        for (name, node) in nodes {
            let used = usage(ofNode: name)
            guard let misfit = NodeFit(node: node, used: used).misfit(of: pod, requests: requests) else {
                let room = Self.room(node, used)
                if let present = best, (present.room, name) > (room, present.name) { continue }
                best = (room, name)
                continue
            }
            for reason in misfit.reasons { reasons[reason, default: 0] += 1 }
            preemption[misfit.couldBeMadeToFit ? Self.noVictims : Self.preemptionNotHelpful, default: 0] += 1
        }
        if let best { return .success(best.name) }
        let outcome =
            pod.spec.preemptionPolicy == .never
            ? "not eligible due to preemptionPolicy=Never." : told(preemption)
        return .failure(Misfit(message: "\(told(reasons)) preemption: \(outcome)"))
    }

    /// No pod is ever made to go for another one.
    private static let noVictims = "No preemption victims found for incoming pod"
    private static let preemptionNotHelpful = "Preemption is not helpful for scheduling"

    /// `0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.` (`FitError.Error`)
    private func told(_ reasons: [String: Int]) -> String {
        let list = reasons.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
        return "0/\(nodes.count) nodes are available: \(list)."
    }

    /// The free part of a node's CPU and memory, from 0 to 2.
    private static func room(_ node: Node, _ used: NodeUsage) -> Double {
        let allocatable = ResourceAmounts(node.status.allocatable)
        return [ResourceName.cpu.rawValue, ResourceName.memory.rawValue].reduce(0) { sum, name in
            let total = allocatable[name]
            return total > 0 ? sum + Double(total - used.requests[name]) / Double(total) : sum
        }
    }
}
