/// What /proc/meminfo says of the machine's memory, in bytes (proc_meminfo(5)).
struct MachineMemory: Sendable, Hashable {
    var total: Int64
    var free: Int64
    /// File pages that nobody has used lately.
    var inactiveFile: Int64
    /// Kernel memory that is given back on demand: cached names and inodes.
    var reclaimableSlab: Int64

    /// What pods may still use without anyone missing it: `total` less the working set, which is what is neither free
    /// nor an inactive file page nor such kernel memory.
    ///
    /// The kubelet subtracts anonymous and active file pages only. Memory that the kernel itself keeps counts as available
    /// there, so that a small machine is killed by its OOM killer with 100 Mi "available"; here it does not count. The
    /// one source is there on hosts of every kind, with the memory controller bound to cgroup v2 or not.
    var available: Int64 { min(free + inactiveFile + reclaimableSlab, total) }

    /// Nil where a line is missing.
    init?(_ meminfo: String) {
        var values: [Substring: Int64] = [:]
        for line in meminfo.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count > 1, let kibibytes = Int64(words[1]) { values[words[0]] = kibibytes * 1024 }
        }
        guard let total = values["MemTotal:"], let free = values["MemFree:"], let inactive = values["Inactive(file):"],
            let slab = values["SReclaimable:"]
        else { return nil }
        (self.total, self.free, inactiveFile, reclaimableSlab) = (total, free, inactive, slab)
    }
}
