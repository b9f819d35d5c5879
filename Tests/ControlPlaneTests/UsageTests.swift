import KubernetesAPI
import Synchronization
import Testing

/// `metrics.k8s.io` and the kubelet's own paths, answered by the node agent.
@Suite struct UsageTests {
    private final class FakeKubelet: KubeletEndpoint {
        let isSampled = Mutex(true)
        /// The cluster's own node: the test's configuration names none.
        let nodeName: String

        init(nodeName: String) { self.nodeName = nodeName }

        func answer(path: String, query: [String: String]) async throws -> KubeletAnswer {
            guard path == "stats/summary" else {
                throw APIError(code: 404, reason: .notFound, message: "404 page not found")
            }
            let only = query["only_cpu_and_memory"] ?? "-"
            return KubeletAnswer(contentType: "application/json", body: Array("{\"only\":\"\(only)\"}".utf8))
        }

        func nodeUsage() async throws -> NodeMetrics {
            guard isSampled.withLock({ $0 }) else {
                throw APIError(code: 404, reason: .notFound, message: "no sample yet")
            }
            var usage = NodeMetrics()
            usage.metadata.name = nodeName
            usage.timestamp = Timestamp(seconds: 1_700_000_000)
            usage.window = "15s"
            usage.usage = ["cpu": "250m", "memory": "512Mi"]
            return usage
        }

        func podUsage(namespace: String?, name: String?) async throws -> [PodMetrics] {
            guard isSampled.withLock({ $0 }) else { return [] }
            return ["api", "gone", "web"].filter { name == nil || name == $0 }.map { pod in
                var usage = PodMetrics()
                usage.metadata.name = pod
                usage.metadata.namespace = namespace ?? "default"
                usage.timestamp = Timestamp(seconds: 1_700_000_000)
                usage.window = "15s"
                usage.containers = ["main", "side"].map { name in
                    var container = ContainerMetrics()
                    container.name = name
                    container.usage = ["cpu": "100m", "memory": "64Mi"]
                    return container
                }
                return usage
            }
        }
    }

    private func run(_ test: (TestCluster, FakeKubelet) async throws -> Void) async throws {
        try await TestCluster.run { cluster in
            let kubelet = FakeKubelet(nodeName: cluster.nodeName)
            cluster.plane.setKubelet(kubelet)
            var node = Node()
            node.metadata.name = cluster.nodeName
            node.metadata.labels = ["disk": "ssd"]
            node.status.allocatable = ["cpu": "2", "memory": "2Gi"]
            _ = try await cluster.client.create(node)
            for name in ["web", "api", "idle"] {
                var pod = Pod()
                pod.metadata.name = name
                pod.metadata.namespace = "default"
                pod.metadata.labels = ["app": name]
                var container = Container()
                container.name = "main"
                container.image = "busybox"
                pod.spec.containers = [container]
                _ = try await cluster.client.create(pod)
            }
            try await test(cluster, kubelet)
        }
    }

    @Test func usageIsListedWithTheObjectsLabels() async throws {
        try await run { cluster, kubelet in
            let all = try await cluster.client.list(PodMetrics.self, namespace: "default")
            // What is used by a pod that is gone is not told.
            #expect(all.items.map(\.metadata.name) == ["api", "web"])
            #expect(all.items[1].metadata.labels == ["app": "web"])
            #expect(all.items[1].containers.map(\.name) == ["main", "side"])
            let chosen = try await cluster.client.list(PodMetrics.self, options: ["labelSelector": "app=api"])
            #expect(chosen.items.map(\.metadata.name) == ["api"])
            let node = try await cluster.client.get(NodeMetrics.self, cluster.nodeName)
            #expect(node.usage == ["cpu": "250m", "memory": "512Mi"] && node.metadata.labels == ["disk": "ssd"])
            kubelet.isSampled.withLock { $0 = false }
            #expect(try await cluster.client.list(NodeMetrics.self).items.isEmpty)
            #expect(try await cluster.client.list(PodMetrics.self).items.isEmpty)
        }
    }

