import KubernetesAPI
import PodRuntime

/// What a pod asks for in the API's terms, as the kernel wants it (kubelet: `pkg/kubelet/cm/helpers_linux.go`).
enum CgroupTranslation {
    static let cpuPeriod: Int64 = 100_000
    static let minimumQuota: Int64 = 1000

    /// `cpu.weight` of a request: the cgroup v1 shares that the request has always had, on v2's scale.
    static func cpuWeight(milliCPU: Int64) -> Int64 {
        let shares = min(max(milliCPU * 1024 / 1000, 2), 262_144)
        return 1 + (shares - 2) * 9999 / 262_142
    }

    /// Microseconds in each period; nil without a limit.
    static func cpuQuota(milliCPU: Int64) -> Int64? {
        milliCPU > 0 ? max(milliCPU * cpuPeriod / 1000, minimumQuota) : nil
    }

    static func container(_ resources: ResourceRequirements) -> CgroupResources {
        let request = resources.requests["cpu"] ?? resources.limits["cpu"]
        return CgroupResources(
            cpuQuota: resources.limits["cpu"].flatMap { cpuQuota(milliCPU: $0.milliValue) }, cpuPeriod: cpuPeriod,
            cpuWeight: cpuWeight(milliCPU: request?.milliValue ?? 0),
            memoryMax: resources.limits["memory"].map(\.value).flatMap { $0 > 0 ? $0 : nil }, oomGroup: true)
    }

    /// The pod's cgroup: the requests together, and the limits together where every container has one.
    static func pod(_ spec: PodSpec, pidsMax: Int64?) -> CgroupResources {
        CgroupResources(
            cpuQuota: sumOfLimits("cpu", spec) { $0.milliValue }.flatMap(cpuQuota(milliCPU:)), cpuPeriod: cpuPeriod,
            cpuWeight: cpuWeight(milliCPU: spec.effectiveRequests["cpu"]?.milliValue ?? 0),
            memoryMax: sumOfLimits("memory", spec) { $0.value }, pidsMax: pidsMax)
    }

    private static func sumOfLimits(_ name: String, _ spec: PodSpec, _ value: (Quantity) -> Int64) -> Int64? {
        let limits = (spec.containers + spec.initContainers).map { $0.resources.limits[name].map(value) ?? 0 }
        guard limits.allSatisfy({ $0 > 0 }) else { return nil }
        let running = zip(spec.containers + spec.initContainers, limits).enumerated()
        var sum: Int64 = 0
        var starting: Int64 = 0
        for (index, (container, limit)) in running {
            // An init container is alone with the sidecars before it; taking the largest with all of them is no less.
            if index < spec.containers.count || container.isSidecar {
                sum += limit
            } else {
                starting = max(starting, limit)
            }
        }
        let sidecars = zip(spec.initContainers, limits.dropFirst(spec.containers.count))
            .reduce(0) { $1.0.isSidecar ? $0 + $1.1 : $0 }
        return max(sum, starting > 0 ? starting + sidecars : 0)
    }

    static func qualityOfService(_ spec: PodSpec) -> QualityOfService {
        QualityOfService(rawValue: spec.qosClass.rawValue) ?? .bestEffort
    }

    /// How soon the OOM killer takes the container (kubelet: `pkg/kubelet/qos/policy.go`).
    static func oomScoreAdjust(_ container: Container, qos: QualityOfService, memoryCapacity: Int64) -> Int {
        switch qos {
        case .guaranteed: return -997
        case .bestEffort: return 1000
        case .burstable:
            guard memoryCapacity > 0 else { return 999 }
            let request = container.resources.requests["memory"]?.value ?? 0
            // In 128 bits: a request may be any number.
            let share = Int(clamping: Int128(1000) * Int128(request) / Int128(memoryCapacity))
            return min(max(1000 - share, 3), 999)
        }
    }

    /// Controllers without which a limit of the pod would be silent.
    static func neededControllers(_ spec: PodSpec, pidsMax: Int64?) -> [String] {
        let containers = spec.containers + spec.initContainers
        var needed: [String] = []
        for name in ["cpu", "memory"] where containers.contains(where: { ($0.resources.limits[name]?.sign ?? 0) > 0 }) {
            needed.append(name)
        }
        if pidsMax != nil { needed.append("pids") }
        return needed
    }
}
