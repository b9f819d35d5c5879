/// How a node turns requests and limits into values of cgroup files: what the kubelet has in its configuration file, with
/// its defaults. `CgroupTranslation` is where each of them counts.
public struct LimitOptions: Sendable, Hashable {
    /// How a CPU request becomes `cpu.weight`. Both begin with the cgroup v1 shares that the request has always had.
    public enum WeightFormula: String, Sendable, Hashable, CaseIterable {
        /// 1 + (shares - 2) * 9999 / 262142, of KEP-2254: one CPU has 39.
        case linear
        /// 10 ^ ((l * l + 125 * l) / 612 - 7 / 34), l = log2(shares), of the OCI runtimes since 2025: one CPU has the
        /// kernel's own default, 100.
        case quadratic
    }

    /// Which memory protection `memoryQoS` gives for requests (KEP-2570).
    public enum MemoryReservation: String, Sendable, Hashable, CaseIterable {
        case none = "None"
        /// `memory.min` for Guaranteed pods, `memory.low` for Burstable ones.
        case tiered = "TieredReservation"
    }

    /// KEP-2400.
    public enum SwapBehavior: String, Sendable, Hashable, CaseIterable {
        case noSwap = "NoSwap"
        /// Containers of Burstable pods may swap in proportion to their memory request.
        case limitedSwap = "LimitedSwap"
    }

    public enum CPUManagerPolicy: String, Sendable, Hashable, CaseIterable {
        case none
        /// Containers of Guaranteed pods that ask for whole CPUs get CPUs of their own.
        case `static`
    }

    public var weightFormula = WeightFormula.linear
    /// Throttle memory near its limit (`memory.high`) and protect what was requested (KEP-2570).
    public var memoryQoS = false
    /// Where `memory.high` stands between the request (0) and the limit (1).
    public var memoryThrottlingFactor = 0.9
    /// Counts where `memoryQoS` is on.
    public var memoryReservation = MemoryReservation.tiered
    public var swapBehavior = SwapBehavior.noSwap
    /// `pids.max` of each pod; nil leaves it without a limit.
    public var podPidsLimit: Int64?
    public var cpuManagerPolicy = CPUManagerPolicy.none
    /// CPUs that no container gets for its own. The static policy needs at least one.
    public var reservedCPUs = CPUSet()
    /// An OOM kill ends one process, not the whole container: `memory.oom.group` is left off.
    public var singleProcessOOMKill = false
    /// Whether CPU limits are enforced at all (`cpu.max`).
    public var cpuCFSQuota = true
    /// Microseconds of one period of `cpu.max`: 1,000 to 1,000,000.
    public var cpuCFSQuotaPeriod: Int64 = 100_000

    public init() {}

    /// What cannot be done on this machine; nil where all can.
    public func problemOnThisMachine() -> String? {
        let all = CPUTopology.host.all
        guard reservedCPUs.isSubset(of: all) else { return "reserved CPUs \(reservedCPUs): this machine has \(all)" }
        return nil
    }
}
