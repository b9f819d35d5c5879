import LinuxKernel

extension CgroupTree {
    /// How many processes the OOM killer has killed in a cgroup and below it; 0 without the memory controller.
    public func oomKills(_ path: String) -> Int { Int(memoryEvents(path)?.oomKill ?? 0) }

    /// Nil without the memory controller. `local` leaves out what happened at limits below.
    public func memoryEvents(_ path: String, local: Bool = false) -> MemoryEvents? {
        (try? FileAccess.read("\(path)/memory.events\(local ? ".local" : "")")).map {
            $0.withUnsafeBytes(CgroupSampler.parseEvents)
        }
    }

    public func cpuStatistics(_ path: String) -> CpuStatistics? {
        (try? FileAccess.read("\(path)/cpu.stat")).map { $0.withUnsafeBytes(CgroupSampler.parseCPU) }
    }

    /// `memory.current`, bytes; nil without the memory controller.
    public func memoryCurrent(_ path: String) -> Int64? {
        (try? FileAccess.readText("\(path)/memory.current")).flatMap { Int64($0) }
    }

    /// `memory.peak`, bytes: the most that was ever used. Before Linux 5.19 what is used now.
    func memoryPeak(_ path: String) -> Int64? {
        (try? FileAccess.readText("\(path)/memory.peak")).flatMap { Int64($0) } ?? memoryCurrent(path)
    }

    /// `memory.max`, bytes; nil without a limit.
    func memoryLimit(_ path: String) -> Int64? {
        (try? FileAccess.readText("\(path)/memory.max")).flatMap { Int64($0) }
    }

    /// Bytes of files that are only kept because there was room.
    func pageCache(_ path: String) -> Int64 {
        let values = (try? FileAccess.readText("\(path)/memory.stat")).map(parseFlatKeyed) ?? [:]
        return (values["inactive_file"] ?? 0) + (values["active_file"] ?? 0)
    }

    /// Pids in a cgroup and all below it; what goes meanwhile is left out.
    func processes(below path: String) throws -> [Int32] {
        let own = (try? processes(path)) ?? []
        return try wrap(step: "cgroup", object: path) { () throws(SystemError) in try children(path) }
            .reduce(into: own) { $0 += (try? processes(below: "\(path)/\($1)")) ?? [] }
    }

    /// Pids in the cgroup itself.
    public func processes(_ path: String) throws -> [Int32] {
        try wrap(step: "cgroup", object: path) { () throws(SystemError) in
            try FileAccess.readText("\(path)/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
        }
    }
}
