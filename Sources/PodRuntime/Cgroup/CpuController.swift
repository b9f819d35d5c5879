/// `cpu.max` (a hard limit of CPU time per period) and `cpu.weight` (a share when the CPU is contended).
enum CpuController: CgroupController {
    static let name = "cpu"

    static func limits(in resources: CgroupResources) -> [String] {
        guard let quota = resources.cpuQuota else { return [] }
        return ["cpu.max \(quota) \(resources.cpuPeriod)"]
    }

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        if let weight = resources.cpuWeight {
            settings.append(CgroupSetting(file: "cpu.weight", value: "\(min(max(weight, 1), 10_000))"))
        }
        if let quota = resources.cpuQuota {
            // The kernel refuses quotas below a millisecond (EINVAL).
            settings.append(CgroupSetting(file: "cpu.max", value: "\(max(quota, 1000)) \(resources.cpuPeriod)"))
        }
        return settings
    }
}

/// `cpu.stat`, which every cgroup v2 has; the throttling fields only with the cpu controller.
public struct CpuStatistics: Sendable, Hashable {
    public var usageMicroseconds: Int64
    public var userMicroseconds: Int64
    public var systemMicroseconds: Int64
    /// Periods that have passed with something to run, and how many of them hit the quota.
    public var periods: Int64
    public var throttledPeriods: Int64
    public var throttledMicroseconds: Int64

    init(_ text: String) {
        let values = parseFlatKeyed(text)
        usageMicroseconds = values["usage_usec"] ?? 0
        userMicroseconds = values["user_usec"] ?? 0
        systemMicroseconds = values["system_usec"] ?? 0
        periods = values["nr_periods"] ?? 0
        throttledPeriods = values["nr_throttled"] ?? 0
        throttledMicroseconds = values["throttled_usec"] ?? 0
    }
}
