import Glibc
import LinuxKernel

/// Reads what one cgroup uses, again and again, on descriptors that stay open as long as the sampler lives.
///
/// No file is opened for a sample; the text is parsed as bytes in one buffer.
public struct CgroupSampler: Sendable {
    public let path: String

    private let cpu: SampledFile?
    private let memoryCurrent: SampledFile?
    private let memoryPeak: SampledFile?
    private let memorySwap: SampledFile?
    private let memoryMax: SampledFile?
    private let memoryHigh: SampledFile?
    private let memoryStat: SampledFile?
    private let memoryEvents: SampledFile?
    private let memoryEventsLocal: SampledFile?
    private let pidsCurrent: SampledFile?
    private let pidsMax: SampledFile?
    private let io: SampledFile?
    private let cpuPressure: SampledFile?
    private let memoryPressure: SampledFile?
    private let ioPressure: SampledFile?

    // Keys in the order of the kernel's files.
    private static let cpuKeys = KeyTable([
        "usage_usec", "user_usec", "system_usec", "nr_periods", "nr_throttled", "throttled_usec", "nr_bursts",
        "burst_usec",
    ])
    private static let memoryKeys = KeyTable([
        "anon", "file", "kernel_stack", "sock", "shmem", "file_mapped", "inactive_file", "active_file", "slab",
        "pgfault", "pgmajfault",
    ])
    private static let eventKeys = KeyTable(["low", "high", "max", "oom", "oom_kill", "oom_group_kill"])
    private static let ioKeys = KeyTable(["rbytes", "wbytes", "rios", "wios", "dbytes", "dios"])

    /// Opens the files of a cgroup that are there: at most 15.
    ///
    /// - Throws: `RuntimeError(.notFound)` where there is no such cgroup.
    public init(path: String) throws {
        self.path = path
        func open(_ file: String) throws -> SampledFile? {
            try RuntimeError.wrapping(.create, step: "sample") { try SampledFile("\(path)/\(file)") }
        }
        cpu = try open("cpu.stat")
        memoryCurrent = try open("memory.current")
        memoryPeak = try open("memory.peak")
        memorySwap = try open("memory.swap.current")
        memoryMax = try open("memory.max")
        memoryHigh = try open("memory.high")
        memoryStat = try open("memory.stat")
        memoryEvents = try open("memory.events")
        memoryEventsLocal = try open("memory.events.local")
        pidsCurrent = try open("pids.current")
        pidsMax = try open("pids.max")
        io = try open("io.stat")
        cpuPressure = try open("cpu.pressure")
        memoryPressure = try open("memory.pressure")
        ioPressure = try open("io.pressure")
        guard FileAccess.exists(path) else { throw RuntimeError.cgroupGone(path) }
    }

    /// Reads all files once. Blocks for some tens of microseconds.
    ///
    /// - Throws: `RuntimeError(.notFound)` where the cgroup is gone.
    public func sample() throws -> CgroupStatistics {
        do { return try SampledFile.withBuffer(sample) } catch let error as SystemError {
            throw error.errno == ENODEV ? RuntimeError.cgroupGone(path) : RuntimeError(.create, step: "sample", error)
        }
    }

    private func sample(_ buffer: UnsafeMutableRawBufferPointer) throws -> CgroupStatistics {
        var result = CgroupStatistics(time: Realtime.nanoseconds())
        if let text = try cpu?.read(buffer) { result.cpu = Self.parseCPU(text) }
        if let text = try memoryCurrent?.read(buffer) {
            var memory = MemoryStatistics(current: CgroupText.single(text) ?? 0)
            memory.peak = try number(memoryPeak, buffer)
            memory.swap = try number(memorySwap, buffer)
            memory.max = try number(memoryMax, buffer)
            memory.high = try number(memoryHigh, buffer)
            if let text = try memoryStat?.read(buffer) { Self.parseMemory(text, into: &memory) }
            result.memory = memory
        }
        if let text = try memoryEvents?.read(buffer) { result.memoryEvents = Self.parseEvents(text) }
        if let text = try memoryEventsLocal?.read(buffer) { result.memoryEventsLocal = Self.parseEvents(text) }
        if let text = try pidsCurrent?.read(buffer) {
            result.pids = PidsStatistics(current: CgroupText.single(text) ?? 0)
            result.pids?.max = try number(pidsMax, buffer)
        }
        if let text = try io?.read(buffer) { result.io = CgroupText.devices(text, Self.ioKeys) }
        if let text = try cpuPressure?.read(buffer) { result.cpuPressure = CgroupText.pressure(text) }
        if let text = try memoryPressure?.read(buffer) { result.memoryPressure = CgroupText.pressure(text) }
        if let text = try ioPressure?.read(buffer) { result.ioPressure = CgroupText.pressure(text) }
        return result
    }

    /// Nil where the file is not there or says `max`.
    private func number(_ file: SampledFile?, _ buffer: UnsafeMutableRawBufferPointer) throws -> Int64? {
        guard let text = try file?.read(buffer), let value = CgroupText.single(text), value != .max else { return nil }
        return value
    }

    static func parseCPU(_ text: UnsafeRawBufferPointer) -> CpuStatistics {
        var cpu = CpuStatistics()
        cpuKeys.scan(text) { key, value in
            switch key {
            case 0: cpu.usageMicroseconds = value
            case 1: cpu.userMicroseconds = value
            case 2: cpu.systemMicroseconds = value
            case 3: cpu.periods = value
            case 4: cpu.throttledPeriods = value
            case 5: cpu.throttledMicroseconds = value
            case 6: cpu.bursts = value
            default: cpu.burstMicroseconds = value
            }
        }
        return cpu
    }

    private static func parseMemory(_ text: UnsafeRawBufferPointer, into memory: inout MemoryStatistics) {
        memoryKeys.scan(text) { key, value in
            switch key {
            case 0: memory.anonymous = value
            case 1: memory.file = value
            case 2: memory.kernelStack = value
            case 3: memory.sock = value
            case 4: memory.shmem = value
            case 5: memory.mapped = value
            case 6: memory.inactiveFile = value
            case 7: memory.activeFile = value
            case 8: memory.slab = value
            case 9: memory.pageFaults = value
            default: memory.majorPageFaults = value
            }
        }
    }

    static func parseEvents(_ text: UnsafeRawBufferPointer) -> MemoryEvents {
        var events = MemoryEvents()
        eventKeys.scan(text) { key, value in
            switch key {
            case 0: events.low = value
            case 1: events.high = value
            case 2: events.max = value
            case 3: events.oom = value
            case 4: events.oomKill = value
            default: events.oomGroupKill = value
            }
        }
        return events
    }
}

extension RuntimeError {
    static func cgroupGone(_ path: String) -> RuntimeError {
        RuntimeError(.notFound, step: "cgroup", object: path, message: "cgroup \(path) is gone")
    }
}
