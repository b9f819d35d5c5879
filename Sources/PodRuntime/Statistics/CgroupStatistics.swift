/// What one cgroup uses, at one moment. A part is nil where its controller (or PSI) is not there.
public struct CgroupStatistics: Sendable, Hashable {
    /// Nanoseconds since 1970, when the first file was read.
    public var time: Int64
    public var cpu: CpuStatistics
    public var memory: MemoryStatistics?
    /// `memory.events`: of the cgroup and all below it.
    public var memoryEvents: MemoryEvents?
    /// `memory.events.local`: without what happened at limits below.
    public var memoryEventsLocal: MemoryEvents?
    public var pids: PidsStatistics?
    /// By device; empty without the io controller, too.
    public var io: [IOStatistics]
    public var cpuPressure: PressureStatistics?
    public var memoryPressure: PressureStatistics?
    public var ioPressure: PressureStatistics?

    public init(
        time: Int64, cpu: CpuStatistics = CpuStatistics(), memory: MemoryStatistics? = nil,
        memoryEvents: MemoryEvents? = nil, memoryEventsLocal: MemoryEvents? = nil, pids: PidsStatistics? = nil,
        io: [IOStatistics] = [], cpuPressure: PressureStatistics? = nil, memoryPressure: PressureStatistics? = nil,
        ioPressure: PressureStatistics? = nil
    ) {
        self.time = time
        self.cpu = cpu
        self.memory = memory
        self.memoryEvents = memoryEvents
        self.memoryEventsLocal = memoryEventsLocal
        self.pids = pids
        self.io = io
        self.cpuPressure = cpuPressure
        self.memoryPressure = memoryPressure
        self.ioPressure = ioPressure
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
    /// Periods that used more than the quota out of `cpu.max.burst`, and by how much in all.
    public var bursts: Int64
    public var burstMicroseconds: Int64

    public init(
        usageMicroseconds: Int64 = 0, userMicroseconds: Int64 = 0, systemMicroseconds: Int64 = 0, periods: Int64 = 0,
        throttledPeriods: Int64 = 0, throttledMicroseconds: Int64 = 0, bursts: Int64 = 0, burstMicroseconds: Int64 = 0
    ) {
        self.usageMicroseconds = usageMicroseconds
        self.userMicroseconds = userMicroseconds
        self.systemMicroseconds = systemMicroseconds
        self.periods = periods
        self.throttledPeriods = throttledPeriods
        self.throttledMicroseconds = throttledMicroseconds
        self.bursts = bursts
        self.burstMicroseconds = burstMicroseconds
    }
}

/// `memory.current`, `memory.peak`, `memory.swap.current`, the limits, and the fields of `memory.stat` that dashboards
/// show. Bytes, except for the faults.
public struct MemoryStatistics: Sendable, Hashable {
    public var current: Int64
    /// The most that was ever used; nil before Linux 5.19.
    public var peak: Int64?
    /// Nil where the kernel does not account swap.
    public var swap: Int64?
    /// `memory.max`; nil is no limit.
    public var max: Int64?
    /// `memory.high`; nil is no limit.
    public var high: Int64?
    public var anonymous: Int64
    public var file: Int64
    public var inactiveFile: Int64
    public var activeFile: Int64
    public var slab: Int64
    public var kernelStack: Int64
    public var sock: Int64
    public var shmem: Int64
    public var mapped: Int64
    /// Counts, not bytes.
    public var pageFaults: Int64
    public var majorPageFaults: Int64

    /// What cannot be taken back without a cost, as cAdvisor and the kubelet define it.
    public var workingSet: Int64 { Swift.max(0, current - inactiveFile) }

    public init(
        current: Int64 = 0, peak: Int64? = nil, swap: Int64? = nil, max: Int64? = nil, high: Int64? = nil,
        anonymous: Int64 = 0, file: Int64 = 0, inactiveFile: Int64 = 0, activeFile: Int64 = 0, slab: Int64 = 0,
        kernelStack: Int64 = 0, sock: Int64 = 0, shmem: Int64 = 0, mapped: Int64 = 0, pageFaults: Int64 = 0,
        majorPageFaults: Int64 = 0
    ) {
        self.current = current
        self.peak = peak
        self.swap = swap
        self.max = max
        self.high = high
        self.anonymous = anonymous
        self.file = file
        self.inactiveFile = inactiveFile
        self.activeFile = activeFile
        self.slab = slab
        self.kernelStack = kernelStack
        self.sock = sock
        self.shmem = shmem
        self.mapped = mapped
        self.pageFaults = pageFaults
        self.majorPageFaults = majorPageFaults
    }
}

/// `memory.events`: cumulative over the life of a cgroup, and gone with it.
public struct MemoryEvents: Sendable, Hashable {
    /// Reclaimed below `memory.low`.
    public var low: Int64
    /// Throttled because of `memory.high`.
    public var high: Int64
    /// Times that usage was about to go over memory.max.
    public var max: Int64
    /// Allocations that hit the limit and could not be satisfied by reclaim.
    public var oom: Int64
    /// Processes that were killed by any OOM killer.
    public var oomKill: Int64
    /// Times that the cgroup as a whole was killed.
    public var oomGroupKill: Int64

    public init(
        low: Int64 = 0, high: Int64 = 0, max: Int64 = 0, oom: Int64 = 0, oomKill: Int64 = 0, oomGroupKill: Int64 = 0
    ) {
        self.low = low
        self.high = high
        self.max = max
        self.oom = oom
        self.oomKill = oomKill
        self.oomGroupKill = oomGroupKill
    }
}

/// `pids.current` and `pids.max`: processes and threads.
public struct PidsStatistics: Sendable, Hashable {
    public var current: Int64
    /// Nil is no limit.
    public var max: Int64?

    public init(current: Int64 = 0, max: Int64? = nil) {
        self.current = current
        self.max = max
    }
}

/// One line of `io.stat`.
public struct IOStatistics: Sendable, Hashable {
    /// `major:minor`.
    public var device: String
    public var readBytes: Int64
    public var writtenBytes: Int64
    public var reads: Int64
    public var writes: Int64
    public var discardedBytes: Int64
    public var discards: Int64

    public init(
        device: String, readBytes: Int64 = 0, writtenBytes: Int64 = 0, reads: Int64 = 0, writes: Int64 = 0,
        discardedBytes: Int64 = 0, discards: Int64 = 0
    ) {
        self.device = device
        self.readBytes = readBytes
        self.writtenBytes = writtenBytes
        self.reads = reads
        self.writes = writes
        self.discardedBytes = discardedBytes
        self.discards = discards
    }
}

/// Pressure stall information (kernel: accounting/psi).
public struct PressureStatistics: Sendable, Hashable {
    public struct Share: Sendable, Hashable {
        /// Percent of the last 10, 60 and 300 seconds.
        public var avg10: Double
        public var avg60: Double
        public var avg300: Double
        public var totalMicroseconds: Int64

        public init(avg10: Double = 0, avg60: Double = 0, avg300: Double = 0, totalMicroseconds: Int64 = 0) {
            self.avg10 = avg10
            self.avg60 = avg60
            self.avg300 = avg300
            self.totalMicroseconds = totalMicroseconds
        }
    }
    /// At least one task waited.
    public var some: Share
    /// All tasks waited. Zero for the machine's cpu, where it has no meaning.
    public var full: Share

    public init(some: Share = Share(), full: Share = Share()) {
        self.some = some
        self.full = full
    }
}
