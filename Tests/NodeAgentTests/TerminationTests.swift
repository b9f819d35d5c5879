import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

/// The order in which a pod ends: out of its services, hook, signal; all within the grace period.
@Suite(.timeLimit(.minutes(1)))
struct TerminationTests {
    private static let bye = ["bye"]

    private static func pod(_ change: (inout Pod) -> Void = { _ in }) -> Pod {
        .test {
            $0.spec.containers[0].lifecycle = .test(preStop: bye)
            change(&$0)
        }
    }

    private static func isStop(_ call: FakeRuntime.Call) -> Bool {
        if case .stopContainer = call { true } else { false }
    }

    private func stops(_ node: TestNode) -> [FakeRuntime.Call] { node.runtime.calls.filter(Self.isStop) }
    private func hooks(_ node: TestNode) -> [FakeRuntime.Call] {
        node.runtime.calls.filter { if case .run = $0 { true } else { false } }
    }

    @Test func `a pod leaves its services, then its hook runs, then it is signalled`() async throws {
        let services = FakeServices()
        let left = services.hold()
        try await TestNode.run(services: services) { node in
            let hookDone = Gate()
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.answerCommands(in: "web") { _ in
                try await hookDone.wait()
                return CommandOutcome(exitCode: 0)
            }
            try await node.delete("web", grace: 20)
            try await services.wait(for: .leaving("uid-web", limit: .seconds(2)))
            #expect(hooks(node).isEmpty && stops(node).isEmpty)
            left.open()
            await node.runtime.wait(for: .run("web", command: Self.bye))
            #expect(stops(node).isEmpty)
            node.clock.advance(by: .seconds(3))
            hookDone.open()
            // What the hook took is no longer there for the signal.
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(17)))
            await node.api.waitUntilGone("web")
            #expect(services.calls.last == .gone("uid-web"))
            #expect(node.runtime.calls.last == .removeSandbox("uid-web"))
            #expect(hooks(node).count == 1 && stops(node).count == 1)
        }
    }

    @Test func `connections that wait in the kernel are accepted before the signal`() async throws {
        let services = FakeServices()
        services.serve("uid-web")
        try await TestNode.run(services: services) { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.put(pendingConnections: 3, of: "uid-web")
            try await node.delete("web")
            await node.clock.sleeper(for: .milliseconds(1))
            #expect(stops(node).isEmpty)
            node.runtime.put(pendingConnections: 0, of: "uid-web")
            node.clock.advance(by: .milliseconds(1))
            await node.runtime.wait { $0.contains(where: Self.isStop) }
        }
    }

    @Test func `a server that accepts nothing is signalled after a quarter of a second`() async throws {
        let services = FakeServices()
        services.serve("uid-web")
        try await TestNode.run(services: services) { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.put(pendingConnections: 3, of: "uid-web")
            try await node.delete("web")
            for pause in [1, 2, 4, 8] + Array(repeating: 16, count: 15) {
                await node.clock.sleeper(for: .milliseconds(pause))
                #expect(stops(node).isEmpty)
                node.clock.advance(by: .milliseconds(pause))
            }
            await node.runtime.wait(for: .stopContainer("web", grace: .milliseconds(30_000 - 255)))
        }
    }

    @Test func `a pod of no service waits for nothing`() async throws {
        let services = FakeServices()
        try await TestNode.run(services: services) { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.put(pendingConnections: 3, of: "uid-web")
            try await node.delete("web")
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(30)))
            await node.api.waitUntilGone("web")
        }
    }

    @Test func `a departure that never ends costs the grace period at most`() async throws {
        let services = FakeServices()
        let left = services.hold()
        defer { left.open() }
        try await TestNode.run(services: services) { node in
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            try await node.delete("web", grace: 5)
            try await services.wait(for: .leaving("uid-web", limit: .seconds(2)))
            await node.clock.sleeper(for: .seconds(5))
            node.clock.advance(by: .seconds(5))
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(2)))
            #expect(hooks(node).isEmpty)
        }
    }

    @Test func `a hook that uses up the grace period leaves two seconds`() async throws {
        try await TestNode.run { node in
            let never = Gate()
            defer { never.open() }
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.answerCommands(in: "web") { _ in
                try await never.wait()
                return CommandOutcome(exitCode: 0)
            }
            try await node.delete("web", grace: 10)
            await node.runtime.wait(for: .run("web", command: Self.bye))
            await node.clock.sleeper(for: .seconds(10))
            node.clock.advance(by: .seconds(10))
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(2)))
            #expect(hooks(node).count == 1)
        }
    }

    @Test func `less grace later is the hook's, too`() async throws {
        try await TestNode.run { node in
            let never = Gate()
            defer { never.open() }
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.answerCommands(in: "web") { _ in
                try await never.wait()
                return CommandOutcome(exitCode: 0)
            }
            try await node.delete("web", grace: 60)
            await node.runtime.wait(for: .run("web", command: Self.bye))
            await node.clock.sleeper(for: .seconds(60))
            node.clock.advance(by: .seconds(10))
            try await node.delete("web", grace: 3)
            await node.clock.sleeper(for: .seconds(3))
            node.clock.advance(by: .seconds(3))
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(2)))
            #expect(hooks(node).count == 1)
        }
    }

    @Test func `what is deleted by force ends at once`() async throws {
        let services = FakeServices()
        let left = services.hold()
        defer { left.open() }
        try await TestNode.run(services: services) { node in
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            try await node.delete("web", grace: 0)
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(1)))
            await node.runtime.wait(for: .removeSandbox("uid-web"))
            #expect(hooks(node).isEmpty)
            try await services.wait(for: .gone("uid-web"))
            #expect(services.calls == [.gone("uid-web")])
        }
    }

    @Test func `a failed hook is told and holds nothing up`() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.answerCommands(in: "web") { _ in CommandOutcome(exitCode: 1, output: Array("secret".utf8)) }
            try await node.delete("web")
            await node.api.waitUntilGone("web")
            #expect(await node.api.events("FailedPreStopHook").map(\.message) == ["PreStopHook failed"])
            // Said once, before the hook.
            #expect(await node.api.events("Killing").map(\.message) == ["Stopping container web"])
        }
    }

    @Test func `containers end side by side, and sidecars after them, the last one first`() async throws {
        try await TestNode.run { node in
            try await node.create(
                .test(containers: ["a", "b"]) { pod in
                    pod.spec.initContainers = ["one", "two"].map { name in
                        Container.test(name).with {
                            $0.restartPolicy = .init(rawValue: "Always")
                            $0.lifecycle = .test(preStop: [name])
                        }
                    }
                })
            try await node.api.pod("web") { $0.isReady }
            node.runtime.hold(stops: true)
            try await node.delete("web")
            let grace = Duration.seconds(30)
            await node.runtime.wait(for: .stopContainer("a", grace: grace))
            await node.runtime.wait(for: .stopContainer("b", grace: grace))
            // Their hooks tell them that the end is near.
            await node.runtime.wait(for: .run("one", command: ["one"]))
            await node.runtime.wait(for: .run("two", command: ["two"]))
            node.runtime.exit("uid-web", "a", code: 0)
            try await node.api.pod("web") { $0.state("a")?.state.terminated != nil }
            #expect(stops(node).count == 2)
            node.runtime.exit("uid-web", "b", code: 0)
            await node.runtime.wait(for: .stopContainer("two", grace: grace))
            #expect(!node.runtime.calls.contains(.stopContainer("one", grace: grace)))
            node.runtime.exit("uid-web", "two", code: 0)
            await node.runtime.wait(for: .stopContainer("one", grace: grace))
            node.runtime.exit("uid-web", "one", code: 0)
            await node.api.waitUntilGone("web")
        }
    }

    @Test func `a sidecar waits for its turn no longer than the grace period`() async throws {
        try await TestNode.run { node in
            try await node.create(
                .test {
                    $0.spec.initContainers = [
                        Container.test("side").with { $0.restartPolicy = .init(rawValue: "Always") }
                    ]
                })
            try await node.api.pod("web") { $0.isReady }
            node.runtime.hold(stops: true)
            try await node.delete("web", grace: 4)
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(4)))
            await node.clock.sleeper(for: .seconds(4))
            node.clock.advance(by: .seconds(4))
            await node.runtime.wait(for: .stopContainer("side", grace: .seconds(2)))
            node.runtime.exit("uid-web", "web", code: 137)
            node.runtime.exit("uid-web", "side", code: 0)
            await node.api.waitUntilGone("web")
        }
    }

    @Test func `readiness is asked for until the end, liveness is not`() async throws {
        let services = FakeServices()
        let left = services.hold()
        try await TestNode.run(services: services) { node in
            try await node.create(
                .test {
                    $0.spec.containers[0].readinessProbe = .http { $0.periodSeconds = 7 }
                    $0.spec.containers[0].livenessProbe = .http { $0.periodSeconds = 9 }
                })
            try await node.api.pod("web") { $0.isReady }
            await node.clock.sleeper(for: .seconds(7))
            await node.clock.sleeper(for: .seconds(9))
            node.probe.answer(.failure("503"))
            try await node.delete("web", grace: 600)
            try await services.wait(for: .leaving("uid-web", limit: .seconds(2)))
            for _ in 0..<3 {
                await node.clock.sleeper(for: .seconds(7))
                node.clock.advance(by: .seconds(7))
            }
            let pod = try await node.api.pod("web") { !$0.isReady }
            #expect(pod.state("web")?.state.running != nil)
            left.open()
            await node.api.waitUntilGone("web")
            #expect(!node.api.allEvents.contains { $0.message.contains("liveness") || $0.message.contains("Liveness") })
        }
    }

    @Test func `an evicted pod leaves its services, too`() async throws {
        let services = FakeServices()
        var facts = PodFacts(pod: .test(), startTime: 0, backoffCap: .seconds(300))
        facts.sandbox = .up
        facts.containers["web"]?.latest = Attempt(
            number: 0, id: "", image: "", imageID: "", startedAt: 0, end: nil)
        facts.evict(PodEviction(message: "short of memory", grace: 1, isDisruption: true))
        facts.advance(now: 5)
        #expect(facts.plan(now: 5).operations == [.leaveServices(by: 1_000_000_005)])
        facts.begin(.leaveServices(by: 1_000_000_005))
        #expect(facts.plan(now: 6).operations == [])
        #expect(facts.plan(now: 6).wakeAt == 1_000_000_005)
        facts.departure = .done
        // A second that it was given is not made two.
        #expect(facts.plan(now: 6).operations == [.stopContainer("web", .podEnds, by: 1_000_000_006)])
        _ = services
    }

    @Test func `a grace period of any size is a time`() {
        #expect(PodFacts.time(.max, after: 1) == Int64(Int32.max) * 1_000_000_000 + 1)
        #expect(PodFacts.time(-5, after: 1) == 1)
    }
}
