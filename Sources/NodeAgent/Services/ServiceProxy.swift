import InternetAddress
import KubernetesAPI
import Logging
import Metrics
import PodRuntime
import Synchronization

/// Leads connections to services to the pods behind them: follows Services and EndpointSlices, translates what has
/// changed (`RouteTranslation`) and has the kernel route so (`ServiceRouting`).
///
///     informers, departures, host ports ─► ServiceTable ─► one update at a time ─► kernel
///
/// What comes while an update is under way goes into the next one, and nothing else delays it. The first update waits
/// until Services, slices and the node's pods have been listed; until then the kernel does what a former agent told it.
/// After an error everything is put in force anew, with a growing delay, and so it is every `resyncPeriod`, in case that
/// another hand was at the tables.
final class ServiceProxy: ServiceNetwork {
    /// How long a claim of host ports and the end of a pod wait for the kernel.
    static let patience = Duration.seconds(2)
    /// How long environment variables wait for the first list of services.
    static let listPatience = Duration.seconds(5)
    /// A safety net, not a way to learn of things.
    static let resyncPeriod = Duration.seconds(600)
    static let retryFirst = Duration.milliseconds(100)
    static let retryCap = Duration.seconds(30)

    private struct State {
        var table: ServiceTable
        var hasServices = false
        var hasSlices = false
        var hasPods = false
        /// The kernel's state is not known: everything has to be put in force.
        var isUnknown = true
        /// Counts what might change a route, and which of it the kernel has.
        var demanded: UInt64 = 1
        var inForce: UInt64 = 0
        var waitingForKernel: [(demanded: UInt64, gate: Gate)] = []
        /// By pod uid.
        var waitingForSlices: [String: [Gate]] = [:]

        var isComplete: Bool { hasServices && hasSlices && hasPods }
    }

    /// One step of the kernel.
    private struct Update: Sendable {
        enum Extent: Sendable {
            case all([ServiceRoute])
            case some([ServiceRoute], removed: [String])
        }
        var extent: Extent
        var demanded: UInt64
        var triggers: [Int64]
        var routedServices: Int
    }

    private let routing: any ServiceRouting
    private let services: Informer<KubernetesAPI.Service>
    private let slices: Informer<EndpointSlice>
    private let events: EventRecorder
    private let node: ObjectReference
    private let time: TimeSource
    private let logger: Logger
    private let state: Mutex<State>
    private let servicesListed = Gate()
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    // kube-proxy's names.
    private let syncs = Metrics.Timer(label: "kubeproxy_sync_proxy_rules_duration_seconds")
    private let latencies = Metrics.Timer(label: "kubeproxy_network_programming_duration_seconds")
    private let failures = Metrics.Counter(label: "kubeproxy_sync_proxy_rules_nftables_sync_failures_total")
    private let lastSync = Metrics.Gauge(label: "kubeproxy_sync_proxy_rules_last_timestamp_seconds")
    private let routed = Metrics.Gauge(label: ServiceProxy.routedServicesMetric)
    /// Ours: services that have routes in the kernel.
    static let routedServicesMetric = "minikube_lite_routed_services"

