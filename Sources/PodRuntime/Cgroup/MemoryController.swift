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

/// `memory.events`: cumulative over the life of a cgroup and all below it, and gone with it.
public struct MemoryEvents: Sendable, Hashable {
    /// Allocations that hit the limit and could not be satisfied by reclaim.
    public var oom: Int64
    /// Processes that were killed by any OOM killer.
    public var oomKill: Int64
    /// Times that the cgroup as a whole was killed.
    public var oomGroupKill: Int64
    /// Times that usage was about to go over memory.max.
    public var max: Int64

    init(_ text: String) {
        let values = parseFlatKeyed(text)
        oom = values["oom"] ?? 0
        oomKill = values["oom_kill"] ?? 0
        oomGroupKill = values["oom_group_kill"] ?? 0
        max = values["max"] ?? 0
    }
}
