/// Limits, protections and shares of one cgroup, in the kernel's own terms (kernel: admin-guide/cgroup-v2).
///
/// Nil leaves the kernel's default; in an update it goes back to it. `Int64.max` as a number of bytes or pids stands for
/// the kernel's word `max`: no limit, said explicitly.
public struct CgroupResources: Sendable, Hashable, Codable {
    /// `cpu.max`: microseconds of CPU time in each period; at least 1,000.
    public var cpuQuota: Int64?
    /// `cpu.max`: the period in microseconds, 1,000 to 1,000,000.
    public var cpuPeriod: Int64
    /// `cpu.max.burst`: microseconds that unused quota may add to a period; at most the quota.
    public var cpuBurst: Int64?
    /// `cpu.weight`: 1 to 10,000. Of no effect while `cpuIdle` is set.
    public var cpuWeight: Int64?
    /// `cpu.idle`: runs only when nobody else wants the CPU.
    public var cpuIdle: Bool?

    /// `memory.min`, bytes: never reclaimed.
    public var memoryMin: Int64?
    /// `memory.low`, bytes: reclaimed only when nothing unprotected is left.
    public var memoryLow: Int64?
    /// `memory.high`, bytes: beyond it the cgroup is throttled and reclaimed.
    public var memoryHigh: Int64?
    /// `memory.max`, bytes: beyond it the OOM killer comes.
    public var memoryMax: Int64?
    /// `memory.swap.max`, bytes. Where it is nil and `memoryMax` is not, no swap is allowed: a limit would only push the
    /// workload out to swap otherwise.
    public var memorySwapMax: Int64?
    /// `memory.swap.high`, bytes: beyond it the cgroup is throttled.
    public var memorySwapHigh: Int64?
    /// `memory.oom.group`: an OOM kill ends the whole container.
    public var oomGroup: Bool

    /// `pids.max`: processes and threads.
    public var pidsMax: Int64?

    /// `hugetlb.<size>.max`: the size as the kernel names it (`2MB`, `1GB`) to bytes.
    public var hugePages: [String: Int64]

    /// `cpuset.cpus`: a list such as `0-1,3`. Taken back from a cgroup with processes it becomes what the parent has at
    /// that moment: the kernel does not empty it again.
    public var cpus: String?
    /// `cpuset.mems`: NUMA nodes, a list as for `cpus`.
    public var memoryNodes: String?

    /// `io.max`: one entry per device.
    public var ioMax: [IOLimit]
    /// `io.weight`: 1 to 10,000, for all devices.
    public var ioWeight: Int64?

    public init(
        cpuQuota: Int64? = nil, cpuPeriod: Int64 = 100_000, cpuBurst: Int64? = nil, cpuWeight: Int64? = nil,
        cpuIdle: Bool? = nil, memoryMin: Int64? = nil, memoryLow: Int64? = nil, memoryHigh: Int64? = nil,
        memoryMax: Int64? = nil, memorySwapMax: Int64? = nil, memorySwapHigh: Int64? = nil, pidsMax: Int64? = nil,
        oomGroup: Bool = false, hugePages: [String: Int64] = [:], cpus: String? = nil, memoryNodes: String? = nil,
        ioMax: [IOLimit] = [], ioWeight: Int64? = nil
    ) {
        self.cpuQuota = cpuQuota
        self.cpuPeriod = cpuPeriod
        self.cpuBurst = cpuBurst
        self.cpuWeight = cpuWeight
        self.cpuIdle = cpuIdle
        self.memoryMin = memoryMin
        self.memoryLow = memoryLow
        self.memoryHigh = memoryHigh
        self.memoryMax = memoryMax
        self.memorySwapMax = memorySwapMax
        self.memorySwapHigh = memorySwapHigh
        self.oomGroup = oomGroup
        self.pidsMax = pidsMax
        self.hugePages = hugePages
        self.cpus = cpus
        self.memoryNodes = memoryNodes
        self.ioMax = ioMax
        self.ioWeight = ioWeight
    }

    /// Facts of an earlier version do not have the knobs that came later.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            cpuQuota: try values.decodeIfPresent(Int64.self, forKey: .cpuQuota),
            cpuPeriod: try values.decodeIfPresent(Int64.self, forKey: .cpuPeriod) ?? 100_000,
            cpuBurst: try values.decodeIfPresent(Int64.self, forKey: .cpuBurst),
            cpuWeight: try values.decodeIfPresent(Int64.self, forKey: .cpuWeight),
            cpuIdle: try values.decodeIfPresent(Bool.self, forKey: .cpuIdle),
            memoryMin: try values.decodeIfPresent(Int64.self, forKey: .memoryMin),
            memoryLow: try values.decodeIfPresent(Int64.self, forKey: .memoryLow),
            memoryHigh: try values.decodeIfPresent(Int64.self, forKey: .memoryHigh),
            memoryMax: try values.decodeIfPresent(Int64.self, forKey: .memoryMax),
            memorySwapMax: try values.decodeIfPresent(Int64.self, forKey: .memorySwapMax),
            memorySwapHigh: try values.decodeIfPresent(Int64.self, forKey: .memorySwapHigh),
            pidsMax: try values.decodeIfPresent(Int64.self, forKey: .pidsMax),
            oomGroup: try values.decodeIfPresent(Bool.self, forKey: .oomGroup) ?? false,
            hugePages: try values.decodeIfPresent([String: Int64].self, forKey: .hugePages) ?? [:],
            cpus: try values.decodeIfPresent(String.self, forKey: .cpus),
            memoryNodes: try values.decodeIfPresent(String.self, forKey: .memoryNodes),
            ioMax: try values.decodeIfPresent([IOLimit].self, forKey: .ioMax) ?? [],
            ioWeight: try values.decodeIfPresent(Int64.self, forKey: .ioWeight))
    }
}

/// One line of `io.max`: what a cgroup may do with one block device, per second. Nil is no limit.
public struct IOLimit: Sendable, Hashable, Codable {
    /// `major:minor`, or the path of a block device (`/dev/vda`). The kernel limits whole disks, not partitions.
    public var device: String
    public var readBytes: Int64?
    public var writeBytes: Int64?
    public var readOperations: Int64?
    public var writeOperations: Int64?

    public init(
        device: String, readBytes: Int64? = nil, writeBytes: Int64? = nil, readOperations: Int64? = nil,
        writeOperations: Int64? = nil
    ) {
        self.device = device
        self.readBytes = readBytes
        self.writeBytes = writeBytes
        self.readOperations = readOperations
        self.writeOperations = writeOperations
    }
}