    init(
        routing: any ServiceRouting, client: APIClient, nodeName: String, time: TimeSource = .system, logger: Logger
    ) {
        self.routing = routing
        self.time = time
        self.logger = logger
        let complain: @Sendable (any Error) -> Void = {
            logger.warning("services not followed", metadata: ["error": "\($0)"])
        }
        services = Informer(client: client, time: time, onError: complain)
        slices = Informer(client: client, time: time, onError: complain)
        events = EventRecorder(client: client, component: "kube-proxy", host: nodeName, time: time) {
            logger.warning("event not written", metadata: ["error": "\($0)"])
        }
        node = .node(nodeName)
        state = Mutex(State(table: ServiceTable(RouteTranslation(nodeName: nodeName))))
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Routes until the task is cancelled; what is in force then stays.
    func run() async {
        services.onChange { [unowned self] in take($0) }
        slices.onChange { [unowned self] in take($0) }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.events.run() }
            group.addTask { await self.services.run() }
            group.addTask { await self.slices.run() }
            group.addTask {
                while (try? await self.time.sleep(for: Self.resyncPeriod)) != nil {
                    self.change { $0.isUnknown = true }
                }
            }
            await work()
            group.cancelAll()
        }
    }

    // MARK: What changes

    /// Changes the state in a way that routes may follow from, and has that put in force.
    /// - Returns: what `body` does, and the number to wait for.
    @discardableResult
    private func change<Value, Failure: Error>(
        _ body: (inout State) throws(Failure) -> sending Value
    ) throws(Failure) -> sending Value {
        let result = try state.withLock { state throws(Failure) in
            state.demanded += 1
            return try body(&state)
        }
        ring.yield()
        return result
    }

    func take(_ change: ObjectChange<KubernetesAPI.Service>) {
        self.change { state in
            switch change {
            case .added(let service), .modified(_, let service): state.table.put(service)
            case .deleted(let service): state.table.removeService(service.key)
            case .synced: state.hasServices = true
            }
        }
        if case .synced = change { servicesListed.open() }
    }

    func take(_ change: ObjectChange<EndpointSlice>) {
        let now = time.preciseNow.microseconds
        let settled = self.change { state in
            switch change {
            case .added(let slice), .modified(_, let slice):
                state.table.put(slice, now: state.hasSlices ? now : nil)
            case .deleted(let slice): state.table.removeSlice(slice.key)
            case .synced: state.hasSlices = true
            }
            return Self.takeSettled(&state)
        }
        for gate in settled { gate.open() }
    }

    private static func takeSettled(_ state: inout State) -> [Gate] {
        let uids = state.waitingForSlices.keys.filter { state.table.isKnownToLeave($0) }
        return uids.flatMap { state.waitingForSlices.removeValue(forKey: $0) ?? [] }
    }

    /// What the agent found of the node's pods when it started. Before this nothing is put in force: those that end
    /// would get connections again, and host ports would lead nowhere for a moment.
    ///
    /// - Parameter running: addresses of the pods whose sandboxes are up, by uid.
    func restore(_ pods: [Pod], running: [String: [IPAddress]]) {
        let conflicts = change { state -> [HostPortConflict] in
            guard !state.hasPods else { return [] }
            state.hasPods = true
            var conflicts: [HostPortConflict] = []
            for pod in pods {
                let uid = pod.metadata.uid
                if pod.metadata.deletionTimestamp != nil { state.table.depart(uid, .leaving) }
                guard let addresses = running[uid] else { continue }
                do throws(HostPortConflict) {
                    try state.table.claim(uid, pod.hostPortClaims, addresses: addresses)
                } catch {
                    conflicts.append(error)
                }
            }
            return conflicts
        }
        for conflict in conflicts {
            logger.error("a running pod lost its host ports", metadata: ["error": "\(conflict)"])
        }
    }

    // MARK: ServiceNetwork

    func podIsLeaving(_ uid: String, within limit: Duration) async -> Bool {
        let slicesKnow = Gate()
        let (demanded, isListed) = change { state in
            state.table.depart(uid, .leaving)
            // Before the first lists nobody can say that no slice has it.
            let isListed = !state.isComplete || state.table.isListed(uid)
            if isListed { state.waitingForSlices[uid, default: []].append(slicesKnow) }
            return (state.demanded, isListed)
        }
        guard isListed else { return false }
        _ = await within(limit) { [self] in
            try await inForce(demanded)
            // The slices are not all known until then; and those that are may know already.
            let settled = state.withLock { Self.takeSettled(&$0) }
            for gate in settled { gate.open() }
            try await slicesKnow.wait()
        }
        return state.withLock { state in
            state.waitingForSlices[uid]?.removeAll { $0 === slicesKnow }
            if state.waitingForSlices[uid]?.isEmpty == true { state.waitingForSlices[uid] = nil }
            return !state.isComplete || state.table.isListed(uid)
        }
    }

    func claimHostPorts(_ uid: String, _ ports: [HostPortClaim], addresses: [IPAddress]) async throws {
        let demanded = try change { (state) throws(HostPortConflict) in
            try state.table.claim(uid, ports, addresses: addresses)
            return state.demanded
        }
        if !ports.isEmpty { await waitForKernel(demanded) }
    }

    func podIsGone(_ uid: String) async {
        let demanded = change { state -> UInt64? in
            let isRouted = state.table.isListed(uid) || state.table.hasHostPorts(uid)
            state.table.depart(uid, .gone)
            state.table.releaseHostPorts(uid)
            return isRouted ? state.demanded : nil
        }
        if let demanded { await waitForKernel(demanded) }
    }

    /// Returns when the kernel does what follows from everything that was told until now.
    func settle() async { await waitForKernel(state.withLock { $0.demanded }) }

    /// How many pods that leave wait until every slice says so.
    var departing: Int { state.withLock { $0.waitingForSlices.count } }

    private func waitForKernel(_ demanded: UInt64) async {
        _ = await within(Self.patience) { [self] in try await inForce(demanded) }
    }

    func services(in namespace: String) async -> [KubernetesAPI.Service] {
        _ = await within(Self.listPatience) { [self] in try await servicesListed.wait() }
        let known = state.withLock { $0.table.services }
        let kubernetes = ObjectKey(namespace: "default", name: "kubernetes")
        let own = known.values.filter { $0.metadata.namespace == namespace && $0.key != kubernetes }
            .sorted { $0.metadata.name < $1.metadata.name }
        return ([known[kubernetes]].compactMap { $0 } + own).filter(RouteTranslation.hasClusterAddress)
    }

    /// Returns once the kernel does what was demanded. Throws `CancellationError`.
    private func inForce(_ demanded: UInt64) async throws {
        let gate = state.withLock { state -> Gate? in
            guard state.inForce < demanded else { return nil }
            let gate = Gate()
            state.waitingForKernel.append((demanded, gate))
            return gate
        }
        try await gate?.wait()
    }

    /// Whether `body` ended in time.
    private func within(_ limit: Duration, _ body: @escaping @Sendable () async throws -> Void) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { (try? await body()) != nil }
            group.addTask { [time] in
                try? await time.sleep(for: limit)
                return false
            }
            let isDone = await group.next() ?? false
            group.cancelAll()
            return isDone
        }
    }

    // MARK: The kernel

    /// Puts in force what is demanded, one update after the other.
    private func work() async {
        var retry = RetryDelay(first: Self.retryFirst, cap: Self.retryCap)
        var hasFailed = false
        for await _ in bell {
            while let update = nextUpdate() {
                do {
                    try await perform(update)
                    if hasFailed {
                        events.record(
                            node, reason: ServiceEventReason.updatedRouting, message: "Services are routed again")
                    }
                    hasFailed = false
                    retry.reset()
                } catch {
                    if Task.isCancelled { return }
                    hasFailed = true
                    report(error)
                    state.withLock { $0.isUnknown = true }
                    try? await time.sleep(for: retry.next())
                    if Task.isCancelled { return }
                }
            }
        }
    }

    /// What the kernel has to be told next; nil where it has everything, or where it is too early to say.
    private func nextUpdate() -> Update? {
        let (update, complaints, done) = state.withLock { state -> (Update?, [ServiceTable.Complaint], [Gate]) in
            guard state.isComplete, state.isUnknown || state.inForce < state.demanded else { return (nil, [], []) }
            let changes = state.table.takeChanges()
            var update = Update(
                extent: .some(changes.changed, removed: changes.removed), demanded: state.demanded,
                triggers: changes.triggers, routedServices: state.table.routedServices)
            if state.isUnknown {
                update.extent = .all(state.table.routes)
            } else if changes.isEmpty {
                // It leads nobody anywhere else.
                return (nil, changes.complaints, Self.settle(state.demanded, &state))
            }
            state.isUnknown = false
            return (update, changes.complaints, [])
        }
        for complaint in complaints {
            events.record(
                complaint.service, .warning, reason: complaint.problem.reason, message: complaint.problem.message)
        }
        for gate in done { gate.open() }
        return update
    }

    private func perform(_ update: Update) async throws {
        let elapsed = time.stopwatch()
        switch update.extent {
        case .all(let routes): try await routing.replaceAll(routes)
        case .some(let changed, let removed): try await routing.update(changed, removed: removed)
        }
        let done = state.withLock { Self.settle(update.demanded, &$0) }
        for gate in done { gate.open() }
        let now = time.preciseNow.microseconds
        syncs.recordNanoseconds(elapsed().nanoseconds)
        for trigger in update.triggers { latencies.recordMicroseconds(max(now - trigger, 0)) }
        lastSync.record(Double(now) / 1_000_000)
        routed.record(update.routedServices)
    }

    private static func settle(_ demanded: UInt64, _ state: inout State) -> [Gate] {
        state.inForce = max(state.inForce, demanded)
        let done = state.waitingForKernel.filter { $0.demanded <= demanded }
        state.waitingForKernel.removeAll { $0.demanded <= demanded }
        return done.map(\.gate)
    }

    private func report(_ error: any Error) {
        failures.increment()
        logger.error("services not routed", metadata: ["error": "\(error)"])
        events.record(
            node, .warning, reason: ServiceEventReason.failedToUpdateRouting,
            message: "Services are not routed as they should be, what was in force stays: \(error)")
    }
}
