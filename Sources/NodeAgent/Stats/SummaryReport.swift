import KubernetesAPI
import LinuxKernel
import PodRuntime

/// The kubelet's `/stats/summary` (`k8s.io/kubelet/pkg/apis/stats/v1alpha1`, with the pressure fields of KEP-4205).
///
/// What is not measured is left out, never zero. Each element has an object `minikubeLite` beside the kubelet's fields,
/// with what the kernel tells and the kubelet's format has no place for (docs/limits.md).
struct SummaryReport: Sendable {
    let nodeName: String
    let window: UsageWindow
    /// Disk figures by the pod's uid; nil where only CPU and memory were asked for.
    let disks: [String: PodDiskUsage]?
    /// The file system of images, writable layers, logs and volumes.
    let fileSystem: FileSystemUsage?

    private var round: StatsRound { window.now }
    private var isComplete: Bool { disks != nil }

    var json: JSONValue {
        ["node": .object(node), "pods": .array(round.pods.map { .object(pod($0)) })]
    }

    // MARK: Node

    private var node: JSONObject {
        let machine = round.node.machine
        var node = JSONObject()
        node["nodeName"] = .string(nodeName)
        var pods = system("pods", round.node.pods, window.pods, since: machine.bootedAt)
        add(ProcessStatistics.sum(round.pods.map(\.processes)), to: &pods, of: round.node.pods)
        node["systemContainers"] = [
            .object(pods),
            .object(system("runtime", round.node.system, window.system, since: machine.bootedAt)),
            .object(kubelet),
        ]
        node["startTime"] = Timestamp(nanoseconds: machine.bootedAt).json
        node["cpu"] = .object(cpu(machine.cpu, time: machine.time, rate: window.node, machine.cpuPressure))
        var memory = memory(machine.memory, time: machine.time, machine.memoryPressure)
        memory["availableBytes"] = .integer((machine.memory.max ?? 0) - machine.memory.workingSet)
        node["memory"] = .object(memory)
        node["swap"] = [
            "time": time(machine.time), "swapAvailableBytes": .integer(machine.swapFree),
            "swapUsageBytes": .integer(machine.swapTotal - machine.swapFree),
        ]
        node["minikubeLite"] = [
            "timeNanoSeconds": .integer(machine.time), "memory": ["availableBytes": .integer(machine.memoryAvailable)],
        ]
        guard isComplete else { return node }
        if let io = machine.ioPressure { node["io"] = ["time": time(machine.time), "psi": pressure(io)] }
        if let network = machine.network { node["network"] = .object(self.network(network, time: machine.time)) }
        if let fileSystem {
            let fs = JSONValue.object(self.fileSystem(fileSystem, used: nil, time: round.time))
            node["fs"] = fs
            node["runtime"] = ["imageFs": fs, "containerFs": fs]
        }
        var limits: JSONObject = ["time": time(machine.time), "curproc": .integer(machine.pids.current)]
        if let maximum = machine.pids.max { limits["maxpid"] = .integer(maximum) }
        node["rlimit"] = .object(limits)
        return node
    }

    private func system(
        _ name: String, _ statistics: CgroupStatistics, _ rate: UsageWindow.Rate?, since: Int64
    ) -> JSONObject {
        var element: JSONObject = ["name": .string(name), "startTime": Timestamp(nanoseconds: since).json]
        fill(&element, statistics, rate)
        return element
    }

    /// The node agent's own process, which has no cgroup of its own.
    private var kubelet: JSONObject {
        let agent = round.agent
        var cpu: JSONObject = ["time": time(round.time)]
        if let rate = window.agent { cpu["usageNanoCores"] = .integer(rate.nanoCores) }
        cpu["usageCoreNanoSeconds"] = .integer(agent.cpu)
        var element: JSONObject = [
            "name": "kubelet", "startTime": Timestamp(nanoseconds: agent.startedAt).json, "cpu": .object(cpu),
        ]
        if let memory = agent.memory {
            element["memory"] = [
                "time": time(round.time), "workingSetBytes": .integer(memory), "rssBytes": .integer(memory),
            ]
        }
        element["minikubeLite"] = ["timeNanoSeconds": .integer(round.time)]
        return element
    }

    // MARK: Pods

