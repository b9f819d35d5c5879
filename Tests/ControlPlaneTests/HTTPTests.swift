import AsyncHTTPClient
import Foundation
import KubernetesAPI
import NIOCore
import Testing

/// What only shows on the wire: credentials, forms of answers, limits.
@Suite struct HTTPTests {
    private func get(
        _ client: HTTPClient, _ url: String, _ headers: [(String, String)] = []
    ) async throws -> (code: UInt, type: String, body: String) {
        let answer = try await client.answer(.GET, url, headers)
        return (answer.code, answer.header("content-type"), String(buffer: answer.body))
    }

    @Test func withoutCredentialsOnlyHealthAndVersionAreAnswered() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient(hasCertificate: false) { client in
                for path in ["/healthz", "/livez", "/readyz", "/version", "/readyz?verbose"] {
                    #expect(try await get(client, cluster.server + path).code == 200)
                }
                for path in ["/api", "/apis", "/openapi/v3", "/metrics", "/api/v1/pods", "/", "/healthz/../api"] {
                    let answer = try await get(client, cluster.server + path)
                    #expect(answer.code == 403, "\(path)")
                    #expect(try JSONParser.parse(answer.body.utf8)["reason"] == "Forbidden")
                }
            }
        }
    }

    @Test func answersComeInTheFormThatIsAskedFor() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let url = cluster.server + "/api/v1/namespaces"
                let table = try await get(
                    client, url, [("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")])
                let parsed = try JSONParser.parse(table.body.utf8)
                #expect(parsed["kind"] == "Table" && parsed["rows"]?.arrayValue?.count == 4)
                #expect(parsed["rows"]?.arrayValue?.first?["cells"]?.arrayValue?.first == "default")
                let partial = try await get(
                    client, url, [("accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")])
                #expect(try JSONParser.parse(partial.body.utf8)["kind"] == "PartialObjectMetadataList")
                let list = try await get(client, url)
                #expect(try JSONParser.parse(list.body.utf8)["kind"] == "NamespaceList")
                #expect(list.type == "application/json")
                let one = try await get(client, url + "/default")
                #expect(try JSONParser.parse(one.body.utf8)[path: "metadata", "name"] == "default")
                #expect(try await get(client, url, [("accept", "text/html")]).code == 406)
                #expect(try await get(client, cluster.server + "/api/v1/widgets").code == 404)
                #expect(try await get(client, cluster.server + "/api/v1/namespaces?limit=x").code == 400)
            }
        }
    }

    @Test func discoveryIsKnownByItsEntityTag() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                var request = HTTPClientRequest(url: cluster.server + "/apis")
                let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                request.headers.add(name: "accept", value: aggregated + ",application/json")
                let first = try await client.execute(request, timeout: .seconds(10))
                #expect(first.headers.first(name: "content-type") == aggregated)
                let tag = try #require(first.headers.first(name: "etag"))
                _ = try await first.body.collect(upTo: 1 << 20)
                request.headers.add(name: "if-none-match", value: tag)
                let second = try await client.execute(request, timeout: .seconds(10))
                #expect(second.status.code == 304)
                _ = try await second.body.collect(upTo: 1 << 20)
                let index = try await get(client, cluster.server + "/openapi/v3")
                let paths = try JSONParser.parse(index.body.utf8)["paths"]
                let apps = try #require(paths?["apis/apps/v1"]?["serverRelativeURL"]?.stringValue)
                let document = try JSONParser.parse(try await get(client, cluster.server + apps).body.utf8)
                let patch = document["paths"]?["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]?["patch"]
                #expect(patch?["parameters"]?.arrayValue?.contains { $0["name"] == "fieldValidation" } == true)
                let containers = document["components"]?["schemas"]?["io.k8s.api.core.v1.PodSpec"]?["properties"]?[
                    "containers"]
                #expect(containers?["x-kubernetes-patch-merge-key"] == "name")
            }
        }
    }

    @Test func brokenBodiesAreRefused() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                func post(_ body: String, _ type: String = "application/json") async throws -> (UInt, String) {
                    var request = HTTPClientRequest(url: cluster.server + "/api/v1/namespaces/default/configmaps")
                    request.method = .POST
                    request.headers.add(name: "content-type", value: type)
                    request.body = .bytes(ByteBuffer(string: body))
                    let response = try await client.execute(request, timeout: .seconds(10))
                    return (response.status.code, String(buffer: try await response.body.collect(upTo: 1 << 20)))
                }
                #expect(try await post("{").0 == 400)
                #expect(try await post("[]").0 == 400)
                #expect(try await post("{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}").0 == 400)
                #expect(try await post("{\"kind\":\"ConfigMap\",\"apiVersion\":\"v2\"}").0 == 400)
                #expect(try await post("{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}").0 == 400)
                #expect(try await post("x", "text/plain").0 == 415)
                #expect(try await post("k8s", "application/vnd.kubernetes.protobuf").0 == 400)
                #expect(try await post(String(repeating: "[", count: 100_000)).0 == 400)
                let yaml = try await post("metadata: {name: from-yaml}\ndata: {a: b}\n", "application/yaml")
                #expect(yaml.0 == 201)
                let warned = try await post("{\"metadata\":{\"name\":\"warned\"},\"dat\":{}}")
                #expect(warned.0 == 201)
            }
        }
    }

    @Test func aPatchOfAnotherTypeIsNotTaken() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                var request = HTTPClientRequest(url: cluster.server + "/api/v1/namespaces/default")
                request.method = .PATCH
                request.headers.add(name: "content-type", value: "application/apply-patch+cbor")
                request.body = .bytes(ByteBuffer(string: "{}"))
                let response = try await client.execute(request, timeout: .seconds(10))
                #expect(response.status.code == 415)
                _ = try await response.body.collect(upTo: 1 << 20)
            }
        }
    }

    @Test func theKubeconfigIsForItsOwnerAlone() async throws {
        try await TestCluster.run { cluster in
            for (path, mode) in [
                (cluster.kubeconfig, 0o600), (cluster.directory + "/pki", 0o700),
                (cluster.directory + "/pki/admin.key", 0o600), (cluster.directory + "/state.db", 0o600),
            ] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == mode, "\(path)")
            }
        }
    }

    @Test func aPlaneThatComesBackHasItsObjectsAndItsCertificates() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "minikube-lite-server-\(UUID().uuidString.prefix(8))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var authority = ""
        try await TestCluster.run(in: directory) { cluster in
            authority = try String(contentsOfFile: directory + "/pki/ca.crt", encoding: .utf8)
            var map = ConfigMap()
            map.metadata.name = "kept"
            map.metadata.namespace = "default"
            _ = try await cluster.client.create(map)
        }
        try await TestCluster.run(in: directory) { cluster in
            #expect(try String(contentsOfFile: directory + "/pki/ca.crt", encoding: .utf8) == authority)
            try await cluster.withHTTPS { client in
                let map = try await client.get(ConfigMap.self, "kept", namespace: "default")
                #expect(map.metadata.name == "kept")
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func aStopEndsOpenWatches() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withHTTPS { client in
                let events = try await client.watch(Namespace.self)
                var seen = 0
                for try await event in events where event.type == "ADDED" {
                    seen += 1
                    if seen == 4 { await cluster.stop() }
                }
                #expect(seen == 4)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func everyWatcherSeesEveryEventSoon() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withHTTPS { client in
                let start = try await client.list(ConfigMap.self).resourceVersion
                try await withThrowingTaskGroup(of: [String].self) { group in
                    for _ in 0..<50 {
                        group.addTask {
                            var names: [String] = []
                            let events = try await client.watch(
                                ConfigMap.self, namespace: "default",
                                options: ["resourceVersion": start, "labelSelector": "fan=out"])
                            for try await event in events {
                                names.append(event.object[path: "metadata", "name"]?.stringValue ?? "")
                                if names.count == 20 { break }
                            }
                            return names
                        }
                    }
                    var expected: [String] = []
                    for index in 0..<20 {
                        var map = ConfigMap()
                        map.metadata.name = "fan-\(index)"
                        map.metadata.namespace = "default"
                        map.metadata.labels = ["fan": "out"]
                        _ = try await cluster.client.create(map)
                        expected.append(map.metadata.name)
                    }
                    for try await names in group { #expect(names == expected) }
                }
            }
        }
    }
}
