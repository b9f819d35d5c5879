import KubernetesAPI
import PodRuntime

/// Whether a pod can run on this node at all: the last look, after the scheduler's (kubelet: `lifecycle/predicate.go`).
struct NodeAdmission: Sendable {
    struct Rejection: Error, Sendable, Hashable {
        /// `status.reason`, e.g. `OutOfcpu`.
        var reason: String
        var message: String
    }

    let allocatable: [String: Quantity]
    let labels: [String: String]

    /// - Parameter others: what the pods that are here already take.
    func rejection(of pod: Pod, others: [[String: Quantity]]) -> Rejection? {
        if !pod.spec.nodeSelector.allSatisfy({ labels[$0.key] == $0.value }) {
            return Rejection(
                reason: PodReason.nodeAffinity,
                message:
                    "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
            )
        }
        if let room = allocatable["pods"], others.count + 1 > room.value {
            return outOf("pods", requested: 1, used: Int64(others.count), capacity: room.value)
        }
        let requests = pod.spec.effectiveRequests
        for name in requests.keys.sorted() {
            let isCPU = name == "cpu"
            func amount(_ quantity: Quantity?) -> Int64 { (isCPU ? quantity?.milliValue : quantity?.value) ?? 0 }
            let requested = amount(requests[name])
            guard requested > 0 else { continue }
            let capacity = amount(allocatable[name])
            // Cannot overflow in sum: each is what fits on this machine, or refused before.
            let used = others.reduce(Int64(0)) { $0.addingReportingOverflow(amount($1[name])).partialValue }
            if requested > capacity - used {
                return outOf(name, requested: requested, used: used, capacity: capacity)
            }
        }
        return nil
    }

    private func outOf(_ resource: String, requested: Int64, used: Int64, capacity: Int64) -> Rejection {
        Rejection(
            reason: "OutOf\(resource)",
            message: "Pod was rejected: Node didn't have enough resource: \(resource), requested: \(requested), "
                + "used: \(used), capacity: \(capacity)")
    }

    /// Which limits of a pod this host cannot enforce, and what to do about it; nil where it can.
    static func unenforceableLimits(
        of pod: Pod, pidsMax: Int64?, capabilities: HostCapabilities
    ) -> String? {
        let missing = CgroupTranslation.neededControllers(pod.spec, pidsMax: pidsMax)
            .filter { !capabilities.controllers.contains($0) }
        guard !missing.isEmpty else { return nil }
        let reasons = Set(missing.compactMap { capabilities.missing[$0] }).sorted()
        let why = reasons.isEmpty ? "" : ": " + reasons.joined(separator: "; ")
        let names = missing.joined(separator: ", ")
        return "this host cannot enforce limits of \(names) (cgroup v2 controller\(missing.count == 1 ? "" : "s") "
            + "missing)\(why)"
    }
}
