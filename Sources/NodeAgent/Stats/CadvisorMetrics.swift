import KubernetesAPI
import LinuxKernel
import PodRuntime

/// The kubelet's `/metrics/cadvisor`, by the names and labels that dashboards ask for (cAdvisor,
/// `metrics/prometheus.go`): the machine (`id="/"`), all pods together, each pod (`container=""`), each container.
///
/// A figure that the kernel does not tell is left out, never zero.
struct CadvisorMetrics: Sendable {
    let round: StatsRound
    /// Disk figures by the pod's uid.
    let disks: [String: PodDiskUsage]
    /// The file system that they are on.
    let fileSystem: FileSystemUsage?
    let machine: Machine
    /// `major:minor` to the device's name, e.g. `/dev/sda`.
    let deviceName: @Sendable (String) -> String

    /// What does not change while the node runs.
    struct Machine: Sendable {
        var cpuCount: Int
        /// cpu.cfs figures mean something only where the controller is there.
        var hasCPUController: Bool
        var bootID: String
        var machineID: String
        var kernelRelease: String
        var osImage: String
        var version: String
        /// The cgroup parent as it is shown in `id`: below the mount of cgroup2, e.g. `/minikube-lite`.
        var cgroupParent: String
    }

    /// One cgroup, as its samples are labelled.
    private struct Subject {
        var id: String
        var container = ""
        var image = ""
        var name = ""
        var namespace = ""
        var pod = ""

        var labels: [PrometheusText.Label] {
            [
                ("container", container), ("id", id), ("image", image), ("name", name), ("namespace", namespace),
                ("pod", pod),
            ]
        }
    }

    var text: String {
        var out = PrometheusText()
        addMachine(to: &out)
        let root = Subject(id: "/")
        let facts = round.node.machine
        add(
            CgroupStatistics(
                time: facts.time, cpu: facts.cpu, memory: facts.memory, pids: facts.pids,
                cpuPressure: facts.cpuPressure, memoryPressure: facts.memoryPressure, ioPressure: facts.ioPressure),
            of: root, startedAt: facts.bootedAt, to: &out)
        addSpecification(
            CgroupResources(memoryMax: facts.memory.max), of: root, swapLimit: facts.swapTotal, to: &out)
        add(facts.network, of: root, time: facts.time, to: &out)
        add(round.node.pods, of: Subject(id: machine.cgroupParent), startedAt: nil, to: &out)
        add(round.node.system, of: Subject(id: machine.cgroupParent + "-system"), startedAt: nil, to: &out)
        for sample in round.pods { add(sample, to: &out) }
        out.add(Self.scrapeError, [], round.failures.isEmpty ? 0.0 : 1.0)
        return out.text
    }

    private func add(_ sample: PodSample, to out: inout PrometheusText) {
        let metadata = sample.pod.metadata
        let parent = PodCgroup.path(of: sample.pod, below: machine.cgroupParent)
        let pod = Subject(id: parent, namespace: metadata.namespace, pod: metadata.name)
        let start = sample.sandbox?.createdAt ?? sample.pod.status.startTime.map { $0.seconds * 1_000_000_000 }
        add(sample.statistics.pod, of: pod, startedAt: start, to: &out)
        addSpecification(sample.sandbox?.configuration.resources, of: pod, to: &out)
        add(sample.statistics.network, of: pod, time: sample.statistics.pod.time, to: &out)
        for (name, container) in sample.statistics.containers.sorted(by: { $0.key < $1.key }) {
            let status = sample.status(of: name)
            let subject = Subject(
                id: "\(parent)/\(name)-\(container.attempt)", container: name, image: status?.image ?? "",
                name: status?.id ?? "", namespace: metadata.namespace, pod: metadata.name)
            add(container.cgroup, of: subject, startedAt: container.startedAt, to: &out)
            if let processes = container.processes {
                out.add(Self.workingSet, subject.labels, processes.memory, time: container.cgroup.time)
                out.add(Self.rss, subject.labels, processes.memory, time: container.cgroup.time)
                out.add(Self.processes, subject.labels, processes.count, time: container.cgroup.time)
            }
            addSpecification(status?.resources, of: subject, to: &out)
            if let disk = disks[metadata.uid]?.containers[name] {
                let labels = subject.labels + [("device", "")]
                out.add(Self.diskUsage, labels, disk.total.bytes, time: container.cgroup.time)
                out.add(Self.diskLimit, labels, fileSystem?.capacityBytes, time: container.cgroup.time)
            }
        }
    }

