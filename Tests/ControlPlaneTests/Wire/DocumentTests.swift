import AsyncHTTPClient
import Foundation
import KubernetesAPI
import NIOCore
import Testing

@testable import ControlPlane

/// Discovery and OpenAPI: their forms, their tags and their addresses.
@Suite(.timeLimit(.minutes(5))) struct DocumentTests {
    static let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    static let openAPI2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    static let openAPI3 = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"

    struct Row: Sendable {
        var path: String
        /// Empty sends none.
        var accept: String
        /// Empty where nothing is acceptable.
        var type: String
        /// What the body begins with.
        var beginning = ""
    }

    static let rows: [Row] = [
        Row(path: "/api", accept: "", type: "application/json", beginning: #"{"kind":"APIVersions""#),
        Row(path: "/apis", accept: "*/*", type: "application/json", beginning: #"{"kind":"APIGroupList""#),
        Row(path: "/apis", accept: aggregated, type: aggregated, beginning: #"{"kind":"APIGroupDiscoveryList""#),
        Row(path: "/api", accept: aggregated + ",application/json", type: aggregated),
        // The order counts, and quality more than the order.
        Row(path: "/apis", accept: "application/json," + aggregated, type: "application/json"),
        Row(path: "/apis", accept: "application/json;q=0.4,\(aggregated);q=0.9", type: aggregated),
        Row(path: "/apis", accept: "\(aggregated);q=0.2, application/yaml;q=0.3", type: "application/yaml"),
        Row(path: "/apis", accept: "\(aggregated);q=0, */*;q=0.1", type: "application/json"),
        // A version or a form that is not known is passed over.
        Row(
            path: "/apis", accept: aggregated.replacing("v=v2", with: "v=v9") + ",application/json",
            type: "application/json"),
        Row(path: "/apis", accept: "application/json;as=Table;g=meta.k8s.io;v=v1", type: ""),
        Row(path: "/apis/apps", accept: "text/html", type: ""),
        Row(path: "/apis/apps/v1", accept: aggregated, type: ""),
        Row(path: "/apis/apps/v1", accept: "application/yaml", type: "application/yaml", beginning: "apiVersion: v1\n"),
        Row(
            path: "/apis/apps/v1", accept: "application/vnd.kubernetes.protobuf, application/json",
            type: "application/json", beginning: #"{"kind":"APIResourceList""#),
        Row(path: "/api/v1", accept: "application/vnd.kubernetes.protobuf", type: ""),
        Row(path: "/openapi/v2", accept: "", type: "application/json", beginning: #"{"swagger":"2.0""#),
        Row(path: "/openapi/v2", accept: openAPI2, type: openAPI2, beginning: "\u{0A}\u{03}2.0"),
        Row(path: "/openapi/v2", accept: openAPI2.replacing("v2.v1", with: "v2@v1"), type: openAPI2),
        Row(path: "/openapi/v2", accept: "application/json;q=0.5,\(openAPI2)", type: openAPI2),
        Row(path: "/openapi/v2", accept: "application/json,\(openAPI2);q=0.5", type: "application/json"),
        Row(path: "/openapi/v2", accept: "text/plain", type: ""),
        Row(path: "/openapi/v3", accept: "application/json", type: "application/json", beginning: #"{"paths":"#),
        Row(
            path: "/openapi/v3/apis/apps/v1", accept: "*/*", type: "application/json", beginning: #"{"openapi":"3.0.0""#
        ),
        Row(path: "/openapi/v3/apis/apps/v1", accept: openAPI3, type: ""),
        Row(path: "/openapi/v3/apis/apps/v1", accept: "\(openAPI3),application/json", type: "application/json"),
    ]

    @Test func formsAreNegotiated() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                for row in Self.rows {
                    let answer = try await client.answer(
                        .GET, cluster.server + row.path, row.accept.isEmpty ? [] : [("accept", row.accept)])
                    guard !row.type.isEmpty else {
                        #expect(answer.code == 406, "\(row)")
                        // A refusal is said in the words that are preferred, where there are any.
                        guard !row.accept.contains("protobuf") else { continue }
                        #expect(answer.text.contains(#""reason":"NotAcceptable""#), "\(row)")
                        #expect(answer.text.contains("only the following media types are accepted"), "\(row)")
                        continue
                    }
                    #expect(answer.code == 200 && answer.header("content-type") == row.type, "\(row)")
                    #expect(answer.text.hasPrefix(row.beginning), "\(row)")
                }
            }
        }
    }

    @Test(arguments: [
        ("\"A\"", true), ("\"B\"", false), ("*", true), ("W/\"A\"", true), ("\"B\", \"A\"", true),
        ("\"B\",\tW/\"A\" ", true), ("", false), ("A", false), ("\"AA\"", false), (",", false),
    ])
    func aTagIsOneOfAList(header: String, isKnown: Bool) {
        #expect(EntityTag.matches("\"A\"", ifNoneMatch: header) == isKnown)
    }

    @Test func whoKnowsADocumentIsNotSentIt() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                for (path, accept) in [
                    ("/api", Self.aggregated), ("/apis", Self.aggregated), ("/openapi/v2", "application/json"),
                    ("/openapi/v2", Self.openAPI2), ("/openapi/v3", "application/json"),
                    ("/openapi/v3/api/v1", "application/json"),
                ] {
                    let first = try await client.answer(.GET, cluster.server + path, [("accept", accept)])
                    let tag = first.header("etag")
                    #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.utf8.count == 130, "\(path)")
                    #expect(first.header("vary") == "Accept")
                    for header in [tag, "\"other\", \(tag)", "W/\(tag)"] {
                        let again = try await client.answer(
                            .GET, cluster.server + path, [("accept", accept), ("if-none-match", header)])
                        #expect(again.code == 304 && again.bytes.isEmpty && again.header("etag") == tag, "\(path)")
                    }
                    let changed = try await client.answer(
                        .GET, cluster.server + path, [("accept", accept), ("if-none-match", "\"other\"")])
                    #expect(changed.code == 200 && changed.bytes == first.bytes)
                }
            }
        }
    }

    @Test func theAddressWithAHashIsForEver() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let index = try await client.answer(.GET, cluster.server + "/openapi/v3")
                let paths = try JSONParser.parse(index.bytes)["paths"]
                #expect(paths?.objectValue?.keys.contains("api/v1") == true)
                let url = try #require(paths?["apis/apps/v1"]?["serverRelativeURL"]?.stringValue)
                let hash = try #require(url.split(separator: "=").last)
                let document = try await client.answer(.GET, cluster.server + url)
                #expect(document.code == 200 && document.header("etag") == "\"\(hash)\"")
                #expect(document.header("cache-control") == "public, immutable")
                #expect(document.header("expires").hasSuffix(" GMT"))
                let plain = try await client.answer(.GET, cluster.server + "/openapi/v3/apis/apps/v1")
                #expect(plain.header("cache-control") == "no-cache, private" && plain.header("expires").isEmpty)
                #expect(plain.bytes == document.bytes)
                // An address of before leads to the present one, which the client follows.
                let moved = try Self.answer("/openapi/v3/apis/apps/v1?hash=OLD")
                #expect(moved.code == 301 && moved.location == url)
                let followed = try await client.answer(.GET, cluster.server + "/openapi/v3/apis/apps/v1?hash=OLD")
                #expect(followed.code == 200 && followed.bytes == document.bytes)
            }
        }
    }

    /// What the server says itself, where the client would follow.
    private static func answer(_ path: String) throws -> (code: Int, location: String) {
        let documents = APIDocuments(catalogue: .shared)
        let target = try #require(RequestPath(path))
        let answer = try documents.answer(target, accept: "", ifNoneMatch: "")
        return (answer.status.code, answer.head(length: 0).headerFields[.location] ?? "")
    }
}
