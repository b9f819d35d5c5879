/// `memory.max` (beyond it the OOM killer comes), `memory.oom.group` (and takes the whole container), `memory.high`
/// (beyond it the cgroup is throttled), `memory.low` and `memory.min` (below it nothing is reclaimed), swap.
enum MemoryController: CgroupController {
    static let name = "memory"
    static let laterFiles = [
        "memory.swap.max": "a kernel with CONFIG_SWAP", "memory.swap.high": "Linux 5.8 with CONFIG_SWAP",
    ]

    static func settings(for resources: CgroupResources) -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        settings.add("memory.oom.group", resources.oomGroup ? 1 : 0, initial: "0", isLimit: false)
        settings.add("memory.swap.high", resources.memorySwapHigh, initial: "max")
        // Without this a limit would only push the workload out to swap, which the kubelet's default (NoSwap) forbids.
        // A kernel that accounts no swap needs nothing to be told that there shall be none.
        let hasLimit = (resources.memoryMax ?? .max) != .max
        let swap = resources.memorySwapMax ?? (hasLimit ? 0 : nil)
        settings.add("memory.swap.max", swap, initial: "max", depth: 1, isLimit: swap != 0)
        settings.add("memory.min", resources.memoryMin, initial: "0")
        settings.add("memory.low", resources.memoryLow, initial: "0", depth: 1)
        settings.add("memory.high", resources.memoryHigh, initial: "max", depth: 2)
        settings.add("memory.max", resources.memoryMax, initial: "max", depth: 3)
        return settings
    }
}
