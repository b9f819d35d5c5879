import AsyncHTTPClient
import Foundation
import KubernetesAPI
import NIOCore
import NIOHTTP1
import Testing

@testable import ControlPlane

/// What no well-meaning client sends: each gets an answer with the right code, and everybody else is still served.
@Suite struct HostileClientTests {
    private static let maps = "/api/v1/namespaces/default/configmaps"

    private func post(
        _ client: HTTPClient, _ url: String, _ body: [UInt8], _ type: String = "application/json"
    ) async throws -> (code: UInt, reason: String, message: String) {
        let answer = try await client.answer(.POST, url, [("content-type", type)], body: body)
        let status = try JSONParser.parse(answer.bytes)
        return (answer.code, status["reason"]?.stringValue ?? "", status["message"]?.stringValue ?? "")
    }

    @Test(.timeLimit(.minutes(1))) func bodiesAreBoundedInEveryWay() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let url = cluster.server + Self.maps
                let large = try await post(client, url, Array(repeating: 0x20, count: (3 << 20) + 1))
                #expect(large.code == 413 && large.reason == "RequestEntityTooLarge")
                #expect(large.message == "Request entity too large: limit is 3145728")

                // Without a length, too.
                var chunked = HTTPClientRequest(url: url)
                chunked.method = .POST
                let part = ByteBuffer(repeating: 0x20, count: 1 << 20)
                chunked.body = .stream(
                    AsyncStream(unfolding: { part }).prefix(8), length: .unknown)
                let response = try? await client.execute(chunked, timeout: .seconds(30))
                if let response { #expect(response.status.code == 413) }

                for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
                    let deep = String(repeating: open, count: 10_000) + "1" + String(repeating: close, count: 10_000)
                    let json = try await post(client, url, Array("{\"data\":\(deep)}".utf8))
                    #expect(json.code == 400 && json.reason == "BadRequest" && json.message.contains("levels deep"))
                    let yaml = try await post(client, url, Array("data: \(deep)".utf8), "application/yaml")
                    #expect(yaml.code == 400 && yaml.reason == "BadRequest", "\(yaml)")
                }
                let block = try await post(
                    client, url, Array(String(repeating: "- ", count: 10_000).utf8), "application/yaml")
                #expect(block.code == 400)

