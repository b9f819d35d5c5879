/// What one pod uses.
public struct SandboxStatistics: Sendable, Hashable {
    public var id: String
    /// The pod's own cgroup: all its containers together.
    public var pod: CgroupStatistics
    /// Running containers by name.
    public var containers: [String: ContainerStatistics]
    /// Nil for a pod in the host's network.
    public var network: NetworkStatistics?

    public init(
        id: String, pod: CgroupStatistics, containers: [String: ContainerStatistics] = [:],
        network: NetworkStatistics? = nil
    ) {
        self.id = id
        self.pod = pod
        self.containers = containers
        self.network = network
    }
}

/// What the present attempt of a container uses.
public struct ContainerStatistics: Sendable, Hashable {
    public var attempt: Int
    /// Nanoseconds since 1970: counters begin at zero then.
    public var startedAt: Int64
    public var cgroup: CgroupStatistics
    /// Its processes one by one, where the kernel does not count for the cgroup as a whole: nil where there is a memory
    /// controller.
    public var processes: ProcessStatistics?

    public init(attempt: Int, startedAt: Int64, cgroup: CgroupStatistics, processes: ProcessStatistics? = nil) {
        self.attempt = attempt
        self.startedAt = startedAt
        self.cgroup = cgroup
        self.processes = processes
    }
}

/// Counters of one network device since it was made, as who is behind it sees them.
public struct NetworkStatistics: Sendable, Hashable {
    /// `eth0` inside a pod.
    public var interface: String
    public var receivedBytes: Int64
    public var sentBytes: Int64
    public var receivedPackets: Int64
    public var sentPackets: Int64
    public var receiveErrors: Int64
    public var sendErrors: Int64
    public var receiveDropped: Int64
    public var sendDropped: Int64

    public init(
        interface: String, receivedBytes: Int64 = 0, sentBytes: Int64 = 0, receivedPackets: Int64 = 0,
        sentPackets: Int64 = 0, receiveErrors: Int64 = 0, sendErrors: Int64 = 0, receiveDropped: Int64 = 0,
        sendDropped: Int64 = 0
    ) {
        self.interface = interface
        self.receivedBytes = receivedBytes
        self.sentBytes = sentBytes
        self.receivedPackets = receivedPackets
        self.sentPackets = sentPackets
        self.receiveErrors = receiveErrors
        self.sendErrors = sendErrors
        self.receiveDropped = receiveDropped
        self.sendDropped = sendDropped
    }
}

/// What the node uses.
public struct NodeStatistics: Sendable, Hashable {
    /// The cgroup parent: all pods together.
    public var pods: CgroupStatistics
    /// `<parent>-system`: the pods' supervisors, one for each of `supervisors`. Divided by it, the overhead of a pod.
    public var system: CgroupStatistics
    public var supervisors: Int
    public var machine: MachineStatistics

    public init(pods: CgroupStatistics, system: CgroupStatistics, supervisors: Int, machine: MachineStatistics) {
        self.pods = pods
        self.system = system
        self.supervisors = supervisors
        self.machine = machine
    }
}

/// The whole machine, pods or not, from proc(5).
public struct MachineStatistics: Sendable, Hashable {
    /// Nanoseconds since 1970.
    public var time: Int64
    /// Nanoseconds since 1970 of the boot: cpu counters begin at zero then.
    public var bootedAt: Int64
    /// CPU time of all CPUs since the boot, idle time left out. Only usage, user and system are told.
    public var cpu: CpuStatistics
    /// As a cgroup's: `current` is MemTotal - MemFree, so that `workingSet` is what the kubelet evicts by
    /// (`memory.available` = capacity - workingSet). `max` is MemTotal.
    public var memory: MemoryStatistics
    /// MemAvailable of /proc/meminfo.
    public var memoryAvailable: Int64
    public var swapTotal: Int64
    public var swapFree: Int64
    /// Processes and threads, and how many there may be (the smaller of kernel.pid_max and kernel.threads-max).
    public var pids: PidsStatistics
    public var cpuPressure: PressureStatistics?
    public var memoryPressure: PressureStatistics?
    public var ioPressure: PressureStatistics?
    /// The device of the default route; nil where there is none.
    public var network: NetworkStatistics?

    public init(
        time: Int64, bootedAt: Int64 = 0, cpu: CpuStatistics = CpuStatistics(),
        memory: MemoryStatistics = MemoryStatistics(), memoryAvailable: Int64 = 0, swapTotal: Int64 = 0,
        swapFree: Int64 = 0, pids: PidsStatistics = PidsStatistics(), cpuPressure: PressureStatistics? = nil,
        memoryPressure: PressureStatistics? = nil, ioPressure: PressureStatistics? = nil,
        network: NetworkStatistics? = nil
    ) {
        self.time = time
        self.bootedAt = bootedAt
        self.cpu = cpu
        self.memory = memory
        self.memoryAvailable = memoryAvailable
        self.swapTotal = swapTotal
        self.swapFree = swapFree
        self.pids = pids
        self.cpuPressure = cpuPressure
        self.memoryPressure = memoryPressure
        self.ioPressure = ioPressure
        self.network = network
    }
}
