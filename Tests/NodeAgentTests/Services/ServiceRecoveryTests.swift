import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1))) struct ServiceRecoveryTests {
    /// The first thing that a new agent tells the kernel has everything that the agent before had told it.
    @Test func anAgentThatComesBackMissesNothing() async throws {
        let api = MemoryTransport()
        let clock = ManualClock()
        let runtime = FakeRuntime { clock.time.preciseNow.microseconds * 1000 }
        let client = APIClient(transport: api)
        _ = try await client.create(KubernetesAPI.Service.test())
        _ = try await client.create(
            EndpointSlice.test([.test("10.244.0.2", pod: "uid-web"), .test("10.244.0.9", pod: "uid-other")]))
        try await TestNode.run(api: api, clock: clock, runtime: runtime) { node in
            try await node.create(
                .test {
                    var port = ContainerPort()
                    port.containerPort = 80
                    port.hostPort = 8080
                    $0.spec.containers[0].ports = [port]
                })
            try await node.api.pod("web") { $0.isReady }
        }
        // Its deletion begins while there is no agent; the slices do not know yet.
        var options = DeleteOptions()
        options.gracePeriodSeconds = 30
        try await client.delete(Pod.self, "web", namespace: "default", options: options)
        let routing = FakeRouting()
        try await TestNode.run(api: api, clock: clock, runtime: runtime, routing: routing) { _ in
            await routing.wait(forCalls: 1)
            #expect(routing.calls.first == .all(["default/web:80/tcp", "hostport:uid-web:*:8080/tcp"]))
            #expect(routing.firstTargets("default/web:80/tcp") == ["10.244.0.9:8080"])
        }
    }
}