                let invalid = try await post(
                    client, url, Array("{\"data\":{\"a\":\"".utf8) + [0xFF] + Array("\"}}".utf8))
                #expect(invalid.code == 400 && invalid.message.contains("UTF-8"))
                let twice = Array(#"{"metadata":{"name":"twice"},"data":{"a":"b","a":"c"}}"#.utf8)
                let strict = try await post(client, url + "?fieldValidation=Strict", twice)
                #expect(strict.code == 400 && strict.message.contains(#"duplicate field "data.a""#))
                #expect(try await post(client, url, twice).code == 201)

                let deployments = cluster.server + "/apis/apps/v1/namespaces/default/deployments"
                for number in ["1e999", "99999999999999999999", "4294967296", "1.5", "-1e-999999999999"] {
                    let body = #"{"metadata":{"name":"a"},"spec":{"replicas":\#(number)}}"#
                    let answer = try await post(client, deployments, Array(body.utf8))
                    #expect([400, 422].contains(answer.code) && !answer.message.isEmpty, "\(number): \(answer)")
                }
                let protobuf = "application/vnd.kubernetes.protobuf"
                for body: [UInt8] in [
                    Array("k8s\0".utf8) + [0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], Array("k8s".utf8),
                    Array("k8s\0".utf8) + [0x0A, 0x80],
                ] {
                    let answer = try await post(client, url, body, protobuf)
                    #expect(answer.code == 400 && answer.message.contains("protobuf"))
                }
                let type = try await post(client, url, Array("a=b".utf8), "application/x-www-form-urlencoded")
                #expect(type.code == 415 && type.reason == "UnsupportedMediaType")
                let many = Array(
                    ("{\"spec\":{\"containers\":[{}" + String(repeating: ",{}", count: 900_000) + "]}}").utf8)
                let pod = try await post(client, cluster.server + "/api/v1/namespaces/default/pods", many)
                #expect(pod.code == 400 && pod.message.contains("more than 20000 parts"))
            }
        }
    }

    @Test func pathsDoNotLeadElsewhere() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                for (path, code) in [
                    ("/api/v1/namespaces/default/..", 404), ("/api/v1/namespaces/default/pods/..", 404),
                    ("/api/v1/../v1/namespaces", 404), ("/api/v1/namespaces/default%2Fconfigmaps", 404),
                    ("/api/v1/namespaces/%2e%2e/configmaps/..%2f..%2fstate.db", 404),
                    ("/api/v1/namespaces/default/configmaps/%00", 404),
                    ("/openapi/v3/../../api", 404), ("/apis/%2e%2e", 404), ("//api/v1/namespaces/default", 200),
                ] {
                    let answer = try await client.answer(.GET, cluster.server + path)
                    #expect(answer.code == code, "\(path)")
                    if code != 200 { #expect(try JSONParser.parse(answer.bytes)["kind"] == "Status", "\(path)") }
                }
                let body = Array(#"{"metadata":{"name":"../x"}}"#.utf8)
                #expect(try await post(client, cluster.server + Self.maps, body).code == 422)
                let put = try await client.answer(
                    .PUT, cluster.server + Self.maps + "/..%2fx", [("content-type", "application/json")], body: body)
                #expect([400, 404, 422].contains(put.code))
            }
        }
    }

    /// Clients that know URLs mend these before they send them.
    @Test(arguments: ["/api/%", "/api/%z", "/api/%zz", "/api/v1/%ff", "/api?x=%zz", "/api?%2=x"])
    func brokenPercentEncodingIsNoPath(_ target: String) {
        #expect(RequestPath(target) == nil)
    }

    @Test func longAnswersAreCompressedForWhoTakesIt() async throws {
        try await TestCluster.run { cluster in
            for index in 0..<3 {
                var map = ConfigMap()
                map.metadata.name = "large-\(index)"
                map.metadata.namespace = "default"
                map.data = ["key": String(repeating: "value \(index) ", count: 20_000)]
                _ = try await cluster.client.create(map)
            }
            var plain = HTTPClient.Answer(code: 0, headers: [:], body: ByteBuffer())
            try await cluster.withClient { client in
                let url = cluster.server + Self.maps
                plain = try await client.answer(.GET, url)
                #expect(plain.header("content-encoding").isEmpty && plain.bytes.count > 450_000)
                for accept in ["gzip", "deflate, gzip;q=0.5"] {
                    let short = try await client.answer(.GET, url, [("accept-encoding", accept)])
                    #expect(short.header("content-encoding") == "gzip" && short.header("vary") == "Accept-Encoding")
                    #expect(short.bytes.count < plain.bytes.count / 10)
                }
                for (path, accept) in [
                    ("", "deflate"), ("", "gzip;q=0"), ("/large-1?watch=0&limit=1", "br"), ("/none", "gzip"),
                ] {
                    let answer = try await client.answer(.GET, url + path, [("accept-encoding", accept)])
                    #expect(answer.header("content-encoding").isEmpty, "\(path) \(accept)")
                }
                let small = try await client.answer(
                    .GET, cluster.server + "/api/v1/namespaces/default", [("accept-encoding", "gzip")])
                #expect(small.header("content-encoding").isEmpty)
            }
            try await cluster.withClient(decompresses: true) { client in
                let whole = try await client.answer(.GET, cluster.server + Self.maps)
                // The list's own version is the store's, which goes on.
                #expect(try JSONParser.parse(whole.bytes)["items"] == JSONParser.parse(plain.bytes)["items"])
                // One object is one part, as is a list in protobuf several.
                let one = try await client.answer(.GET, cluster.server + Self.maps + "/large-1")
                #expect(try JSONParser.parse(one.bytes)[path: "metadata", "name"] == "large-1")
                let list = try await client.answer(
                    .GET, cluster.server + Self.maps, [("accept", "application/vnd.kubernetes.protobuf")])
                #expect(try ProtobufEnvelope(list.bytes).kind.kind == "ConfigMapList")
            }
        }
    }

    /// With time limits of a test's own.
    private func withImpatientCluster(_ test: (TestCluster) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "minikube-lite-server-\(UUID().uuidString.prefix(8))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let limits = ConnectionLimits(requestTime: .milliseconds(500), stallTime: .milliseconds(500))
        try await TestCluster.run(in: directory, configured: { $0.connectionLimits = limits }, test)
    }

    @Test(.timeLimit(.minutes(1))) func aBodyThatTricklesInIsNotWaitedFor() async throws {
        try await withImpatientCluster { cluster in
            try await cluster.withClient { client in
                let (bytes, drip) = AsyncStream.makeStream(of: ByteBuffer.self)
                drip.yield(ByteBuffer(string: "{"))
                var request = HTTPClientRequest(url: cluster.server + Self.maps)
                request.method = .POST
                request.headers.add(name: "content-type", value: "application/json")
                request.body = .stream(bytes, length: .known(Int64(100)))
                let response = try await client.execute(request, timeout: .seconds(30))
                #expect(response.status.code == 504)
                let status = try JSONParser.parse(try await response.body.collect(upTo: 1 << 20).readableBytesView)
                #expect(status["reason"] == "Timeout")
                drip.finish()
                #expect(try await client.answer(.GET, cluster.server + Self.maps).code == 200)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func aWatchThatIsNeverReadIsCutOff() async throws {
        try await withImpatientCluster { cluster in
            try await cluster.withClient { client in
                let request = HTTPClientRequest(url: cluster.server + Self.maps + "?watch=1&labelSelector=large")
                let response = try await client.execute(request, timeout: .seconds(60))
                #expect(response.status.code == 200)
                let (writes, size) = (40, 900_000)
                for index in 0..<writes {
                    var map = ConfigMap()
                    map.metadata.name = "large-\(index)"
                    map.metadata.namespace = "default"
                    map.metadata.labels = ["large": ""]
                    map.data = ["key": String(repeating: "x", count: size)]
                    _ = try await cluster.client.create(map)
                }
                func watches() async throws -> String {
                    let text = try await client.answer(.GET, cluster.server + "/metrics").text
                    return text.split(separator: "\n").filter { $0.contains("WATCH") }.joined(separator: "\n")
                }
                // Others are served all the while; the connection goes when it has stood still for its time.
                let deadline = ContinuousClock.now.advanced(by: .seconds(30))
                while try await watches().hasSuffix(" 1"), ContinuousClock.now < deadline {
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(try await watches().hasSuffix(" 0"))
                var received = 0
                do { for try await part in response.body { received += part.readableBytes } } catch {}
                #expect(received < writes * size)
            }
        }
    }

    @Test func warningsAreCutToWhatAHeadHolds() {
        var answer = HTTPAnswer.text("")
        answer.warnings = ["a \"b\"\r\nX: y"]
        let head = answer.head(length: 0).headerFields
        #expect(head.filter { $0.name.canonicalName == "warning" }.map(\.value) == [#"299 - "a \"b\"  X: y""#])
        answer.warnings = (0..<100).map { "\($0) " + String(repeating: "w", count: 1000) }
        let cut = answer.head(length: 0).headerFields.filter { $0.name.canonicalName == "warning" }
        #expect((1...16).contains(cut.count) && cut.allSatisfy { $0.value.count < 280 })
    }
}
