import Foundation
import KubernetesAPI
import Logging
import PodRuntime
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1))) struct StatsEndpointTests {
    private let runtime = FakeRuntime()
    private let clock = ManualClock()

    private func endpoint() -> StatsEndpoint {
        let round = SampleRound.round(at: SampleRound.epoch)
        runtime.put(round.node)
        runtime.put(round.pods[0].statistics)
        let configuration = NodeConfiguration(
            nodeName: "node", dataDirectory: "/nonexistent/data", runDirectory: "/nonexistent/run",
            podCIDRs: [])
        return StatsEndpoint(
            configuration: configuration, runtime: runtime,
            disk: DiskUsage(configuration: configuration, runtime: runtime, time: clock.time),
            facts: NodeFacts(configuration: configuration, capabilities: runtime.capabilities), time: clock.time
        ) {
            // The second one has no sandbox: it is not up yet.
            [SampleRound.pod(), SampleRound.pod("other")]
        }
    }

    @Test(
        arguments: [
            ("metrics/resource", "text/plain; version=0.0.4; charset=utf-8"),
            ("metrics/cadvisor", "text/plain; version=0.0.4; charset=utf-8"),
            ("metrics", "text/plain; version=0.0.4; charset=utf-8"), ("pods", "application/json"),
            ("healthz", "text/plain; charset=utf-8"),
        ])
    func `the kubelet's paths are answered`(_ path: String, _ type: String) async throws {
        let answer = try await endpoint().answer(path: path, query: [:])
        #expect(answer.contentType == type)
        if path.hasPrefix("metrics") { _ = try PrometheusCheck(String(decoding: answer.body, as: UTF8.self)) }
    }

    @Test func `the summary waits for a rate once`() async throws {
        let endpoint = endpoint()
        async let first = endpoint.answer(path: "stats/summary", query: [:])
        await clock.sleeper(for: .milliseconds(500))
        clock.advance(by: .milliseconds(500))
        let json = try JSONParser.parse(try await first.body)
        #expect(json["pods"]?.arrayValue?.map { $0[path: "podRef", "name"] } == ["web"])
        clock.advance(by: .seconds(1))
        // No more waiting: nobody moves the clock.
        let second = try await endpoint.answer(path: "stats/summary", query: ["only_cpu_and_memory": "true"])
        #expect(try JSONParser.parse(second.body)[path: "node", "fs"] == nil)
    }

    @Test func `pods are listed as the API has them`() async throws {
        let json = try JSONParser.parse(try await endpoint().answer(path: "pods", query: [:]).body)
        #expect(json["kind"] == "PodList")
        #expect(json["items"]?.arrayValue?.map { $0[path: "metadata", "name"] } == ["other", "web"])
    }

    @Test(arguments: ["", "stats", "stats/summary/x", "metrics/probes", "configz", "run/default/web/web"])
    func `another path is not found`(_ path: String) async throws {
        let error = await #expect(throws: APIError.self) { try await endpoint().answer(path: path, query: [:]) }
        #expect(error?.code == 404)
    }

    @Test func `usage is filtered by namespace and name`() async throws {
        let endpoint = endpoint()
        async let all = endpoint.podUsage(namespace: nil, name: nil)
        await clock.sleeper(for: .milliseconds(500))
        clock.advance(by: .milliseconds(500))
        #expect(try await all.map(\.metadata.name) == ["web"])
        clock.advance(by: .seconds(1))
        #expect(try await endpoint.podUsage(namespace: "default", name: "web").count == 1)
        #expect(try await endpoint.podUsage(namespace: "kube-system", name: nil).isEmpty)
        #expect(try await endpoint.podUsage(namespace: "default", name: "other").isEmpty)
    }

    @Test func `an agent that has not begun says so`() async throws {
        let agent = NodeAgent(
            client: APIClient(transport: MemoryTransport()), runtime: runtime,
            configuration: NodeConfiguration(
                nodeName: "node", dataDirectory: "/d", runDirectory: "/r", podCIDRs: []),
            logger: Logger(label: "test"))
        let error = await #expect(throws: APIError.self) { try await agent.nodeUsage() }
        #expect(error?.code == 503)
    }
}