    // MARK: Groups of metrics

    private func addMachine(to out: inout PrometheusText) {
        out.add(
            Self.version,
            [
                ("cadvisorRevision", ""), ("cadvisorVersion", machine.version), ("dockerVersion", ""),
                ("kernelVersion", machine.kernelRelease), ("osVersion", machine.osImage),
            ], 1.0)
        let labels: [PrometheusText.Label] = [
            ("boot_id", machine.bootID), ("machine_id", machine.machineID), ("system_uuid", machine.machineID),
        ]
        out.add(Self.machineCPUs, labels, Int64(machine.cpuCount))
        out.add(Self.machineMemory, labels, round.node.machine.memory.max)
        out.add(Self.machineSwap, labels, round.node.machine.swapTotal)
    }

    private func add(
        _ statistics: CgroupStatistics, of subject: Subject, startedAt: Int64?, to out: inout PrometheusText
    ) {
        let labels = subject.labels
        let time = statistics.time
        let cpu = statistics.cpu
        out.add(Self.lastSeen, labels, Double(time / 1_000_000_000), time: time)
        if let startedAt { out.add(Self.start, labels, Double(startedAt / 1_000_000_000)) }
        out.add(Self.cpuUsage, labels + [("cpu", "total")], Double(cpu.usageMicroseconds) / 1e6, time: time)
        out.add(Self.cpuUser, labels, Double(cpu.userMicroseconds) / 1e6, time: time)
        out.add(Self.cpuSystem, labels, Double(cpu.systemMicroseconds) / 1e6, time: time)
        // Without a quota no period is counted.
        if machine.hasCPUController, cpu.periods > 0 {
            out.add(Self.periods, labels, cpu.periods, time: time)
            out.add(Self.throttledPeriods, labels, cpu.throttledPeriods, time: time)
            out.add(Self.throttled, labels, Double(cpu.throttledMicroseconds) / 1e6, time: time)
            out.add(Self.burstPeriods, labels, cpu.bursts, time: time)
            out.add(Self.burst, labels, Double(cpu.burstMicroseconds) / 1e6, time: time)
        }
        if let memory = statistics.memory { add(memory, labels, time: time, to: &out) }
        if let events = statistics.memoryEvents {
            out.add(Self.failcnt, labels, events.max, time: time)
            out.add(Self.oomEvents, labels, events.oomKill, time: time)
        }
        if let pids = statistics.pids {
            out.add(Self.threads, labels, pids.current, time: time)
            out.add(Self.threadsMax, labels, pids.max ?? 0, time: time)
        }
        for device in statistics.io {
            let labels = labels + [("device", deviceName(device.device))]
            out.add(Self.readBytes, labels, device.readBytes, time: time)
            out.add(Self.reads, labels, device.reads, time: time)
            out.add(Self.writeBytes, labels, device.writtenBytes, time: time)
            out.add(Self.writes, labels, device.writes, time: time)
        }
        add(statistics.cpuPressure, Self.cpuWaiting, Self.cpuStalled, labels, time: time, to: &out)
        add(statistics.memoryPressure, Self.memoryWaiting, Self.memoryStalled, labels, time: time, to: &out)
        add(statistics.ioPressure, Self.ioWaiting, Self.ioStalled, labels, time: time, to: &out)
    }

