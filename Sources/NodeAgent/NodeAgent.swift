import InternetAddress
public import KubernetesAPI
public import Logging
public import PodRuntime
public import ServiceLifecycle
import Synchronization

/// The mini-kubelet: makes the node's pods real and tells the API how they are.
///
/// How a pod starts: the reflector delivers the object to `PodManager`, which gives it a `PodWorker`. The worker's facts
/// (`PodFacts`) say what to do next (`PodPlan`); `PodExecutor` does it through the runtime; what came of it is a message
/// to the worker, which derives the status (`PodStatusDerivation`) and has it written (`PodStatusWriter`).
public final class NodeAgent: ServiceLifecycle.Service, PodLogSource, KubeletEndpoint {
    /// The gauge of services that have routes in the kernel.
    public static let routedServicesMetric = ServiceProxy.routedServicesMetric

    private let client: APIClient
    private let runtime: any Runtime
    /// Where connections to services are led by; nil on a node that routes none.
    private let routing: (any ServiceRouting)?
    /// Who leads connections to pods, where a test has another than this node's own.
    private let network: (any ServiceNetwork)?
    private let configuration: NodeConfiguration
    private let logger: Logger
    private let time: TimeSource
    private let topology: CPUTopology
    private let probe: @Sendable (ProbeTarget, Duration) async -> ProbeOutcome
    /// What the node has left of everything; nil looks at this machine. Tests have another.
    private let signals: (@Sendable () async -> [EvictionSignal: SignalObservation])?
    /// What requests need, once there is something to ask.
    private let serving = Mutex<Serving?>(nil)

    /// What answers requests.
    private struct Serving {
        var manager: PodManager
        var logs: LogReader
        var statistics: StatsEndpoint
    }

    public convenience init(
        client: APIClient, runtime: any Runtime, routing: (any ServiceRouting)? = nil,
        configuration: NodeConfiguration, logger: Logger
    ) {
        self.init(
            client: client, runtime: runtime, routing: routing, configuration: configuration, logger: logger,
            time: .system, probe: { await $0.check(timeout: $1) })
    }

    init(
        client: APIClient, runtime: any Runtime, routing: (any ServiceRouting)? = nil,
        network: (any ServiceNetwork)? = nil, configuration: NodeConfiguration, logger: Logger, time: TimeSource,
        topology: CPUTopology = .host,
        probe: @escaping @Sendable (ProbeTarget, Duration) async -> ProbeOutcome,
        signals: (@Sendable () async -> [EvictionSignal: SignalObservation])? = nil
    ) {
        self.client = client
        self.runtime = runtime
        self.routing = routing
        self.network = network
        self.configuration = configuration
        self.logger = logger
        self.time = time
        self.topology = topology
        self.probe = probe
        self.signals = signals
    }

    /// Runs until it is cancelled or a graceful shutdown begins; pods go on without it. Throws where the runtime cannot
    /// say what is there already: nothing may be started then. `ReservationError` where less than nothing is left for pods.
    public func run() async throws {
        let problems = NodeFacts.reservationProblems(configuration, runtime.capabilities)
        guard problems.isEmpty else { throw ReservationError(problems: problems) }
        let logs = try LogReader()
        let recovered = try await runtime.recover()
        await cancelWhenGracefulShutdown { [self] in await work(recovered, logs) }
    }

