import Glibc
import LinuxKernel

/// Reads what the machine uses from proc(5), on descriptors that stay open.
struct MachineSampler: Sendable {
    private let cpu: SampledFile?
    private let memory: SampledFile?
    private let virtualMemory: SampledFile?
    private let load: SampledFile?
    private let pidMax: SampledFile?
    private let threadsMax: SampledFile?
    private let cpuPressure: SampledFile?
    private let memoryPressure: SampledFile?
    private let ioPressure: SampledFile?
    private let bootedAt: Int64

    private static let memoryKeys = KeyTable([
        "MemTotal:", "MemFree:", "MemAvailable:", "Cached:", "Active(file):", "Inactive(file):", "SwapTotal:",
        "SwapFree:", "AnonPages:", "Mapped:", "Shmem:", "Slab:", "KernelStack:",
    ])
    private static let faultKeys = KeyTable(["pgfault", "pgmajfault"])

    /// - Parameter root: mount point of the cgroup2 hierarchy, whose `cpu.stat` counts the whole machine.
    init(root: String) throws {
        func open(_ path: String) throws -> SampledFile? {
            try RuntimeError.wrapping(.create, step: "sample") { try SampledFile(path) }
        }
        cpu = try open("\(root)/cpu.stat")
        memory = try open("/proc/meminfo")
        virtualMemory = try open("/proc/vmstat")
        load = try open("/proc/loadavg")
        pidMax = try open("/proc/sys/kernel/pid_max")
        threadsMax = try open("/proc/sys/kernel/threads-max")
        cpuPressure = try open("/proc/pressure/cpu")
        memoryPressure = try open("/proc/pressure/memory")
        ioPressure = try open("/proc/pressure/io")
        var elapsed = timespec()
        clock_gettime(CLOCK_BOOTTIME, &elapsed)
        bootedAt = Realtime.nanoseconds() - Int64(elapsed.tv_sec) * 1_000_000_000 - Int64(elapsed.tv_nsec)
    }

    /// Blocks for some tens of microseconds.
    func sample() throws -> MachineStatistics {
        try RuntimeError.wrapping(.create, step: "sample") { try SampledFile.withBuffer(sample) }
    }

    private func sample(_ buffer: UnsafeMutableRawBufferPointer) throws -> MachineStatistics {
        var result = MachineStatistics(time: Realtime.nanoseconds(), bootedAt: bootedAt)
        if let text = try cpu?.read(buffer) { result.cpu = CgroupSampler.parseCPU(text) }
        if let text = try memory?.read(buffer) { Self.parseMemory(text, into: &result) }
        if let text = try virtualMemory?.read(buffer) {
            Self.faultKeys.scan(text) { key, value in
                if key == 0 {
                    result.memory.pageFaults = value
                } else {
                    result.memory.majorPageFaults = value
                }
            }
        }
        if let text = try load?.read(buffer) { result.pids.current = Self.parseTasks(text) }
        let limits = try [pidMax, threadsMax].compactMap { try $0?.read(buffer).flatMap(CgroupText.single) }
        result.pids.max = limits.min()
        if let text = try cpuPressure?.read(buffer) { result.cpuPressure = CgroupText.pressure(text) }
        if let text = try memoryPressure?.read(buffer) { result.memoryPressure = CgroupText.pressure(text) }
        if let text = try ioPressure?.read(buffer) { result.ioPressure = CgroupText.pressure(text) }
        return result
    }

    static func parseMemory(_ text: UnsafeRawBufferPointer, into result: inout MachineStatistics) {
        var total: Int64 = 0
        var free: Int64 = 0
        var memory = result.memory
        var (available, swapTotal, swapFree) = (Int64(0), Int64(0), Int64(0))
        memoryKeys.scan(text) { key, kilobytes in
            let value = kilobytes << 10
            switch key {
            case 0: total = value
            case 1: free = value
            case 2: available = value
            case 3: memory.file = value
            case 4: memory.activeFile = value
            case 5: memory.inactiveFile = value
            case 6: swapTotal = value
            case 7: swapFree = value
            case 8: memory.anonymous = value
            case 9: memory.mapped = value
            case 10: memory.shmem = value
            case 11: memory.slab = value
            default: memory.kernelStack = value
            }
        }
        memory.current = total - free
        memory.max = total
        memory.swap = swapTotal - swapFree
        result.memory = memory
        result.memoryAvailable = available
        result.swapTotal = swapTotal
        result.swapFree = swapFree
    }

    /// `0.20 0.18 0.12 1/123 4567`: the number behind the slash is all processes and threads.
    static func parseTasks(_ text: UnsafeRawBufferPointer) -> Int64 {
        guard let slash = text.firstIndex(of: UInt8(ascii: "/")) else { return 0 }
        var index = slash + 1
        return CgroupText.number(text, at: &index) ?? 0
    }
}