    private func add(
        _ memory: MemoryStatistics, _ labels: [PrometheusText.Label], time: Int64, to out: inout PrometheusText
    ) {
        out.add(Self.memoryUsage, labels, memory.current, time: time)
        out.add(Self.workingSet, labels, memory.workingSet, time: time)
        out.add(Self.rss, labels, memory.anonymous, time: time)
        out.add(Self.cache, labels, memory.file, time: time)
        out.add(Self.mapped, labels, memory.mapped, time: time)
        out.add(Self.kernel, labels, memory.slab + memory.kernelStack, time: time)
        out.add(Self.activeFile, labels, memory.activeFile, time: time)
        out.add(Self.inactiveFile, labels, memory.inactiveFile, time: time)
        out.add(Self.swap, labels, memory.swap, time: time)
        out.add(Self.maxUsage, labels, memory.peak, time: time)
        // cgroup v2 counts a subtree as a whole: both scopes say the same.
        for scope in ["container", "hierarchy"] {
            for (type, value) in [("pgfault", memory.pageFaults), ("pgmajfault", memory.majorPageFaults)] {
                out.add(Self.failures, labels + [("failure_type", type), ("scope", scope)], value, time: time)
            }
        }
    }

    private func add(
        _ pressure: PressureStatistics?, _ waiting: PrometheusText.Metric, _ stalled: PrometheusText.Metric,
        _ labels: [PrometheusText.Label], time: Int64, to out: inout PrometheusText
    ) {
        guard let pressure else { return }
        out.add(waiting, labels, Double(pressure.some.totalMicroseconds) / 1e6, time: time)
        out.add(stalled, labels, Double(pressure.full.totalMicroseconds) / 1e6, time: time)
    }

    /// What a cgroup may use. 0 stands for no limit, as in cAdvisor.
    private func addSpecification(
        _ resources: CgroupResources?, of subject: Subject, swapLimit: Int64? = nil, to out: inout PrometheusText
    ) {
        guard let resources else { return }
        func bytes(_ limit: Int64?) -> Int64 { limit.map { $0 == .max ? 0 : $0 } ?? 0 }
        let labels = subject.labels
        out.add(Self.specPeriod, labels, resources.cpuPeriod)
        out.add(Self.specQuota, labels, resources.cpuQuota)
        // The scale of cgroup v1, which dashboards divide by 1024.
        out.add(Self.specShares, labels, resources.cpuWeight.map { 2 + ($0 - 1) * 262_142 / 9999 })
        out.add(Self.specMemory, labels, bytes(resources.memoryMax))
        out.add(Self.specSwap, labels, bytes(swapLimit ?? resources.memorySwapMax))
        out.add(Self.specReservation, labels, bytes(resources.memoryLow ?? resources.memoryMin))
    }

    private func add(
        _ network: NetworkStatistics?, of subject: Subject, time: Int64, to out: inout PrometheusText
    ) {
        guard let network else { return }
        let labels = subject.labels + [("interface", network.interface)]
        for (metric, value) in [
            (Self.receiveBytes, network.receivedBytes), (Self.receivePackets, network.receivedPackets),
            (Self.receiveErrors, network.receiveErrors), (Self.receiveDropped, network.receiveDropped),
            (Self.transmitBytes, network.sentBytes), (Self.transmitPackets, network.sentPackets),
            (Self.transmitErrors, network.sendErrors), (Self.transmitDropped, network.sendDropped),
        ] {
            out.add(metric, labels, value, time: time)
        }
    }
}

/// Where a pod's cgroup is, as metrics name it.
enum PodCgroup {
    static func path(of pod: Pod, below parent: String) -> String {
        switch CgroupTranslation.qualityOfService(pod.spec) {
        case .guaranteed: "\(parent)/pod\(pod.metadata.uid)"
        case .burstable: "\(parent)/burstable/pod\(pod.metadata.uid)"
        case .bestEffort: "\(parent)/besteffort/pod\(pod.metadata.uid)"
        }
    }
}
