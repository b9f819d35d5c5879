import KubernetesAPI
import Testing

@testable import NodeAgent

@Suite struct UsageObjectsTests {
    private let objects = UsageObjects(
        window: UsageWindow(
            earlier: SampleRound.round(at: SampleRound.epoch),
            now: SampleRound.round(
                at: SampleRound.epoch + 10_012 * 1_000_000, usage: 2_000_000 + 1_234_567, machineUsage: 60_000_000)))

    @Test func `a pod's usage is metrics-server's, in nanocores and Ki`() throws {
        let pod = try #require(objects.pods.first)
        #expect(pod.metadata.name == "web" && pod.metadata.namespace == "default")
        #expect(pod.metadata.labels == ["app": "web"])
        #expect(pod.window == "10.012s")
        #expect(pod.timestamp?.description == "2026-01-02T03:04:15Z")
        #expect(pod.containers.map(\.name) == ["web"])
        #expect(pod.containers[0].usage["cpu"]?.text == "123308730n")
        #expect(pod.containers[0].usage["memory"]?.text == "49152Ki")
    }

    @Test func `the node's usage is the machine's`() throws {
        let node = try #require(objects.node("node", labels: ["a": "b"]))
        #expect(node.usage["cpu"]?.text == "998801438n")
        #expect(node.usage["memory"]?.text == "2097152Ki")
        #expect(node.metadata.labels == ["a": "b"])
        #expect(
            UsageObjects(window: UsageWindow(earlier: objects.window.now, now: objects.window.now))
                .node("node", labels: [:]) == nil)
    }

    @Test func `without a memory controller memory is the processes'`() throws {
        let window = UsageWindow(
            earlier: SampleRound.bare(at: SampleRound.epoch),
            now: SampleRound.bare(at: SampleRound.epoch + SampleRound.second, usage: 2_000_000))
        let pod = try #require(UsageObjects(window: window).pods.first)
        #expect(pod.containers[0].usage["memory"]?.text == "5120Ki")
        #expect(pod.containers[0].usage["cpu"]?.text == "0")
    }

    @Test(
        arguments: [
            (0, "0s"), (512_000_000, "512ms"), (1_000_000_000, "1s"), (10_012_000_000, "10.012s"),
            (15_500_000_000, "15.5s"), (62_500_000_000, "1m2.5s"), (3_600_000_000_000, "1h0m0s"),
        ] as [(Int64, String)])
    func `durations are Go's`(_ nanoseconds: Int64, _ text: String) {
        #expect(UsageObjects.duration(nanoseconds) == text)
    }
}
