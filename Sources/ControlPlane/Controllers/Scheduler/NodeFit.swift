import KubernetesAPI

/// Whether a pod may run on a node, and if not, why, in the scheduler's words. The checks come in the scheduler's
/// order, and the first that fails is the reason; only resources are all told.
struct NodeFit {
    /// Why a node does not take a pod.
    struct Misfit: Sendable, Equatable {
        var reasons: [String]
        /// Whether the node could take the pod if others went, as the scheduler sees it: not where the node itself is
        /// too small, or is not for such pods.
        var couldBeMadeToFit: Bool
    }

    let node: Node
    /// What the node's pods take already.
    let used: NodeUsage

    /// Nil where the pod fits.
    func misfit(of pod: Pod, requests: ResourceAmounts) -> Misfit? {
        func never(_ reason: String) -> Misfit { Misfit(reasons: [reason], couldBeMadeToFit: false) }
        if node.spec.unschedulable, !pod.tolerates(Self.unschedulableTaint) {
            return never("node(s) were unschedulable")
        }
        if hasUntoleratedTaint(pod) { return never("node(s) had untolerated taint(s)") }
        guard matchesSelectors(pod) else { return never("node(s) didn't match Pod's node affinity/selector") }
        guard used.ports.isDisjoint(with: HostPort.all(of: pod)) else {
            return Misfit(
                reasons: ["node(s) didn't have free ports for the requested pod ports"], couldBeMadeToFit: true)
        }
        return missingResources(requests)
    }

    private static let unschedulableTaint = {
        var taint = Taint()
        taint.key = "node.kubernetes.io/unschedulable"
        taint.effect = .noSchedule
        return taint
    }()

    private func hasUntoleratedTaint(_ pod: Pod) -> Bool {
        node.spec.taints.contains {
            ($0.effect == .noSchedule || $0.effect == .noExecute) && !pod.tolerates($0)
        }
    }

    private func matchesSelectors(_ pod: Pod) -> Bool {
        for (key, value) in pod.spec.nodeSelector where node.metadata.labels[key] != value { return false }
        guard let required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution else {
            return true
        }
        // Terms are alternatives; a term without requirements matches no node.
        return required.nodeSelectorTerms.contains { term in
            guard !term.matchExpressions.isEmpty || !term.matchFields.isEmpty else { return false }
            return term.matchExpressions.allSatisfy { Self.matches($0, node.metadata.labels[$0.key]) }
                && term.matchFields.allSatisfy { $0.key == "metadata.name" && Self.matches($0, node.metadata.name) }
        }
    }

    private static func matches(_ requirement: NodeSelectorRequirement, _ value: String?) -> Bool {
        switch requirement.operator {
        case .in: return value.map(requirement.values.contains) ?? false
        case .notIn: return value.map { !requirement.values.contains($0) } ?? true
        case .exists: return value != nil
        case .doesNotExist: return value == nil
        case .gt, .lt:
            guard let number = value.flatMap(Int64.init), let limit = requirement.values.first.flatMap(Int64.init)
            else { return false }
            return requirement.operator == .gt ? number > limit : number < limit
        default: return false
        }
    }

    private func missingResources(_ requests: ResourceAmounts) -> Misfit? {
        let allocatable = ResourceAmounts(node.status.allocatable)
        var misfit = Misfit(reasons: [], couldBeMadeToFit: true)
        if Int64(used.pods) + 1 > allocatable[ResourceName.pods.rawValue] { misfit.reasons.append("Too many pods") }
        for (name, request) in requests.amounts.sorted(by: { $0.key < $1.key }) where request > 0 {
            guard request > allocatable[name] - used.requests[name] else { continue }
            misfit.reasons.append("Insufficient \(name)")
            if request > allocatable[name] { misfit.couldBeMadeToFit = false }
        }
        return misfit.reasons.isEmpty ? nil : misfit
    }
}

/// A port of the node that a container takes.
struct HostPort: Sendable, Hashable {
    var port: Int32
    var transport: String

    /// Ports on one address are taken on all: the node has one.
    static func all(of pod: Pod) -> Set<HostPort> {
        Set(
            pod.spec.containers.flatMap(\.ports).filter { $0.hostPort > 0 }.map {
                HostPort(port: $0.hostPort, transport: $0.protocol.isEmpty ? "TCP" : $0.protocol.rawValue)
            })
    }
}

/// What the pods of one node take together.
struct NodeUsage: Sendable, Equatable {
    var requests = ResourceAmounts()
    var pods = 0
    var ports: Set<HostPort> = []
}

extension Pod {
    fileprivate func tolerates(_ taint: Taint) -> Bool {
        spec.tolerations.contains { toleration in
            guard toleration.effect.isEmpty || toleration.effect == taint.effect else { return false }
            switch toleration.operator {
            case .exists: return toleration.key.isEmpty || toleration.key == taint.key
            case .equal, "": return toleration.key == taint.key && toleration.value == taint.value
            default: return false
            }
        }
    }
}
