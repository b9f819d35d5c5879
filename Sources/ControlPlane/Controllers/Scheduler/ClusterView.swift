import KubernetesAPI

/// What the scheduler decides by: the nodes, and which pod takes how much on which of them. A pod counts from the
/// decision on, before the API has heard of it, so that two pods never get the same room.
struct ClusterView: Sendable {
    /// Why no node takes a pod.
    struct Misfit: Error, Sendable, Equatable {
        /// `0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 No preemption victims
        /// found for incoming pod.`
        var message: String
        /// Who goes so that the pod will fit.
        var preemption: Preemption?
        /// The node on which room is being made.
        var nominatedNode: String?
    }

    /// A pod on a node, or on its way there.
    struct Placement {
        var uid: String
        var node: String
        var requests: ResourceAmounts
        var ports: Set<HostPort>
        var priority: Int32
        /// Since when it runs, or is there.
        var since: Int64
        var isGoing: Bool

        init(_ pod: Pod, on node: String) {
            uid = pod.metadata.uid
            self.node = node
            requests = ResourceAmounts(pod.effectiveRequests)
            ports = HostPort.all(of: pod)
            priority = pod.spec.priority ?? 0
            since = (pod.status.startTime ?? pod.metadata.creationTimestamp)?.seconds ?? .max
            isGoing = pod.metadata.isBeingDeleted
        }
    }

    private(set) var nodes: [String: Node] = [:]
    private(set) var placements: [ObjectKey: Placement] = [:]
    /// Pods for which others go: the room that will be there is theirs.
    private(set) var nominations: [ObjectKey: Placement] = [:]
    private var usage: [String: NodeUsage] = [:]

    mutating func set(_ node: Node) { nodes[node.metadata.name] = node }
    mutating func remove(_ node: Node) { nodes[node.metadata.name] = nil }

    /// What a node's pods take, and those that it is promised to, as far as a pod of a priority has to let them.
    func usage(ofNode name: String, for key: ObjectKey? = nil, priority: Int32 = .max) -> NodeUsage {
        var used = usage[name] ?? NodeUsage()
        for (other, promised) in nominations
        where promised.node == name && other != key && promised.priority >= priority {
            used += promised
        }
        return used
    }

    /// Promises a pod the room on a node.
    mutating func nominate(_ pod: Pod, on node: String) { nominations[pod.key] = Placement(pod, on: node) }

    /// Counts a pod on a node. Returns whether it was counted there with more before: a resize gave some back.
    @discardableResult
    mutating func place(_ pod: Pod, on node: String) -> Bool {
        let placement = Placement(pod, on: node)
        let present = placements[pod.key]
        if let present {
            if present.uid == placement.uid, present.node == node, present.requests == placement.requests {
                placements[pod.key] = placement
                return false
            }
            withdraw(pod.key)
        }
        nominations[pod.key] = nil
        placements[pod.key] = placement
        usage[node, default: NodeUsage()] += placement
        return present.map { !$0.requests.isCovered(by: placement.requests) } ?? false
    }

    /// Counts a pod no more. Returns whether it was counted, or room was promised to it.
    @discardableResult
    mutating func withdraw(_ key: ObjectKey) -> Bool {
        let wasPromised = nominations.removeValue(forKey: key) != nil
        guard let placement = placements.removeValue(forKey: key) else { return wasPromised }
        usage[placement.node]? -= placement
        if usage[placement.node]?.pods == 0 { usage[placement.node] = nil }
        return true
    }

    /// Chooses a node and counts the pod on it; where there is none, says who could go for it, and promises it their
    /// room.
    mutating func schedule(_ pod: Pod) -> Result<String, Misfit> {
        let choice = choose(pod)
        switch choice {
        case .success(let node): place(pod, on: node)
        case .failure(let misfit):
            nominations[pod.key] = nil
            if let node = misfit.nominatedNode { nominate(pod, on: node) }
        }
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
            let used = usage(ofNode: name, for: pod.key, priority: pod.spec.priority ?? 0)
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
        if pod.spec.preemptionPolicy == .never {
            return .failure(
                Misfit(message: "\(told(reasons)) preemption: not eligible due to preemptionPolicy=Never."))
        }
        if let node = nodeBeingCleared(for: pod) {
            return .failure(
                Misfit(
                    message:
                        "\(told(reasons)) preemption: not eligible due to a terminating pod on the nominated node.",
                    nominatedNode: node))
        }
        if let found = self.preemption(for: pod) {
            return .failure(Misfit(message: told(reasons), preemption: found, nominatedNode: found.node))
        }
        return .failure(Misfit(message: "\(told(reasons)) preemption: \(told(preemption))"))
    }

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
