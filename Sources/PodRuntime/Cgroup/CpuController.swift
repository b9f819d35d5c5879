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
