import Glibc
import KubernetesAPI
import PodRuntime

/// What a pod asks for in the API's terms, as the kernel wants it: every value of every cgroup file comes from here
/// (kubelet: `pkg/kubelet/cm/helpers_linux.go`, `kuberuntime/kuberuntime_container_linux.go`). Pure, so that the whole
/// mapping is one table in the tests.
///
/// Pods are given as they were allocated (`PodAllocation.applied(to:)`): a resize that waits changes nothing here.
struct CgroupTranslation: Sendable {
    /// What of the machine goes into the values.
    struct Host: Sendable, Hashable {
        /// Controllers that are there: defaults that nobody asked for need theirs.
        var controllers: Set<String> = []
        var memoryBytes: Int64 = 0
        /// Bytes that pods may use together.
        var allocatableMemory: Int64 = 0
        var swapBytes: Int64 = 0
        /// As in the names of files: `2MB`, `1GB`.
        var hugePageSizes: [String] = []
        var pageBytes: Int64 = 4096
    }

    let options: LimitOptions
    let host: Host

    static let minimumShares: Int64 = 2
    static let maximumShares: Int64 = 262_144
    /// Microseconds: the kernel refuses shorter quotas, and longer ones than 2^44.
    static let quotas: ClosedRange<Int64> = 1000...(1 << 43)

    // MARK: CPU

    /// `cpu.weight` of a request, by way of the cgroup v1 shares that it has always had.
    func cpuWeight(milliCPU: Int64) -> Int64 {
        let shares = Int64(clamping: Int128(max(milliCPU, 0)) * 1024 / 1000)
        return cpuWeight(shares: min(max(shares, Self.minimumShares), Self.maximumShares))
    }

    private func cpuWeight(shares: Int64) -> Int64 {
        switch options.weightFormula {
        case .linear: return 1 + (shares - 2) * 9999 / 262_142
        case .quadratic:
            if shares <= Self.minimumShares { return 1 }
            if shares >= Self.maximumShares { return 10_000 }
            let power = log2(Double(shares))
            return Int64(pow(10, (power * power + 125 * power) / 612 - 7.0 / 34).rounded(.up))
        }
    }

    /// Microseconds in each period; nil without a limit.
    func cpuQuota(milliCPU: Int64) -> Int64? {
        guard options.cpuCFSQuota, milliCPU > 0 else { return nil }
        let quota = Int64(clamping: Int128(milliCPU) * Int128(options.cpuCFSQuotaPeriod) / 1000)
        return min(max(quota, Self.quotas.lowerBound), Self.quotas.upperBound)
    }

    // MARK: Containers

    /// One container of a pod.
    /// - Parameter cpus: where it may run, under the static CPU policy.
    func container(_ container: Container, of pod: Pod, cpus: CPUAssignment? = nil) -> CgroupResources {
        let resources = container.resources
        // Components look at their own cgroup for limits, so a limit of the pod stands there, too (KEP-2837).
        func limit(_ name: String) -> Quantity? {
            [resources.limits[name], pod.spec.resources?.limits[name]].lazy.compactMap(\.self).first { $0.sign > 0 }
        }
        var result = CgroupResources(cpuPeriod: options.cpuCFSQuotaPeriod)
        if cpus?.isExclusive != true { result.cpuQuota = limit("cpu").flatMap { cpuQuota(milliCPU: $0.milliValue) } }
        result.cpuWeight = cpuWeight(milliCPU: (resources.requests["cpu"] ?? limit("cpu"))?.milliValue ?? 0)
        result.memoryMax = limit("memory")?.value
        if host.controllers.contains("memory") || result.memoryMax != nil {
            result.memorySwapMax = swap(of: container, in: pod)
        }
        protect(&result, request: resources.requests["memory"]?.value ?? 0, of: pod)
        throttle(&result, container)
        result.oomGroup = !options.singleProcessOOMKill
        result.hugePages = hugePages(resources.limits)
        if let cpus, cpus.isExclusive || host.controllers.contains("cpuset") { result.cpus = cpus.cpus.description }
        result.apply(annotations(of: pod).containers[container.name])
        return result
    }

    /// KEP-2400: none, or for Burstable pods the same part of the node's swap as the request is of its memory.
    private func swap(of container: Container, in pod: Pod) -> Int64 {
        guard options.swapBehavior == .limitedSwap, pod.spec.qosClass == .burstable, !Self.isCritical(pod),
            let request = container.resources.requests["memory"]?.value, request > 0, host.memoryBytes > 0,
            request != container.resources.limits["memory"]?.value
        else { return 0 }
        return Int64(clamping: Int128(request) * Int128(host.swapBytes) / Int128(host.memoryBytes))
    }

    /// What was requested is not reclaimed, or last (KEP-2570, TieredReservation).
    private func protect(_ resources: inout CgroupResources, request: Int64, of pod: Pod) {
        guard options.memoryQoS, options.memoryReservation == .tiered, request > 0 else { return }
        switch pod.spec.qosClass {
        case .guaranteed: resources.memoryMin = request
        case .burstable: resources.memoryLow = request
        default: break
        }
    }

