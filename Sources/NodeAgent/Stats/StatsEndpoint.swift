import KubernetesAPI
import LinuxKernel
import PodRuntime

/// What the kubelet's HTTP server tells about resources, and what `metrics.k8s.io` says of this node.
///
/// Every answer is made when it is asked for: a pod that nobody asks about costs nothing.
struct StatsEndpoint: Sendable {
    /// Disk figures may be so old.
    static let diskAge: Duration = .seconds(30)

    let configuration: NodeConfiguration
    let runtime: any Runtime
    let sampler: UsageSampler
    let disk: DiskUsage
    let machine: CadvisorMetrics.Machine
    /// The labels of the Node object.
    let labels: [String: String]
    /// The pods of the node, with the status that the node knows.
    let pods: @Sendable () async -> [Pod]
    private let pool = BlockingPool(name: "statistics", threads: 1)

    init(
        configuration: NodeConfiguration, runtime: any Runtime, disk: DiskUsage, facts: NodeFacts, time: TimeSource,
        pods: @escaping @Sendable () async -> [Pod]
    ) {
        self.configuration = configuration
        self.runtime = runtime
        self.disk = disk
        self.pods = pods
        labels = facts.labels
        let capabilities = runtime.capabilities
        machine = CadvisorMetrics.Machine(
            cpuCount: capabilities.cpuCount, hasCPUController: capabilities.controllers.contains("cpu"),
            bootID: capabilities.bootID, machineID: facts.machineID, kernelRelease: capabilities.kernelRelease,
            osImage: facts.osImage, version: configuration.runtimeVersion, cgroupParent: configuration.cgroupParent)
        let collector = StatsCollector(runtime: runtime, time: time, pods: pods)
        sampler = UsageSampler(time: time) { try await collector.round() }
    }

    // MARK: Paths

    /// - Throws: `APIError`: 404 for a path that there is not, 503 where nothing can be measured now.
    func answer(path: String, query: [String: String]) async throws -> KubeletAnswer {
        switch path {
        case "stats/summary": return try await summary(onlyCPUAndMemory: query["only_cpu_and_memory"] == "true")
        case "metrics/resource": return await resourceMetrics()
        case "metrics/cadvisor": return try await cadvisorMetrics()
        case "metrics": return await ownMetrics()
        case "pods": return await podList()
        case "healthz": return KubeletAnswer(contentType: "text/plain; charset=utf-8", body: Array("ok".utf8))
        default: throw APIError(code: 404, reason: .notFound, message: "the node agent does not serve /\(path)")
        }
    }

    private func summary(onlyCPUAndMemory: Bool) async throws -> KubeletAnswer {
        let window = try await measured { try await sampler.window() }
        let report = SummaryReport(
            nodeName: configuration.nodeName, window: window,
            disks: onlyCPUAndMemory ? nil : await disks(window.now), fileSystem: await fileSystem())
        return KubeletAnswer(contentType: "application/json", body: report.json.bytes)
    }

    /// A scrape that fails is told by a metric and no status, as by the kubelet.
    private func resourceMetrics() async -> KubeletAnswer {
        guard let round = try? await sampler.present() else { return text(ResourceMetrics.failure) }
        return text(ResourceMetrics(round: round).text)
    }

    private func cadvisorMetrics() async throws -> KubeletAnswer {
        let round = try await measured { try await sampler.present() }
        let names = await deviceNames(round)
        let metrics = CadvisorMetrics(
            round: round, disks: await disks(round), fileSystem: await fileSystem(), machine: machine
        ) { names[$0] ?? $0 }
        return text(metrics.text)
    }

    private func ownMetrics() async -> KubeletAnswer {
        let pods = await pods()
        let running = pods.flatMap(\.status.containerStatuses).filter { $0.state.running != nil }.count
        var out = PrometheusText()
        out.add(
            .gauge("kubelet_node_name", "Always 1; the label names the node."), [("node", configuration.nodeName)], 1.0)
        out.add(
            .gauge("kubelet_desired_pods", "Pods that the node has been given."), [("static", "")], Int64(pods.count))
        out.add(
            .gauge("kubelet_running_pods", "Pods with a container that runs."), [],
            Int64(pods.count { pod in pod.status.containerStatuses.contains { $0.state.running != nil } }))
        out.add(
            .gauge("kubelet_running_containers", "Containers by state."), [("container_state", "running")],
            Int64(running))
        return text(out.text)
    }

    private func podList() async -> KubeletAnswer {
        let items = await pods().sorted { $0.key < $1.key }.map(\.json)
        let list: JSONValue = ["kind": "PodList", "apiVersion": "v1", "metadata": [:], "items": .array(items)]
        return KubeletAnswer(contentType: "application/json", body: list.bytes)
    }

    private func text(_ text: String) -> KubeletAnswer {
        KubeletAnswer(contentType: PrometheusText.contentType, body: Array(text.utf8))
    }

    // MARK: metrics.k8s.io

    func nodeUsage() async throws -> NodeMetrics {
        let window = try await measured { try await sampler.window() }
        guard let metrics = UsageObjects(window: window).node(configuration.nodeName, labels: labels) else {
            throw unavailable("no rate of node \(configuration.nodeName) is known yet")
        }
        return metrics
    }

    func podUsage(namespace: String?, name: String?) async throws -> [PodMetrics] {
        let window = try await measured { try await sampler.window() }
        return UsageObjects(window: window).pods.filter { pod in
            (namespace ?? pod.metadata.namespace) == pod.metadata.namespace
                && (name ?? pod.metadata.name) == pod.metadata.name
        }
    }

    // MARK: Parts

    private func disks(_ round: StatsRound) async -> [String: PodDiskUsage] {
        var disks: [String: PodDiskUsage] = [:]
        for sample in round.pods {
            disks[sample.pod.metadata.uid] = await disk.usage(of: sample.pod, maxAge: Self.diskAge)
        }
        return disks
    }

    private func fileSystem() async -> FileSystemUsage? {
        try? await pool.run(deadline: .seconds(5)) { [path = configuration.dataDirectory] in
            try FileSystemUsage.measure(path)
        }
    }

    /// `8:0` to `/dev/sda`, from sysfs.
    private func deviceNames(_ round: StatsRound) async -> [String: String] {
        let statistics = round.pods.flatMap { pod in
            [pod.statistics.pod] + pod.statistics.containers.values.map(\.cgroup)
        }
        let numbers = Set((statistics + [round.node.pods, round.node.system]).flatMap(\.io).map(\.device))
        guard !numbers.isEmpty else { return [:] }
        let names = try? await pool.run(deadline: .seconds(5)) {
            numbers.reduce(into: [String: String]()) { names, number in
                guard let facts = try? FileAccess.readText("/sys/dev/block/\(number)/uevent") else { return }
                for line in facts.split(separator: "\n") where line.hasPrefix("DEVNAME=") {
                    names[number] = "/dev/" + line.dropFirst("DEVNAME=".count)
                }
            }
        }
        return names ?? [:]
    }

    private func measured<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as APIError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw unavailable("node \(configuration.nodeName) cannot be measured: \(error)")
        }
    }

    private func unavailable(_ message: String) -> APIError {
        APIError(code: 503, reason: .serviceUnavailable, message: message)
    }
}
