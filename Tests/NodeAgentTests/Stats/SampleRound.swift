import KubernetesAPI
import LinuxKernel
import PodRuntime

@testable import NodeAgent

/// Rounds as a real node makes them, with numbers that can be told apart.
enum SampleRound {
    static let second: Int64 = 1_000_000_000
    /// 2026-01-02T03:04:05Z
    static let epoch: Int64 = 1_767_323_045 * second

    static func pressure(_ number: Double) -> PressureStatistics {
        PressureStatistics(
            some: .init(avg10: number, avg60: 0.5, avg300: 0.25, totalMicroseconds: 2_500_000),
            full: .init(avg10: 0.5, avg60: 0, avg300: 0, totalMicroseconds: 1_000_000))
    }

    /// A cgroup of a host with every controller.
    static func cgroup(at time: Int64, usage: Int64 = 2_000_000) -> CgroupStatistics {
        CgroupStatistics(
            time: time,
            cpu: CpuStatistics(
                usageMicroseconds: usage, userMicroseconds: 1_500_000, systemMicroseconds: 500_000, periods: 100,
                throttledPeriods: 25, throttledMicroseconds: 750_000),
            memory: MemoryStatistics(
                current: 64 << 20, peak: 80 << 20, swap: 4096, max: 128 << 20, high: 96 << 20, anonymous: 40 << 20,
                file: 20 << 20, inactiveFile: 16 << 20, activeFile: 4 << 20, slab: 2 << 20, kernelStack: 1 << 20,
                mapped: 8 << 20, pageFaults: 1000, majorPageFaults: 10),
            memoryEvents: MemoryEvents(low: 1, high: 2, max: 3, oom: 4, oomKill: 5),
            memoryEventsLocal: MemoryEvents(max: 3), pids: PidsStatistics(current: 7, max: 64),
            io: [IOStatistics(device: "8:0", readBytes: 4096, writtenBytes: 8192, reads: 1, writes: 2)],
            cpuPressure: pressure(12.5), memoryPressure: pressure(1), ioPressure: pressure(2))
    }

    static func machine(at time: Int64, usage: Int64 = 50_000_000) -> MachineStatistics {
        MachineStatistics(
            time: time, bootedAt: epoch - 3600 * second,
            cpu: CpuStatistics(usageMicroseconds: usage, userMicroseconds: 30_000_000, systemMicroseconds: 20_000_000),
            memory: MemoryStatistics(
                current: 3 << 30, max: 8 << 30, anonymous: 1 << 30, file: 2 << 30, inactiveFile: 1 << 30,
                activeFile: 1 << 30, pageFaults: 9, majorPageFaults: 3),
            memoryAvailable: 6 << 30, swapTotal: 1 << 30, swapFree: 1 << 29,
            pids: PidsStatistics(current: 300, max: 32768), cpuPressure: pressure(3), memoryPressure: pressure(0),
            ioPressure: pressure(0), network: network("eth0"))
    }

    static func network(_ name: String) -> NetworkStatistics {
        NetworkStatistics(
            interface: name, receivedBytes: 1000, sentBytes: 2000, receivedPackets: 10, sentPackets: 20,
            receiveErrors: 1, sendErrors: 2, receiveDropped: 3, sendDropped: 4)
    }

    static func node(at time: Int64, machineUsage: Int64 = 50_000_000) -> NodeStatistics {
        NodeStatistics(
            pods: cgroup(at: time, usage: 5_000_000), system: cgroup(at: time, usage: 1_000_000), supervisors: 1,
            machine: machine(at: time, usage: machineUsage))
    }

    static func pod(_ name: String = "web") -> Pod {
        Pod.test(name) {
            $0.metadata.labels = ["app": "web"]
            $0.spec.containers[0].resources.limits = ["cpu": "500m", "memory": "128Mi"]
            $0.status.startTime = Timestamp(nanoseconds: epoch - 60 * second)
        }
    }

    static func sandbox(_ pod: Pod) -> SandboxStatus {
        let uid = pod.metadata.uid
        return SandboxStatus(
            id: uid, state: .ready, createdAt: epoch - 60 * second, bootID: "boot-1", addresses: ["10.244.0.2"],
            configuration: SandboxConfiguration(
                id: uid, name: pod.metadata.name, namespace: "default", hostname: pod.metadata.name, qos: .guaranteed,
                logDirectory: "/log"),
            containers: [
                RuntimeContainerStatus(
                    name: "web", attempt: 2, id: "abc.2", image: "web:1", imageID: "sha256:abc", pid: 42,
                    createdAt: epoch - 30 * second, startedAt: epoch - 30 * second, exit: nil, logPath: "",
                    resources: CgroupResources(cpuQuota: 50000, cpuWeight: 20, memoryMax: 128 << 20, memorySwapMax: 0))
            ])
    }

    /// A pod `web` with one container, on a host with every controller.
    static func round(at time: Int64, usage: Int64 = 2_000_000, machineUsage: Int64 = 50_000_000) -> StatsRound {
        let pod = pod()
        return StatsRound(
            time: time, node: node(at: time, machineUsage: machineUsage),
            agent: AgentUsage(startedAt: epoch - 100 * second, cpu: 3 * second, memory: 30 << 20),
            pods: [
                PodSample(
                    pod: pod,
                    statistics: SandboxStatistics(
                        id: pod.metadata.uid, pod: cgroup(at: time, usage: usage + 100),
                        containers: [
                            "web": ContainerStatistics(
                                attempt: 2, startedAt: epoch - 30 * second, cgroup: cgroup(at: time, usage: usage))
                        ], network: network("eth0")), sandbox: sandbox(pod))
            ], failures: [])
    }

    /// The same on a host without controllers and without PSI.
    static func bare(at time: Int64, usage: Int64 = 2_000_000) -> StatsRound {
        var round = round(at: time)
        let cgroup = CgroupStatistics(
            time: time,
            cpu: CpuStatistics(usageMicroseconds: usage, userMicroseconds: 1_500_000, systemMicroseconds: 500_000))
        round.node.pods = cgroup
        round.node.system = cgroup
        round.node.machine.cpuPressure = nil
        round.node.machine.memoryPressure = nil
        round.node.machine.ioPressure = nil
        round.pods[0].statistics.pod = cgroup
        round.pods[0].statistics.containers["web"] = ContainerStatistics(
            attempt: 2, startedAt: epoch - 30 * second, cgroup: cgroup,
            processes: ProcessStatistics(count: 3, memory: 5 << 20))
        return round
    }

    static let fileSystem = FileSystemUsage(
        capacityBytes: 100 << 30, availableBytes: 60 << 30, usedBytes: 40 << 30, inodes: 1000, inodesFree: 900)

    static let disk = PodDiskUsage(
        time: epoch,
        containers: [
            "web": .init(
                writableLayer: TreeUsage(bytes: 8192, inodes: 3), logs: TreeUsage(bytes: 4096, inodes: 2))
        ],
        volumes: [
            "cache": .init(usage: TreeUsage(bytes: 1 << 20, inodes: 5), path: "/v/cache", isOnDisk: true),
            "token": .init(usage: TreeUsage(bytes: 4096, inodes: 4), path: "/v/token", isOnDisk: false),
        ])

    static let machineFacts = CadvisorMetrics.Machine(
        cpuCount: 4, hasCPUController: true, bootID: "boot-1", machineID: "machine-1", kernelRelease: "6.1.0",
        osImage: "Debian \"12\"", version: "0.1.0", cgroupParent: "/minikube-lite")
}
