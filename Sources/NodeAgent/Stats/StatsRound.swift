import KubernetesAPI
import PodRuntime

/// One look at everything that the node can measure: the machine, and every pod that is up.
struct StatsRound: Sendable {
    /// Nanoseconds since 1970, when the look began.
    var time: Int64
    var node: NodeStatistics
    /// The node agent's own process.
    var agent: AgentUsage
    /// By namespace and name.
    var pods: [PodSample]
    /// Pods that are there and could not be read.
    var failures: [String]
}

/// One pod of a round.
struct PodSample: Sendable {
    /// With the status as the node knows it.
    var pod: Pod
    var statistics: SandboxStatistics
    /// What the runtime knows beside numbers: attempts, images, the limits that are in force.
    var sandbox: SandboxStatus?

    /// The attempt that statistics are of.
    func status(of container: String) -> RuntimeContainerStatus? {
        let attempt = statistics.containers[container]?.attempt
        return sandbox?.containers.last { $0.name == container && $0.attempt == attempt }
    }

    /// Of all containers together; nil where the kernel counts for their cgroup.
    var processes: ProcessStatistics? { .sum(statistics.containers.values.map(\.processes)) }

    /// The pod's working set; nil where nothing tells.
    var workingSet: Int64? { statistics.pod.memory?.workingSet ?? processes?.memory }
}

extension ContainerStatistics {
    /// Nil where nothing tells.
    var workingSet: Int64? { cgroup.memory?.workingSet ?? processes?.memory }
}

/// What the node agent's process itself has used.
struct AgentUsage: Sendable, Hashable {
    /// Nanoseconds since 1970.
    var startedAt: Int64
    /// Nanoseconds of all its threads.
    var cpu: Int64
    /// Resident bytes.
    var memory: Int64?
}

/// Makes rounds.
struct StatsCollector: Sendable {
    let runtime: any Runtime
    let time: TimeSource
    /// The pods of the node.
    let pods: @Sendable () async -> [Pod]
    private let startedAt: Int64

    init(runtime: any Runtime, time: TimeSource, pods: @escaping @Sendable () async -> [Pod]) {
        self.runtime = runtime
        self.time = time
        self.pods = pods
        startedAt = time.preciseNow.microseconds * 1000
    }

    /// Throws where the node's own cgroups cannot be read.
    func round() async throws -> StatsRound {
        let now = time.preciseNow.microseconds * 1000
        let node = try await runtime.nodeStatistics()
        var round = StatsRound(
            time: now, node: node, agent: AgentUsage.measure(startedAt: startedAt), pods: [], failures: [])
        for pod in await pods() {
            do {
                let statistics = try await runtime.statistics(of: pod.metadata.uid)
                let sandbox = await runtime.status(of: pod.metadata.uid)
                round.pods.append(PodSample(pod: pod, statistics: statistics, sandbox: sandbox))
            } catch let error as RuntimeError where error.kind == .notFound {
                // Not up yet, or gone already.
            } catch {
                round.failures.append("\(pod.key): \(error)")
            }
        }
        round.pods.sort {
            ($0.pod.metadata.namespace, $0.pod.metadata.name) < ($1.pod.metadata.namespace, $1.pod.metadata.name)
        }
        return round
    }
}

extension ProcessStatistics {
    /// Nil where none is known.
    static func sum(_ parts: [ProcessStatistics?]) -> ProcessStatistics? {
        let known = parts.compactMap { $0 }
        guard !known.isEmpty else { return nil }
        return ProcessStatistics(
            count: known.reduce(0) { $0 + $1.count }, memory: known.reduce(0) { $0 + $1.memory })
    }
}
