import Foundation
import InternetAddress
import KubernetesAPI
import Logging
import PodRuntime
import Synchronization
import Testing

@testable import NodeAgent

/// What every probe of a test node answers.
final class ScriptedProbe: Sendable {
    private let state = Mutex<(outcomes: [ProbeOutcome], last: ProbeOutcome, count: Int)>(([], .success(), 0))

    /// The next answers; the last one goes on.
    func answer(_ outcomes: ProbeOutcome...) {
        state.withLock { state in
            state.outcomes = outcomes
            if let last = outcomes.last { state.last = last }
        }
    }

    var count: Int { state.withLock { $0.count } }

    func take() -> ProbeOutcome {
        state.withLock { state in
            state.count += 1
            return state.outcomes.isEmpty ? state.last : state.outcomes.removeFirst()
        }
    }
}

/// A node agent with a runtime, an API and a clock of the test's own.
struct TestNode: Sendable {
    let api: MemoryTransport
    let clock: ManualClock
    let runtime: FakeRuntime
    let probe = ScriptedProbe()
    var client: APIClient { APIClient(transport: api) }

    /// Runs an agent while the test's body runs.
    /// - Parameter name: the folder that its state is kept in; nil for one that goes with it.
    static func run(
        api: MemoryTransport = MemoryTransport(), clock: ManualClock = ManualClock(), runtime: FakeRuntime? = nil,
        routing: (any ServiceRouting)? = nil, directory name: String? = nil,
        configure: (inout NodeConfiguration) -> Void = { _ in },
        topology: CPUTopology = .host, services: (any ServiceNetwork)? = nil,
        signals: @escaping @Sendable () async -> [EvictionSignal: SignalObservation] = { [:] },
        _ body: (TestNode) async throws -> Void
    ) async throws {
        let node = TestNode(
            api: api, clock: clock,
            runtime: runtime ?? FakeRuntime { clock.time.preciseNow.microseconds * 1000 })
        let directory =
            name
            ?? FileManager.default.temporaryDirectory
            .appendingPathComponent("minikube-lite-agent-\(UUID().uuidString)").path
        // A folder that the test named is the test's to remove.
        defer { if name == nil { try? FileManager.default.removeItem(atPath: directory) } }
        var configuration = NodeConfiguration(
            nodeName: "node", dataDirectory: directory + "/data", runDirectory: directory + "/run",
            logDirectory: directory + "/log",
            podCIDRs: [IPRange(IPAddress(.v4, 10 << 24 | 244 << 16), prefixLength: 24)])
        configuration.nodeAddresses = [IPAddress(.v4, 192 << 24 | 2 << 8 | 1)]
        // Only what a test asks for happens in it.
        configuration.resyncPeriod = .seconds(1_000_000)
        configure(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let agent = NodeAgent(
            client: node.client, runtime: node.runtime, routing: routing, network: services,
            configuration: configuration, logger: logger,
            time: clock.time, topology: topology, probe: { [probe = node.probe] _, _ in probe.take() },
            signals: signals)
        let running = Task { try await agent.run() }
        do {
            try await body(node)
        } catch {
            running.cancel()
            _ = await running.result
            throw error
        }
        running.cancel()
        _ = await running.result
    }

    @discardableResult
    func create(_ pod: Pod) async throws -> Pod { try await client.create(pod) }

    func delete(_ name: String, grace: Int64 = 30) async throws {
        var options = DeleteOptions()
        options.gracePeriodSeconds = grace
        try await client.delete(Pod.self, name, namespace: "default", options: options)
    }
}

extension Pod {
    /// A pod on the test node, with a container `web` unless others are named.
    static func test(
        _ name: String = "web", containers: [String] = ["web"], policy: RestartPolicy = .always,
        _ change: (inout Pod) -> Void = { _ in }
    ) -> Pod {
        var pod = Pod()
        pod.metadata.name = name
        pod.metadata.namespace = "default"
        pod.metadata.uid = "uid-\(name)"
        pod.metadata.creationTimestamp = Timestamp(seconds: ManualClock.epoch / 1_000_000)
        pod.spec.nodeName = "node"
        pod.spec.restartPolicy = policy
        pod.spec.containers = containers.map { .test($0) }
        pod.setDefaults()
        change(&pod)
        pod.setDefaults()
        return pod
    }

    func state(_ container: String) -> KubernetesAPI.ContainerStatus? {
        (status.initContainerStatuses + status.containerStatuses).first { $0.name == container }
    }

    func condition(_ type: PodConditionType) -> PodCondition? { status.conditions.first { $0.type == type } }

    var isReady: Bool { condition(.ready)?.status == .true }
}

extension Container {
    static func test(_ name: String, image: String = "web:1") -> Container {
        var container = Container()
        container.name = name
        container.image = image
        return container
    }

    func with(_ change: (inout Container) -> Void) -> Container {
        var copy = self
        change(&copy)
        return copy
    }
}

extension Probe {
    static func http(_ change: (inout Probe) -> Void = { _ in }) -> Probe {
        var probe = Probe()
        probe.httpGet = HTTPGetAction()
        probe.httpGet?.port = 8000
        probe.periodSeconds = 10
        probe.failureThreshold = 3
        probe.successThreshold = 1
        probe.timeoutSeconds = 1
        change(&probe)
        return probe
    }
}
