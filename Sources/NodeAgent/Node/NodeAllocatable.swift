import KubernetesAPI
import PodRuntime

/// What of a node is for pods (kubelet: `cm/node_container_manager_linux.go`, `nodestatus/setters.go`).
///
///     allocatable = capacity - system reserved - kube reserved - hard eviction threshold
///
/// Memory in huge pages is its own resource, and no memory any more. The limit of all pods together is higher by the
/// eviction threshold: between the two pods are evicted, at the limit the kernel kills.
struct NodeAllocatable: Sendable, Hashable {
    /// By resource, as in the Node object; no less than zero.
    var allocatable: [String: Quantity] = [:]
    /// What the pods' parent cgroup is limited to; `pid` among it.
    var limits: [String: Quantity] = [:]
    /// Reservations that exceed what there is, in words.
    var problems: [String] = []

    /// - Parameters:
    ///   - capacity: as in the Node object.
    ///   - pids: process numbers that the machine has; nil where that is not known.
    init(capacity: [String: Quantity], pids: Int64?, options: PressureOptions) {
        var everything = capacity
        if let pids { everything["pid"] = Quantity(pids) }
        for (name, total) in everything.sorted(by: { $0.key < $1.key }) {
            let reserved = options.reserved(name)
            let threshold = Self.threshold(name, total, options)
            if (total - reserved - threshold).sign < 0 {
                problems.append(
                    "\(name): \(reserved.canonical) reserved and \(threshold.canonical) kept free by --eviction-hard "
                        + "are more than the node's \(total.canonical)")
            }
            limits[name] = Self.atLeastZero(total - reserved)
            if name != "pid" { allocatable[name] = Self.atLeastZero(total - reserved - threshold) }
        }
        let hugePages = capacity.filter { $0.key.hasPrefix("hugepages-") }.map(\.value).reduce("0", +)
        for keyPath in [\NodeAllocatable.allocatable, \.limits] {
            if let memory = self[keyPath: keyPath]["memory"] {
                self[keyPath: keyPath]["memory"] = Self.atLeastZero(memory - hugePages)
            }
        }
    }

    /// Below this pods are evicted at once, so that no pod can count on it.
    private static func threshold(_ name: String, _ total: Quantity, _ options: PressureOptions) -> Quantity {
        let signals: [String: EvictionSignal] = ["memory": .memoryAvailable, "ephemeral-storage": .nodefsAvailable]
        guard let signal = signals[name],
            let threshold = options.thresholds.first(where: { $0.signal == signal && $0.isHard })
        else { return "0" }
        return Quantity(threshold.amount.value(of: total.value), format: .binary)
    }

    private static func atLeastZero(_ quantity: Quantity) -> Quantity { quantity.sign < 0 ? "0" : quantity }

    /// What the parent cgroup gets, as `enforceNodeAllocatable: [pods]` gives it: a hard limit of memory, process numbers
    /// and huge pages, and a share of the CPUs that counts against the system's.
    ///
    /// Swap is left to the pods' own limits.
    func cgroup(_ translation: CgroupTranslation) -> CgroupResources {
        var hugePages: [String: Int64] = [:]
        for (name, amount) in limits {
            if let size = HugePageSize(resource: name) { hugePages[size.kernelName] = amount.value }
        }
        return CgroupResources(
            cpuWeight: translation.cpuWeight(milliCPU: limits["cpu"]?.milliValue ?? 0),
            memoryMax: limits["memory"]?.value, memorySwapMax: .max, pidsMax: limits["pid"]?.value,
            hugePages: hugePages)
    }
}