    private func work(_ recovered: [SandboxStatus], _ logs: LogReader) async {
        let facts = NodeFacts(configuration: configuration, capabilities: runtime.capabilities)
        let events = EventRecorder(
            client: client, component: "kubelet", host: configuration.nodeName, time: time
        ) { [logger] in logger.warning("event not written", metadata: ["error": "\($0)"]) }
        let certificates = RootCertificates(client: client, time: time, logger: logger)
        let volumes = PodVolumes(
            store: VolumeStore(
                dataDirectory: configuration.dataDirectory, runDirectory: configuration.runDirectory),
            client: client, tokens: ServiceAccountTokens(client: client, time: time, logger: logger),
            certificates: certificates, pool: BlockingPool(name: "volumes", threads: 2))
        let ledger = NodeLedger(
            admission: NodeAdmission(
                allocatable: facts.allocatable, labels: facts.labels, sysctls: configuration.sysctls),
            translation: CgroupTranslation(
                options: configuration.limits,
                host: CgroupTranslation.Host(runtime.capabilities, allocatable: facts.allocatable)),
            cpus: CPUManager(configuration.limits, topology: topology))
        let allocations = AllocationStore(directory: "\(configuration.dataDirectory)/allocations")
        let services = routing.map {
            ServiceProxy(
                routing: $0, client: client, nodeName: configuration.nodeName, time: time, logger: logger)
        }
        let around = PodSurroundings(
            client: client, runtime: runtime, configuration: configuration, volumes: volumes, logs: logs,
            events: events, time: time, logger: logger, nodeAddresses: facts.addresses, ledger: ledger,
            allocations: allocations, allocatable: facts.allocatable,
            resolver: ResolverConfiguration(parsing: NodeFacts.text(configuration.resolverFile)),
            services: network ?? services ?? NoServiceNetwork(), probe: probe)
        let (jobs, job) = AsyncStream.makeStream(of: PodManager.Job.self)
        let stored = try? await volumes.pool.run { allocations.all() }
        for problem in stored?.problems ?? [] { logger.warning("\(problem)") }
        let pressure = NodePressure()
        let manager = PodManager(
            around, pressure: pressure, recovered: recovered, allocations: stored?.allocations ?? [:]
        ) { job.yield($0) }
        let disk = DiskUsage(configuration: configuration, runtime: runtime, time: time)
        let statistics = StatsEndpoint(
            configuration: configuration, runtime: runtime, disk: disk, facts: facts, time: time
        ) { await manager.presentPods() }
        serving.withLock { $0 = Serving(manager: manager, logs: logs, statistics: statistics) }
        let registrar = NodeRegistrar(
            client: client, runtime: runtime, configuration: configuration, facts: facts, events: events,
            pressure: pressure,
            time: time, logger: logger)
        let signals = signals ?? HostSignals(dataDirectory: configuration.dataDirectory, runtime: runtime).observe
        let eviction = EvictionManager(around, pods: manager, pressure: pressure, disk: disk, signals: signals)
        let levels = LevelKeeper(
            ledger: ledger, runtime: runtime, limits: facts.division.cgroup(ledger.translation),
            nodeName: configuration.nodeName, events: events, time: time, logger: logger)
        await withDiscardingTaskGroup { group in
            group.addTask { await events.run() }
            group.addTask { await certificates.run() }
            group.addTask { await statistics.sampler.run() }
            group.addTask { await registrar.run() }
            group.addTask { await levels.run() }
            group.addTask { await eviction.run() }
            if let services { group.addTask { await services.run() } }
            group.addTask { [self] in await follow(manager, recovered, services) }
            group.addTask { [runtime] in for await event in runtime.events { await manager.take(event) } }
            group.addTask { [time, configuration] in
                while (try? await time.sleep(for: configuration.resyncPeriod)) != nil { await manager.resync() }
            }
            for await job in jobs { group.addTask { await job() } }
        }
    }

    private func follow(_ manager: PodManager, _ recovered: [SandboxStatus], _ services: ServiceProxy?) async {
        let reflector = Reflector(
            Pod.self, client: client, options: ["fieldSelector": "spec.nodeName=\(configuration.nodeName)"], time: time
        ) { [logger] in logger.warning("pods not followed", metadata: ["error": "\($0)"]) }
        let running = Dictionary(
            recovered.filter { $0.state == .ready }.map { ($0.id, $0.addresses.compactMap { IPAddress($0) }) },
            uniquingKeysWith: { $1 })
        await reflector.run { event in
            // Only the first time; before any worker claims ports.
            if case .synced(let pods) = event { services?.restore(pods, running: running) }
            await manager.take(event)
        }
    }

    // MARK: Logs

    public func logs(
        namespace: String, pod name: String, options: PodLogQuery
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let key = ObjectKey(namespace: namespace, name: name)
        guard let serving = serving.withLock({ $0 }), let worker = await serving.manager.worker(of: key) else {
            throw APIError(code: 404, reason: .notFound, message: "pod \(key) is not on node \(configuration.nodeName)")
        }
        let log = try PodLog(await worker.present, options: options)
        return log.open(serving.logs, root: configuration.logDirectory, now: time.now) { [worker] in
            await worker.waitForEnd(of: log.container, attempt: log.attempt)
        }
    }

    // MARK: Statistics

    public func answer(path: String, query: [String: String]) async throws -> KubeletAnswer {
        try await statistics.answer(path: path, query: query)
    }

    public func nodeUsage() async throws -> NodeMetrics { try await statistics.nodeUsage() }

    public func podUsage(namespace: String?, name: String?) async throws -> [PodMetrics] {
        try await statistics.podUsage(namespace: namespace, name: name)
    }

    private var statistics: StatsEndpoint {
        get throws {
            guard let serving = serving.withLock({ $0 }) else {
                throw APIError(
                    code: 503, reason: .serviceUnavailable,
                    message: "node \(configuration.nodeName) is still looking for the pods that it has")
            }
            return serving.statistics
        }
    }
}
