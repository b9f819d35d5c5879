import KubernetesAPI

extension CgroupTranslation {
    static let guaranteedOOMScore = -997
    static let bestEffortOOMScore = 1000

    /// `oom_score_adj` of a container: how soon the kernel takes it when the machine is out of memory (kubelet:
    /// `pkg/kubelet/qos/policy.go`). A resize does not change it.
    func oomScoreAdjust(_ container: Container, of pod: Pod) -> Int {
        if Self.isCritical(pod), pod.spec.priorityClassName == Self.nodeCriticalClass { return Self.guaranteedOOMScore }
        switch pod.spec.qosClass {
        case .guaranteed: return Self.guaranteedOOMScore
        case .bestEffort: return Self.bestEffortOOMScore
        default: break
        }
        guard host.memoryBytes > 0 else { return Self.bestEffortOOMScore - 1 }
        // What the pod requests and no container does is divided among all (KEP-2837).
        let all = pod.spec.containers + pod.spec.initContainers
        var share: Int64 = 0
        if let own = pod.spec.resources?.requests["memory"]?.value, own > 0 {
            let spec = pod.spec.withoutOwnResources
            share = max(own - (spec.effectiveRequests["memory"]?.value ?? 0), 0) / Int64(all.count)
        }
        func score(_ request: Int64) -> Int {
            // In 128 bits: a request may be any number.
            1000 - Int(clamping: 1000 * (Int128(request) + Int128(share)) / Int128(host.memoryBytes))
        }
        func request(_ container: Container) -> Int64 { container.resources.requests["memory"]?.value ?? 0 }
        var result = score(request(container))
        // A sidecar is not taken before what it serves.
        if container.isSidecar, let least = pod.spec.containers.map(request).min() {
            result = min(result, score(least))
        }
        return min(max(result, 1000 + Self.guaranteedOOMScore), Self.bestEffortOOMScore - 1)
    }
}

extension PodSpec {
    /// As if nothing was asked for the pod as a whole: what its containers ask for, without overhead.
    fileprivate var withoutOwnResources: PodSpec {
        var copy = self
        copy.resources = nil
        copy.overhead = [:]
        return copy
    }
}