    private func pod(_ sample: PodSample) -> JSONObject {
        let metadata = sample.pod.metadata
        let disk = disks?[metadata.uid]
        var pod = JSONObject()
        pod["podRef"] = [
            "name": .string(metadata.name), "namespace": .string(metadata.namespace), "uid": .string(metadata.uid),
        ]
        pod["startTime"] = (sample.pod.status.startTime ?? metadata.creationTimestamp ?? Timestamp(seconds: 0)).json
        pod["containers"] = .array(
            sample.statistics.containers.sorted { $0.key < $1.key }.map { name, container in
                .object(self.container(name, container, of: sample, disk?.containers[name]))
            })
        fill(&pod, sample.statistics.pod, window.rate(of: sample))
        add(sample.processes, to: &pod, of: sample.statistics.pod)
        guard isComplete else { return pod }
        if let network = sample.statistics.network {
            pod["network"] = .object(self.network(network, time: sample.statistics.pod.time))
        }
        if let disk {
            let volumes = disk.volumes.sorted { $0.key < $1.key }.map { name, volume in
                var element = fileSystem(volume.isOnDisk ? fileSystem : nil, used: volume.usage, time: disk.time)
                element["name"] = .string(name)
                return JSONValue.object(element)
            }
            if !volumes.isEmpty { pod["volume"] = .array(volumes) }
            pod["ephemeral-storage"] = .object(
                fileSystem(fileSystem, used: disk.ephemeralStorage, time: disk.time))
        }
        if let pids = sample.statistics.pod.pids { pod["process_stats"] = ["process_count": .integer(pids.current)] }
        return pod
    }

    private func container(
        _ name: String, _ container: ContainerStatistics, of sample: PodSample, _ disk: PodDiskUsage.Container?
    ) -> JSONObject {
        var element: JSONObject = [
            "name": .string(name), "startTime": Timestamp(nanoseconds: container.startedAt).json,
        ]
        fill(&element, container.cgroup, window.rate(of: name, in: sample))
        element["minikubeLite"]?["attempt"] = .integer(Int64(container.attempt))
        add(container.processes, to: &element, of: container.cgroup)
        if isComplete, let disk {
            element["rootfs"] = .object(
                fileSystem(fileSystem, used: disk.writableLayer, time: container.cgroup.time))
            element["logs"] = .object(fileSystem(fileSystem, used: disk.logs, time: container.cgroup.time))
        }
        return element
    }

    // MARK: Parts

    /// Adds everything that a cgroup tells.
    private func fill(_ element: inout JSONObject, _ statistics: CgroupStatistics, _ rate: UsageWindow.Rate?) {
        let now = statistics.time
        element["cpu"] = .object(cpu(statistics.cpu, time: now, rate: rate, statistics.cpuPressure))
        if let memory = statistics.memory {
            var part = self.memory(memory, time: now, statistics.memoryPressure)
            if let limit = memory.max { part["availableBytes"] = .integer(max(limit - memory.workingSet, 0)) }
            element["memory"] = .object(part)
            if let swap = memory.swap {
                element["swap"] = ["time": time(now), "swapUsageBytes": .integer(swap)]
            }
        }
        if let io = statistics.ioPressure { element["io"] = ["time": time(now), "psi": pressure(io)] }
        element["minikubeLite"] = .object(StatisticsExtension(statistics).json)
    }

    /// The memory of a host without the controller, and a word about where it is from.
    private func add(_ processes: ProcessStatistics?, to element: inout JSONObject, of cgroup: CgroupStatistics) {
        guard let processes else { return }
        var memory: JSONObject = [
            "time": time(cgroup.time), "workingSetBytes": .integer(processes.memory),
            "rssBytes": .integer(processes.memory),
        ]
        if let pressure = cgroup.memoryPressure { memory["psi"] = self.pressure(pressure) }
        element["memory"] = .object(memory)
        element["minikubeLite"]?["memory"] = ["source": "processes"]
        element["minikubeLite"]?["processes"] = .integer(processes.count)
    }

    private func cpu(
        _ cpu: CpuStatistics, time now: Int64, rate: UsageWindow.Rate?, _ pressure: PressureStatistics?
    ) -> JSONObject {
        var part: JSONObject = ["time": time(now)]
        if let rate { part["usageNanoCores"] = .integer(rate.nanoCores) }
        part["usageCoreNanoSeconds"] = .integer(cpu.usageMicroseconds * 1000)
        if let pressure { part["psi"] = self.pressure(pressure) }
        return part
    }

    private func memory(_ memory: MemoryStatistics, time now: Int64, _ pressure: PressureStatistics?) -> JSONObject {
        var part: JSONObject = [
            "time": time(now), "usageBytes": .integer(memory.current), "workingSetBytes": .integer(memory.workingSet),
            "rssBytes": .integer(memory.anonymous), "pageFaults": .integer(memory.pageFaults),
            "majorPageFaults": .integer(memory.majorPageFaults),
        ]
        if let pressure { part["psi"] = self.pressure(pressure) }
        return part
    }