    /// `memory.high` between request and limit, or what the node has, down to a whole page (KEP-2570).
    private func throttle(_ resources: inout CgroupResources, _ container: Container) {
        guard options.memoryQoS else { return }
        let request = container.resources.requests["memory"]?.value ?? 0
        let end = resources.memoryMax ?? host.allocatableMemory
        guard end > request else { return }
        let room = Double(end - request) * options.memoryThrottlingFactor
        let high = (request + Int64(room)) / host.pageBytes * host.pageBytes
        if high > request { resources.memoryHigh = high }
    }

    /// By the kernel's name of the size. Who asks for none gets none.
    private func hugePages(_ limits: [String: Quantity]) -> [String: Int64] {
        var result: [String: Int64] = [:]
        if host.controllers.contains("hugetlb") { for name in host.hugePageSizes { result[name] = 0 } }
        for (name, quantity) in limits {
            if let size = HugePageSize(resource: name) { result[size.kernelName] = quantity.value }
        }
        return result
    }

    // MARK: Pods

    /// The pod's own cgroup: what it requests, and a limit where the pod has one or each of its containers has.
    /// - Parameter hasExclusiveCPUs: a container has CPUs of its own, and nothing may be gained by throttling the pod.
    func pod(_ pod: Pod, hasExclusiveCPUs: Bool = false) -> CgroupResources {
        let spec = pod.spec
        let requests = spec.effectiveRequests
        var result = CgroupResources(cpuPeriod: options.cpuCFSQuotaPeriod)
        if !hasExclusiveCPUs {
            result.cpuQuota = limit("cpu", of: spec).flatMap { cpuQuota(milliCPU: $0.milliValue) }
        }
        result.cpuWeight = cpuWeight(milliCPU: requests["cpu"]?.milliValue ?? 0)
        result.memoryMax = limit("memory", of: spec)?.value
        // Each container has its own bound; a limit that does not speak of swap would allow the pod none.
        if result.memoryMax != nil { result.memorySwapMax = .max }
        protect(&result, request: requests["memory"]?.value ?? 0, of: pod)
        result.pidsMax = options.podPidsLimit
        for (name, quantity) in requests {
            if let size = HugePageSize(resource: name) { result.hugePages[size.kernelName] = quantity.value }
        }
        result.apply(annotations(of: pod).pod)
        return result
    }

    /// The pod's own limit, or the sum over its containers where every one of them has a limit. Nil where the pod is
    /// unlimited.
    private func limit(_ name: String, of spec: PodSpec) -> Quantity? {
        spec.isLimited(name) ? spec.effectiveLimits[name] : nil
    }

    // MARK: Levels

    /// The cgroups above the pods', from what all pods of the node request (kubelet: `qos_container_manager_linux.go`).
    /// Protection counts only as far as each level above has it, too; the Guaranteed level is the parent itself.
    func levels(_ pods: [PodShare]) -> [QualityOfService: CgroupResources] {
        func sum(_ qos: PodQOSClass, _ value: (PodShare) -> Int64) -> Int64 {
            pods.reduce(0) { total, share in
                guard share.qos == qos else { return total }
                let (sum, isOver) = total.addingReportingOverflow(value(share))
                return isOver ? .max : sum
            }
        }
        var burstable = CgroupResources(cpuWeight: cpuWeight(milliCPU: sum(.burstable, \.milliCPU)))
        var node = CgroupResources()
        if options.memoryQoS, options.memoryReservation == .tiered, host.controllers.contains("memory") {
            burstable.memoryLow = sum(.burstable, \.memoryBytes)
            node.memoryLow = burstable.memoryLow
            node.memoryMin = sum(.guaranteed, \.memoryBytes)
        }
        return [
            .guaranteed: node, .burstable: burstable,
            .bestEffort: CgroupResources(cpuWeight: cpuWeight(shares: Self.minimumShares)),
        ]
    }

    // MARK: The pod as a whole

    /// What was asked for explicitly; it counts before what is derived.
    private func annotations(of pod: Pod) -> CgroupAnnotations {
        // The API has refused what is wrong in them; of a pod that it did not check, the rest counts.
        var problems: [CgroupAnnotations.Problem] = []
        return CgroupAnnotations(pod.metadata.annotations, spec: pod.spec, problems: &problems)
    }

    static func qualityOfService(_ spec: PodSpec) -> QualityOfService {
        QualityOfService(rawValue: spec.qosClass.rawValue) ?? .bestEffort
    }

    /// The priority from which on a pod is critical to the cluster or the node (`scheduling.SystemCriticalPriority`).
    static let criticalPriority: Int32 = 2_000_000_000
    static let nodeCriticalClass = "system-node-critical"

    static func isCritical(_ pod: Pod) -> Bool { (pod.spec.priority ?? 0) >= criticalPriority }
}

/// What of a pod counts in the cgroup of its class.
struct PodShare: Sendable, Hashable {
    var qos: PodQOSClass
    var milliCPU: Int64
    var memoryBytes: Int64

    init(_ spec: PodSpec) {
        let requests = spec.effectiveRequests
        qos = spec.qosClass
        milliCPU = requests["cpu"]?.milliValue ?? 0
        memoryBytes = requests["memory"]?.value ?? 0
    }
}
