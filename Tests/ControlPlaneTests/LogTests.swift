import KubernetesAPI
import Synchronization
import Testing

/// Logs are streamed from where the pod runs, as `kubectl logs` asks for them.
@Suite struct LogTests {
    private final class FakeSource: PodLogSource {
        let asked = Mutex<[PodLogQuery]>([])

        func logs(
            namespace: String, pod: String, options: PodLogQuery
        ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
            asked.withLock { $0.append(options) }
            guard !options.previous else {
                throw APIError(
                    code: 400, reason: .badRequest,
                    message: "previous terminated container \"\(options.container)\" in pod \"\(pod)\" not found")
            }
            return AsyncThrowingStream { continuation in
                continuation.yield(Array("first line\n".utf8))
                continuation.yield(Array("second line\n".utf8))
                continuation.finish()
            }
        }
    }

    private func pod(_ containers: [String], node: String = "n") -> Pod {
        var pod = Pod()
        pod.metadata.name = "web"
        pod.metadata.namespace = "default"
        pod.spec.nodeName = node
        pod.spec.containers = containers.map { name in
            var container = Container()
            container.name = name
            container.image = "busybox"
            return container
        }
        return pod
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func kubectlReadsALog() async throws {
        try await TestCluster.run { cluster in
            let source = FakeSource()
            cluster.plane.setLogSource(source)
            _ = try await cluster.client.create(pod(["main", "side"]))
            let output = try await cluster.kubectl([
                "logs", "web", "-c", "side", "--tail=5", "--timestamps", "--since=10s",
            ])
            #expect(output.out == "first line\nsecond line\n", "\(output.err)")
            var query = PodLogQuery()
            query.container = "side"
            query.tailLines = 5
            query.sinceSeconds = 10
            query.timestamps = true
            #expect(source.asked.withLock { $0 } == [query])
            let followed = try await cluster.kubectl(["logs", "-f", "web", "-c", "main"])
            #expect(followed.status == 0 && followed.out.hasSuffix("second line\n"))
            let previous = try await cluster.kubectl(["logs", "-p", "web", "-c", "main"])
            #expect(previous.status == 1 && previous.err.contains("previous terminated container \"main\""))
            let unknown = try await cluster.kubectl(["logs", "web", "-c", "nope"])
            #expect(unknown.err.contains("container nope is not valid for pod web"))
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func aPodWithoutANodeHasAnEmptyLog() async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(pod(["main"], node: ""))
            let output = try await cluster.kubectl(["logs", "web"])
            #expect(output.status == 0 && output.out.isEmpty, "\(output.err)")
        }
    }
}