    private func pressure(_ pressure: PressureStatistics) -> JSONValue {
        ["full": share(pressure.full), "some": share(pressure.some)]
    }

    /// `total` is the kernel's number, in microseconds, as kubelets pass it on.
    private func share(_ share: PressureStatistics.Share) -> JSONValue {
        [
            "total": .integer(share.totalMicroseconds), "avg10": .number(share.avg10), "avg60": .number(share.avg60),
            "avg300": .number(share.avg300),
        ]
    }

    private func network(_ network: NetworkStatistics, time now: Int64) -> JSONObject {
        let interface: JSONObject = [
            "name": .string(network.interface), "rxBytes": .integer(network.receivedBytes),
            "rxErrors": .integer(network.receiveErrors), "txBytes": .integer(network.sentBytes),
            "txErrors": .integer(network.sendErrors),
        ]
        var part: JSONObject = ["time": time(now)]
        for (key, value) in interface { part[key] = value }
        part["interfaces"] = [.object(interface)]
        return part
    }

    /// - Parameters:
    ///   - fileSystem: nil where its figures say nothing about `used`.
    ///   - used: what of it is meant; nil: all.
    private func fileSystem(_ fileSystem: FileSystemUsage?, used: TreeUsage?, time now: Int64) -> JSONObject {
        var part: JSONObject = ["time": time(now)]
        if let fileSystem {
            part["availableBytes"] = .integer(fileSystem.availableBytes)
            part["capacityBytes"] = .integer(fileSystem.capacityBytes)
        }
        if let used = used?.bytes ?? fileSystem?.usedBytes { part["usedBytes"] = .integer(used) }
        if let fileSystem, fileSystem.inodes > 0 {
            part["inodesFree"] = .integer(fileSystem.inodesFree)
            part["inodes"] = .integer(fileSystem.inodes)
        }
        if let used = used?.inodes ?? fileSystem.map({ $0.inodes - $0.inodesFree }) {
            part["inodesUsed"] = .integer(used)
        }
        return part
    }

    private func time(_ nanoseconds: Int64) -> JSONValue { Timestamp(nanoseconds: nanoseconds).json }
}

/// What the kernel tells of a cgroup beyond the kubelet's format: the object `minikubeLite` of the summary.
struct StatisticsExtension: Sendable {
    private let statistics: CgroupStatistics

    init(_ statistics: CgroupStatistics) { self.statistics = statistics }

    var json: JSONObject {
        let cpu = statistics.cpu
        var json: JSONObject = ["timeNanoSeconds": .integer(statistics.time)]
        var times: JSONObject = [
            "userNanoSeconds": .integer(cpu.userMicroseconds * 1000),
            "systemNanoSeconds": .integer(cpu.systemMicroseconds * 1000),
        ]
        if cpu.periods > 0 {
            times["periods"] = .integer(cpu.periods)
            times["throttledPeriods"] = .integer(cpu.throttledPeriods)
            times["throttledNanoSeconds"] = .integer(cpu.throttledMicroseconds * 1000)
            times["burstPeriods"] = .integer(cpu.bursts)
            times["burstNanoSeconds"] = .integer(cpu.burstMicroseconds * 1000)
        }
        json["cpu"] = .object(times)
        if let memory = statistics.memory {
            var part: JSONObject = ["cacheBytes": .integer(memory.file)]
            part["peakBytes"] = memory.peak.map { .integer($0) }
            part["maxBytes"] = memory.max.map { .integer($0) }
            part["highBytes"] = memory.high.map { .integer($0) }
            json["memory"] = .object(part)
        }
        if let events = statistics.memoryEvents { json["memoryEvents"] = Self.events(events) }
        if let events = statistics.memoryEventsLocal { json["memoryEventsLocal"] = Self.events(events) }
        if let pids = statistics.pids {
            var part: JSONObject = ["current": .integer(pids.current)]
            part["max"] = pids.max.map { .integer($0) }
            json["pids"] = .object(part)
        }
        if !statistics.io.isEmpty {
            json["io"] = .array(
                statistics.io.map { device in
                    [
                        "device": .string(device.device), "readBytes": .integer(device.readBytes),
                        "writeBytes": .integer(device.writtenBytes), "reads": .integer(device.reads),
                        "writes": .integer(device.writes),
                    ]
                })
        }
        return json
    }

    private static func events(_ events: MemoryEvents) -> JSONValue {
        [
            "low": .integer(events.low), "high": .integer(events.high), "max": .integer(events.max),
            "oom": .integer(events.oom), "oomKill": .integer(events.oomKill),
            "oomGroupKill": .integer(events.oomGroupKill),
        ]
    }
}
