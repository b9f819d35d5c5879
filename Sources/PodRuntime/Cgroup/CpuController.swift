/// `cpu.max` and `cpu.max.burst` (a hard limit of CPU time per period), `cpu.weight` and `cpu.idle` (a share when the CPU
/// is contended).
enum CpuController: CgroupController {
    static let name = "cpu"
    static let laterFiles = ["cpu.max.burst": "Linux 5.14", "cpu.idle": "Linux 5.15"]

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        if resources.cpuIdle == true {
            // The kernel refuses a weight for an idle cgroup (EINVAL).
            settings.add("cpu.idle", 1, initial: "0")
        } else {
            let weight = resources.cpuWeight.map { min(max($0, 1), 10_000) }
            settings.add("cpu.weight", weight, initial: "100", depth: 1, isLimit: false)
        }
        settings.add("cpu.max.burst", resources.cpuBurst, initial: "0")
        if let quota = resources.cpuQuota, quota != .max {
            // The kernel refuses quotas below a millisecond (EINVAL).
            settings.append(
                CgroupSetting(
                    file: "cpu.max", value: "\(max(quota, 1000)) \(resources.cpuPeriod)", initial: "max 100000",
                    depth: 1))
        }
        return settings
    }

    static func changes(from present: [CgroupSetting], to resources: CgroupResources) -> [CgroupSetting] {
        let changes = CgroupSetting.changes(from: present, to: settings(for: resources))
        // A weight from before is not taken back: the kernel refuses it while idle, and forgets it by itself.
        return resources.cpuIdle == true ? changes.filter { $0.file != "cpu.weight" } : changes
    }
}