    @Test func whatIsNotThereIsNamedAsMetricsServerDoes() async throws {
        try await run { cluster, _ in
            func message(_ body: () async throws -> Void) async -> String? {
                do {
                    try await body()
                    return nil
                } catch { return (error as? APIError)?.status.message }
            }
            let idle = await message { _ = try await cluster.client.get(PodMetrics.self, "idle", namespace: "default") }
            #expect(idle == "podmetrics.metrics.k8s.io \"default/idle\" not found")
            let gone = await message { _ = try await cluster.client.get(PodMetrics.self, "gone", namespace: "default") }
            #expect(gone == "pods \"gone\" not found")
            let node = await message { _ = try await cluster.client.get(NodeMetrics.self, "other") }
            #expect(node == "nodemetrics.metrics.k8s.io \"other\" not found")
            let made = await message {
                var usage = PodMetrics()
                usage.metadata.name = "x"
                usage.metadata.namespace = "default"
                _ = try await cluster.client.create(usage)
            }
            #expect(made == "the server does not allow this method on the requested resource")
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func kubectlTop() async throws {
        try await run { cluster, kubelet in
            func lines(_ arguments: String...) async throws -> [[String]] {
                let output = try await cluster.kubectl(arguments)
                #expect(output.status == 0, "\(arguments): \(output.err)")
                return output.out.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            }
            #expect(
                try await lines("top", "pod", "--containers") == [
                    ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"], ["api", "main", "100m", "64Mi"],
                    ["api", "side", "100m", "64Mi"], ["web", "main", "100m", "64Mi"], ["web", "side", "100m", "64Mi"],
                ])
            #expect(try await lines("top", "pod", "-l", "app=web").last == ["web", "200m", "128Mi"])
            #expect(try await lines("top", "pod", "web").last == ["web", "200m", "128Mi"])
            #expect(try await lines("top", "node").last == [cluster.nodeName, "250m", "12%", "512Mi", "25%"])
            #expect(try await lines("get", "pods.metrics.k8s.io", "web").last == ["web", "200m", "128Mi", "15s"])
            // The other group's resource has the plural, not the name in daily use.
            #expect(try await lines("get", "pods", "web", "-o", "name") == [["pod/web"]])
            #expect(try await lines("get", "all", "-o", "name").allSatisfy { !$0[0].contains("metrics") })
            #expect(
                try await lines("get", "--raw", "/api/v1/nodes/\(cluster.nodeName)/proxy/stats/summary") == [
                    ["{\"only\":\"-\"}"]
                ])
            let query = "/api/v1/nodes/\(cluster.nodeName):10250/proxy/stats/summary?only_cpu_and_memory=true"
            #expect(try await lines("get", "--raw", query) == [["{\"only\":\"true\"}"]])
            let missing = try await cluster.kubectl([
                "get", "--raw", "/api/v1/nodes/\(cluster.nodeName)/proxy/nothing",
            ])
            #expect(missing.status == 1)
            let unknown = try await cluster.kubectl(["get", "--raw", "/api/v1/nodes/other/proxy/stats/summary"])
            #expect(unknown.err.contains("nodes \"other\" not found"), "\(unknown.err)")
            kubelet.isSampled.withLock { $0 = false }
            let early = try await cluster.kubectl(["top", "node"])
            #expect(early.err.contains("metrics not available yet"), "\(early.err)")
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func discoveryTellsWhatCanBeDone() async throws {
        try await run { cluster, _ in
            let resources = try await cluster.kubectl(["api-resources", "--api-group=metrics.k8s.io", "-o", "wide"])
            #expect(resources.out.contains("PodMetrics") && resources.out.contains("get,list"), "\(resources.err)")
            let core = try await cluster.kubectl(["get", "--raw", "/api/v1"])
            #expect(core.out.contains("\"pods/resize\"") && core.out.contains("\"nodes/proxy\""))
            let openAPI = try await cluster.kubectl(["get", "--raw", "/openapi/v3/api/v1"])
            #expect(openAPI.out.contains("/api/v1/namespaces/{namespace}/pods/{name}/resize"))
            let metrics = try await cluster.kubectl(["get", "--raw", "/openapi/v3/apis/metrics.k8s.io/v1beta1"])
            #expect(metrics.out.contains("ContainerMetrics") && !metrics.out.contains("\"patch\""))
        }
    }
}
