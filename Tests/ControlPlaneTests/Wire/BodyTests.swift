import AsyncHTTPClient
import KubernetesAPI
import NIOCore
import NIOHTTP1
import Testing

/// What bodies may be, and what is said of fields that are not known (KEP-2885).
@Suite(.timeLimit(.minutes(5))) struct BodyTests {
    struct Row: Sendable {
        var validation: String
        var method: String
        var type: String
        var body: String
        var code: UInt
        /// What a refusal says, or a warning.
        var says = ""
    }

    static let json = "application/json"
    static let rows: [Row] = [
        Row(
            validation: "Strict", method: "POST", type: json,
            body: #"{"metadata":{"name":"n","labelz":{}},"dat":{}}"#, code: 400,
            says: #"unknown field "metadata.labelz", unknown field "dat""#),
        Row(
            validation: "", method: "POST", type: json, body: #"{"metadata":{"name":"n1"},"dat":{}}"#, code: 201,
            says: #"unknown field \"dat\""#),
        Row(
            validation: "Warn", method: "POST", type: json,
            body: #"{"metadata":{"name":"n2"},"data":{"a":"1","a":"2"}}"#,
            code: 201, says: #"duplicate field \"data.a\""#),
        Row(validation: "Ignore", method: "POST", type: json, body: #"{"metadata":{"name":"n3"},"dat":{}}"#, code: 201),
        Row(
            validation: "Strict", method: "POST", type: "application/yaml", body: "metadata: {name: name}\ndat: {}\n",
            code: 400, says: #"unknown field "dat""#),
        Row(
            validation: "Warn", method: "PUT", type: json, body: #"{"metadata":{"name":"there"},"dat":{}}"#, code: 200,
            says: #"unknown field \"dat\""#),
        Row(
            validation: "Strict", method: "PUT", type: json, body: #"{"metadata":{"name":"there"},"dat":{}}"#,
            code: 400,
            says: #"unknown field "dat""#),
        Row(
            validation: "Strict", method: "PATCH", type: "application/merge-patch+json", body: #"{"dat":{"a":"b"}}"#,
            code: 422, says: #"unknown field "dat""#),
        Row(
            validation: "Warn", method: "PATCH", type: "application/merge-patch+json", body: #"{"dat":{"a":"b"}}"#,
            code: 200, says: #"unknown field \"dat\""#),
        Row(
            validation: "Strict", method: "PATCH", type: "application/strategic-merge-patch+json",
            body: #"{"dat":{"a":"b"}}"#, code: 422, says: #"unknown field "dat""#),
        Row(
            validation: "Strict", method: "PATCH", type: "application/json-patch+json",
            body: #"[{"op":"add","path":"/dat","value":{}}]"#, code: 422, says: #"unknown field "dat""#),
        Row(validation: "Sometimes", method: "POST", type: json, body: #"{"metadata":{"name":"n"}}"#, code: 422),
    ]

    @Test func unknownFieldsAreRefusedOrWarnedOfOrNeither() async throws {
        try await TestCluster.run { cluster in
            var map = ConfigMap()
            (map.metadata.name, map.metadata.namespace) = ("there", "default")
            _ = try await cluster.client.create(map)
            try await cluster.withClient { client in
                for row in Self.rows {
                    var url = cluster.server + "/api/v1/namespaces/default/configmaps"
                    if row.method != "POST" { url += "/there" }
                    if !row.validation.isEmpty { url += "?fieldValidation=\(row.validation)" }
                    let answer = try await client.answer(
                        HTTPMethod(rawValue: row.method), url, [("content-type", row.type)], body: Array(row.body.utf8))
                    #expect(answer.code == row.code, "\(row): \(answer.text)")
                    let said =
                        answer.code < 300
                        ? answer.header("warning") : try JSONParser.parse(answer.bytes)["message"]?.stringValue ?? ""
                    #expect(row.says.isEmpty || said.contains(row.says), "\(row): \(said)")
                    if answer.code < 300 { #expect(said.isEmpty == row.says.isEmpty, "\(row): \(said)") }
                }
            }
        }
    }

    /// Of several documents the first counts, as for Go's `yaml.Unmarshal`.
    @Test func aBodyIsOneDocument() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let url = cluster.server + "/api/v1/namespaces/default/configmaps"
                func post(_ body: String) async throws -> (code: UInt, body: JSONValue) {
                    let answer = try await client.answer(
                        .POST, url, [("content-type", "application/yaml")], body: Array(body.utf8))
                    return (answer.code, try JSONParser.parse(answer.bytes))
                }
                let two = try await post("metadata: {name: one}\ndata: {k: \"yes\"}\n---\nmetadata: {name: two}\n")
                #expect(
                    two.code == 201 && two.body[path: "metadata", "name"] == "one" && two.body["data"] == ["k": "yes"])
                let gone = try await client.answer(.GET, url + "/two")
                #expect(gone.code == 404)
                // A boolean is no string, whatever it was meant to be.
                let boolean = try await post("metadata: {name: b}\ndata: {k: yes}\n")
                #expect(boolean.code == 400 && boolean.body["reason"] == "BadRequest")
                for nothing in ["", "---\n", "# nothing\n", "null", "[]", "x"] {
                    let answer = try await post(nothing)
                    #expect(answer.code == 400, "\(nothing.debugDescription)")
                }
                let base = "base: &b {k: v}\nmetadata: {name: merged}\ndata: {<<: *b, l: w}\n"
                let merged = try await post(base)
                #expect(merged.code == 201 && merged.body["data"] == ["l": "w", "k": "v"], "\(merged.body.text)")
                let bomb =
                    "a: &a [x,x,x,x,x,x,x,x,x]\n"
                    + (0..<9).map { level in
                        let name = String(UnicodeScalar(UInt8(98 + level)))
                        let before = String(UnicodeScalar(UInt8(97 + level)))
                        return
                            "\(name): &\(name) [\(Array(repeating: "*\(before)", count: 9).joined(separator: ","))]\n"
                    }.joined()
                let refused = try await post(bomb)
                #expect(refused.code == 400 && refused.body["message"]?.stringValue?.contains("aliasing") == true)
            }
        }
    }
}
