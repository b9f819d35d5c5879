import Foundation
import KubernetesAPI
import PodRuntime
import Synchronization
import Testing

@testable import NodeAgent

/// What a test's node has left, look by look; the last one goes on.
final class ScriptedSignals: Sendable {
    private let looks = Mutex<[[EvictionSignal: SignalObservation]]>([[:]])

    func next(_ looks: [EvictionSignal: SignalObservation]...) { self.looks.withLock { $0 = looks } }

    func take() -> [EvictionSignal: SignalObservation] {
        looks.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] }
    }

    static func memory(_ mebibytes: Int64) -> [EvictionSignal: SignalObservation] {
        [.memoryAvailable: SignalObservation(available: mebibytes << 20, capacity: 2048 << 20)]
    }
}

@Suite(.timeLimit(.minutes(1)))
struct EvictionTests {
    private func run(
        _ signals: ScriptedSignals, configure: (inout NodeConfiguration) -> Void = { _ in },
        _ body: (TestNode) async throws -> Void
    ) async throws {
        try await TestNode.run(
            configure: {
                // No registrar or probe sleeps for as long.
                $0.pressure.monitoringPeriod = .seconds(7)
                configure(&$0)
            }, signals: { signals.take() }, body)
    }

    private func look(_ node: TestNode) async {
        await node.clock.sleeper(for: .seconds(7))
        node.clock.advance(by: .seconds(7))
    }

    private func statistics(_ uid: String, _ container: String, mebibytes: Int64) -> SandboxStatistics {
        var cgroup = CgroupStatistics(time: 1)
        cgroup.memory = MemoryStatistics(current: mebibytes << 20)
        return SandboxStatistics(
            id: uid, pod: cgroup,
            containers: [container: ContainerStatistics(attempt: 0, startedAt: 0, cgroup: cgroup)])
    }

    private func condition(_ node: TestNode, _ type: NodeConditionType, _ status: ConditionStatus) async throws -> Node
    {
        try await node.api.node("node") { $0.status.conditions.contains { $0.type == type && $0.status == status } }
    }

