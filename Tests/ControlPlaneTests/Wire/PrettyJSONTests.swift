import KubernetesAPI
import NIOCore
import Testing

@testable import ControlPlane

/// JSON that people read.
@Suite(.timeLimit(.minutes(5))) struct PrettyJSONTests {
    @Test(arguments: [
        ("{}", "{}"), ("[]", "[]"), ("{\"a\":[]}", "{\n  \"a\": []\n}"), ("1\n", "1"),
        ("[1,[2,{}],{\"k\":null}]", "[\n  1,\n  [\n    2,\n    {}\n  ],\n  {\n    \"k\": null\n  }\n]"),
        ("{\"s\":\"{,:[\\\"\\\\\",\"t\":\"\"}", "{\n  \"s\": \"{,:[\\\"\\\\\",\n  \"t\": \"\"\n}"),
    ])
    func isIndentedAsByGo(compact: String, text: String) {
        var whole = PrettyJSON()
        #expect(String(buffer: whole.indent(ByteBuffer(string: compact))) == text)
        // However it is cut into parts.
        var parts = PrettyJSON()
        #expect(compact.utf8.map { String(buffer: parts.indent(ByteBuffer(bytes: [$0]))) }.joined() == text)
    }

    @Test(
        arguments: [
            (nil, "kubectl/v1.32.3", "", false), (nil, "curl/8.1", "", true), (nil, "Wget/1.21", "*/*", true),
            (nil, "Mozilla/5.0 (X11)", "text/html,*/*;q=0.8", true), (nil, "Mozilla/4.0", "", false),
            ("true", "kubectl", "", true), ("1", "", "", true), ("false", "curl/8.1", "", false),
            ("", "curl/8.1", "", true),
            ("maybe", "curl/8.1", "", false), (nil, "", "application/json;pretty=1", true),
            (nil, "", "application/json;pretty=0", false),
        ] as [(String?, String, String, Bool)])
    func isForPeople(query: String?, userAgent: String, accept: String, isWanted: Bool) {
        #expect(PrettyJSON.isWanted(query: query, userAgent: userAgent, accept: accept) == isWanted)
    }

    @Test func objectsListsAndRefusalsAreIndented() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let url = cluster.server + "/api/v1/namespaces"
                let curl = [("user-agent", "curl/8.1.2")]
                let one = try await client.answer(.GET, url + "/default", curl)
                #expect(
                    one.text.hasPrefix(
                        "{\n  \"kind\": \"Namespace\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {\n    "))
                #expect(one.text.hasSuffix("\n}") && one.header("content-length") == String(one.bytes.count))
                let list = try await client.answer(.GET, url + "?pretty=true")
                #expect(list.text.hasPrefix("{\n  \"kind\": \"NamespaceList\",\n"))
                #expect(list.text.contains("\n  \"items\": [\n    {\n      \"kind\": \"Namespace\""))
                let refusal = try await client.answer(.GET, url + "/nobody", curl)
                #expect(refusal.code == 404 && refusal.text.contains("\n  \"reason\": \"NotFound\",\n"))
                let groups = try await client.answer(.GET, cluster.server + "/apis", curl)
                #expect(groups.text.hasPrefix("{\n  \"kind\": \"APIGroupList\""))
                // Programs get one line, and documents are what their tags say.
                let compact = try await client.answer(.GET, url + "/default")
                #expect(compact.text.hasSuffix("}\n") && compact.text.filter { $0 == "\n" }.count == 1)
                #expect(try JSONParser.parse(compact.bytes) == JSONParser.parse(one.bytes))
                let document = try await client.answer(.GET, cluster.server + "/openapi/v3", curl)
                #expect(!document.text.contains("\n"))
                // A watch has one line an event; other encodings are as ever.
                let watch = try await client.answer(.GET, url + "?watch=true&timeoutSeconds=1&pretty=true")
                #expect(watch.text.split(separator: "\n").allSatisfy { $0.hasPrefix(#"{"type":"ADDED","#) })
                let yaml = try await client.answer(.GET, url + "/default?pretty=1", [("accept", "application/yaml")])
                #expect(yaml.text.hasPrefix("apiVersion: v1\n"))
                for path in ["/version", "/"] {
                    #expect(try await client.answer(.GET, cluster.server + path).text.hasPrefix("{\n  \""))
                }
            }
        }
    }

    @Test func longListsAreIndentedInParts() async throws {
        let long = String(repeating: "x", count: 100_000)
        let parts = (0..<8).map { ByteBuffer(string: "\($0 == 0 ? "[" : ",")\"\(long)\"\($0 == 7 ? "]" : "")") }
        let answer = HTTPAnswer(
            status: .ok, contentType: "application/json",
            body: .chunks(parts, length: parts.reduce(0) { $0 + $1.readableBytes })
        ).pretty()
        guard case .chunks(let chunks, let length) = answer.body else {
            Issue.record("not in parts")
            return
        }
        #expect(chunks.count == 8 && length == chunks.reduce(0) { $0 + $1.readableBytes })
        let text = chunks.map { String(buffer: $0) }.joined()
        #expect(text == "[\n" + Array(repeating: "  \"\(long)\"", count: 8).joined(separator: ",\n") + "\n]")
    }
}
