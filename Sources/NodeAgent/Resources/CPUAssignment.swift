/// Where a container may run, under the static CPU policy.
struct CPUAssignment: Sendable, Hashable {
    var cpus: CPUSet
    /// Nobody else's container runs there.
    var isExclusive: Bool
}

/// Which CPUs are threads of one core (/sys/devices/system/cpu/cpuN/topology).
struct CPUTopology: Sendable, Hashable {
    /// CPUs of each core, cores of one socket side by side.
    var cores: [[Int]]

    var all: CPUSet { CPUSet(cores.joined()) }

    init(cores: [[Int]]) { self.cores = cores }

    /// - Parameters:
    ///   - online: the text of /sys/devices/system/cpu/online.
    ///   - read: the text of a file of one CPU's topology folder; empty where it is not there.
    init(online: String, read: (_ cpu: Int, _ file: String) -> String) {
        struct Core: Hashable {
            var socket: Int
            var core: Int
        }
        var members: [Core: [Int]] = [:]
        for cpu in CPUSet(online)?.cpus.sorted() ?? [0] {
            let socket = Int(read(cpu, "physical_package_id")) ?? 0
            // Without a topology each CPU is a core of its own.
            let core = Int(read(cpu, "core_id")) ?? cpu
            members[Core(socket: socket, core: core), default: []].append(cpu)
        }
        cores = members.sorted { ($0.key.socket, $0.value[0]) < ($1.key.socket, $1.value[0]) }.map(\.value)
    }

    /// Chooses CPUs among those that are free: whole cores first, so that two containers share no core where it can be
    /// helped; then those of cores that are in use already (kubelet: `cpu_assignment.go`). Nil where there are too few.
    func choose(_ count: Int, from free: CPUSet) -> CPUSet? {
        guard free.count >= count else { return nil }
        var chosen: [Int] = []
        let available = cores.map { $0.filter(free.cpus.contains) }
        for (core, open) in zip(cores, available)
        where open.count == core.count && open.count <= count - chosen.count { chosen += open }
        // The rest from the cores with the fewest CPUs left.
        let rest = available.filter { open in !open.isEmpty && !open.contains(where: chosen.contains) }
            .sorted { ($0.count, $0[0]) < ($1.count, $1[0]) }
        for cpu in rest.joined() where chosen.count < count { chosen.append(cpu) }
        return chosen.count == count ? CPUSet(chosen) : nil
    }
}