    @Test func `the biggest pod goes, the node says so, and others stay`() async throws {
        let signals = ScriptedSignals()
        try await run(signals) { node in
            try await node.create(.test("small"))
            try await node.create(.test("big"))
            try await node.create(.test("critical") { $0.spec.priority = 2_000_000_000 })
            for name in ["small", "big", "critical"] { try await node.api.pod(name) { $0.isReady } }
            node.runtime.put(statistics("uid-small", "web", mebibytes: 10))
            node.runtime.put(statistics("uid-big", "web", mebibytes: 200))
            node.runtime.put(statistics("uid-critical", "web", mebibytes: 900))
            signals.next(ScriptedSignals.memory(50), ScriptedSignals.memory(500))
            await look(node)
            let big = try await node.api.pod("big") { $0.status.phase == .failed }
            let message =
                "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
                + "Container web was using 200Mi, request is 0, has larger consumption of memory. "
            #expect(big.status.reason == "Evicted")
            #expect(big.status.message == message)
            let target = big.condition(.disruptionTarget)
            #expect(target?.status == .true)
            #expect(target?.reason == "TerminationByKubelet")
            #expect(target?.message == message)
            #expect(node.runtime.calls.contains(.stopContainer("web", grace: .seconds(1))))
            await node.runtime.wait(for: .removeSandbox("uid-big"))
            #expect(await node.api.events("Evicted").map(\.message) == [message])
            #expect(await node.api.events("Evicted").first?.type == "Warning")
            #expect(await node.api.events("EvictionThresholdMet").first?.message == "Attempting to reclaim memory")
            let told = try await condition(node, .memoryPressure, .true)
            let pressure = told.status.conditions.first { $0.type == .memoryPressure }
            #expect(pressure?.reason == "KubeletHasInsufficientMemory")
            #expect(pressure?.message == "kubelet has insufficient memory available")
            for name in ["small", "critical"] { #expect(try await node.api.pod(name) { _ in true }.isReady) }
            await node.api.events("NodeHasInsufficientMemory")
        }
    }

    @Test func `one pod after the other until it is enough`() async throws {
        let signals = ScriptedSignals()
        try await run(signals) { node in
            for name in ["a", "b", "c"] {
                try await node.create(.test(name))
                try await node.api.pod(name) { $0.isReady }
            }
            node.runtime.put(statistics("uid-a", "web", mebibytes: 10))
            node.runtime.put(statistics("uid-b", "web", mebibytes: 20))
            node.runtime.put(statistics("uid-c", "web", mebibytes: 30))
            signals.next(ScriptedSignals.memory(50), ScriptedSignals.memory(60), ScriptedSignals.memory(500))
            await look(node)
            try await node.api.pod("b") { $0.status.phase == .failed }
            let removed = node.runtime.calls.filter { if case .removeSandbox = $0 { true } else { false } }
            // The second was asked only when nothing was left of the first.
            #expect(removed.first == .removeSandbox("uid-c"))
            #expect(try await node.api.pod("a") { _ in true }.isReady)
        }
    }

    @Test func `a soft threshold leaves the pod as much grace as it is told to`() async throws {
        let signals = ScriptedSignals()
        try await run(
            signals,
            configure: {
                $0.pressure.maxPodGracePeriod = 20
                $0.pressure.thresholds = [
                    EvictionThreshold(.memoryAvailable, .quantity("100Mi"), gracePeriod: .seconds(5))
                ]
            }
        ) { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.put(statistics("uid-web", "web", mebibytes: 10))
            let (low, well) = (ScriptedSignals.memory(50), ScriptedSignals.memory(500))
            signals.next(low, low, well)
            await look(node)
            _ = try await condition(node, .memoryPressure, .true)
            #expect(try await node.api.pod("web") { _ in true }.isReady)
            await look(node)
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(20)))
        }
    }

    @Test func `under memory pressure pods without requests are refused`() async throws {
        let signals = ScriptedSignals()
        try await run(signals) { node in
            signals.next(ScriptedSignals.memory(50), ScriptedSignals.memory(500))
            await look(node)
            _ = try await condition(node, .memoryPressure, .true)
            try await node.create(.test("besteffort"))
            let refused = try await node.api.pod("besteffort") { $0.status.phase == .failed }
            #expect(refused.status.reason == "Evicted")
            #expect(refused.status.message == "Pod was rejected: The node had condition: [MemoryPressure]. ")
            try await node.create(
                .test("burstable") { $0.spec.containers[0].resources.requests = ["memory": "1Mi"] })
            try await node.create(
                .test("tolerant") { pod in
                    var toleration = Toleration()
                    toleration.key = "node.kubernetes.io/memory-pressure"
                    toleration.operator = .exists
                    pod.spec.tolerations = [toleration]
                })
            try await node.create(.test("critical") { $0.spec.priority = 2_000_001_000 })
            for name in ["burstable", "tolerant", "critical"] { try await node.api.pod(name) { $0.isReady } }
        }
    }

    @Test func `all pods together are limited to what is allocatable`() async throws {
        try await run(ScriptedSignals()) { node in
            await node.api.events("SuccessfulNodeAllocatableEnforcement")
            // The test's machine has 8 GiB, and 256 MiB are the system's.
            #expect(node.runtime.levels[.guaranteed]?.memoryMax == (8 << 30) - (256 << 20))
        }
    }

    @Test func `a pod that keeps too much on the disk is evicted`() async throws {
        var logs = ""
        let configure = { (configuration: inout NodeConfiguration) in
            logs = configuration.logDirectory
            // The node's capacity is that of a disk that is there.
            try? FileManager.default.createDirectory(
                atPath: configuration.dataDirectory, withIntermediateDirectories: true)
        }
        try await run(ScriptedSignals(), configure: configure) { node in
            try await node.create(
                .test { $0.spec.containers[0].resources.limits = ["ephemeral-storage": "4Ki"] })
            try await node.api.pod("web") { $0.isReady }
            let folder = "\(logs)/default_web_uid-web/web"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try Data(repeating: 65, count: 64 << 10).write(to: URL(fileURLWithPath: "\(folder)/0.log"))
            await look(node)
            let pod = try await node.api.pod("web") { $0.status.phase == .failed }
            #expect(pod.status.reason == "Evicted")
            #expect(
                pod.status.message == "Pod ephemeral local storage usage exceeds the total limit of containers 4Ki. ")
            // It was its own fault.
            #expect(pod.condition(.disruptionTarget) == nil)
        }
    }

    @Test func `the agent that comes after finishes an eviction`() {
        let pod = Pod.test { pod in
            pod.status.phase = .running
            pod.status.reason = "Evicted"
            pod.status.message = "why"
            pod.status.startTime = Timestamp(seconds: 1)
        }
        let facts = PodFacts(recovering: pod, sandbox: nil, backoffCap: .seconds(300), now: 2)
        #expect(facts.ending == .failure(reason: "Evicted", message: "why"))
        #expect(facts.grace == 1)
    }
}
