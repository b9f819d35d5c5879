import KubernetesAPI
import PodRuntime

/// Whether a pod can run on this node at all: the last look, after the scheduler's (kubelet: `lifecycle/predicate.go`).
struct NodeAdmission: Sendable {
    struct Rejection: Error, Sendable, Hashable {
        /// `status.reason`, e.g. `OutOfcpu`.
        var reason: String
        /// What is wrong, as a resize that has to wait tells it.
        var problem: String
        /// `status.message` of a pod that is refused.
        var message: String { "Pod was rejected: \(problem)" }
    }

    let allocatable: [String: Quantity]
    let labels: [String: String]
    var sysctls = SysctlAllowlist()

    /// - Parameter others: what the pods that are here already take.
    func rejection(of pod: Pod, others: [[String: Quantity]]) -> Rejection? {
        if let problem = sysctls.problem(of: pod) {
            return Rejection(reason: PodReason.sysctlForbidden, problem: problem)
        }
        if !pod.spec.nodeSelector.allSatisfy({ labels[$0.key] == $0.value }) {
            return Rejection(
                reason: PodReason.nodeAffinity,
                problem: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector")
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
            problem: "Node didn't have enough resource: \(resource), requested: \(requested), used: \(used), "
                + "capacity: \(capacity)")
    }

    /// Why a resize can never fit this node; nil where it can, now or later.
    func infeasibility(of pod: Pod) -> String? {
        let requests = pod.spec.effectiveRequests
        // The kubelet names memory where both are too much.
        for name in ["memory", "cpu"] {
            func amount(_ quantity: Quantity?) -> Int64 {
                (name == "cpu" ? quantity?.milliValue : quantity?.value) ?? 0
            }
            let (requested, capacity) = (amount(requests[name]), amount(allocatable[name]))
            if requested > capacity {
                return "Node didn't have enough capacity: \(name), requested: \(requested), capacity: \(capacity)"
            }
        }
        return nil
    }
}
