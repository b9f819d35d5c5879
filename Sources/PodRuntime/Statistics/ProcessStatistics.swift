import LinuxKernel

/// What the processes of a cgroup use, added up from proc(5): for hosts without a memory controller.
public struct ProcessStatistics: Sendable, Hashable {
    public var count: Int64
    /// Proportional set sizes: pages that several processes have count in parts, so that the sum is the memory that
    /// would be free without them. Page cache, kernel memory and what others share with them are missing.
    public var memory: Int64

    public init(count: Int64 = 0, memory: Int64 = 0) {
        self.count = count
        self.memory = memory
    }

    /// So many processes are read one by one; beyond it the kernel's walks of their page tables would take too long,
    /// and the average stands for the others.
    static let most = 256

    /// Reads the processes of a cgroup and of the cgroups below it. Blocks for as long as the kernel walks their page
    /// tables: some ten microseconds each, a millisecond for each gigabyte.
    ///
    /// - Parameter proc: where proc is mounted.
    static func read(cgroup: String, proc: String = "/proc") -> ProcessStatistics {
        let pids = pids(cgroup, depth: 0)
        let measured = pids.prefix(most).compactMap { memory(of: $0, proc: proc) }
        var sum = measured.reduce(0, +)
        if pids.count > most, !measured.isEmpty { sum = sum / Int64(measured.count) * Int64(pids.count) }
        return ProcessStatistics(count: Int64(pids.count), memory: sum)
    }

    private static func pids(_ cgroup: String, depth: Int) -> [Substring] {
        let own = (try? FileAccess.readText(cgroup + "/cgroup.procs"))?.split(separator: "\n") ?? []
        // An exec's cgroup is one level below; a container may make more.
        guard depth < 8, let names = try? FileAccess.directories(cgroup) else { return own }
        return own + names.flatMap { pids("\(cgroup)/\($0)", depth: depth + 1) }
    }

    /// `Pss` of smaps_rollup; the resident set where the kernel does not tell. Nil for a process that has ended.
    private static func memory(of pid: Substring, proc: String) -> Int64? {
        if let text = try? FileAccess.readText("\(proc)/\(pid)/smaps_rollup") {
            for line in text.split(separator: "\n") where line.hasPrefix("Pss:") {
                return line.split(separator: " ").dropFirst().first.flatMap { Int64($0) }.map { $0 * 1024 }
            }
        }
        guard let pages = try? FileAccess.readText("\(proc)/\(pid)/statm").split(separator: " "), pages.count > 1 else {
            return nil
        }
        return Int64(pages[1]).map { $0 * Process.pageSize }
    }
}
