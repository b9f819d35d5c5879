/// `memory.max` (beyond it the OOM killer comes) and `memory.oom.group` (and takes the whole container).
enum MemoryController: CgroupController {
    static let name = "memory"

    static func limits(in resources: CgroupResources) -> [String] {
        guard let limit = resources.memoryMax else { return [] }
        return ["memory.max \(limit)"]
    }

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        if resources.oomGroup { settings.append(CgroupSetting(file: "memory.oom.group", value: "1")) }
        if let limit = resources.memoryMax {
            // Without this a limit would only push the workload out to swap, which the kubelet's default (NoSwap) forbids.
            settings.append(CgroupSetting(file: "memory.swap.max", value: "0", optional: true))
            settings.append(CgroupSetting(file: "memory.max", value: "\(limit)"))
        }
        return settings
    }
}
