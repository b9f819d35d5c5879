import Foundation
import KubernetesAPI
import Testing

@testable import ControlPlane

/// Lists in chunks and at versions
/// (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).
@Suite(.timeLimit(.minutes(5))) struct ListTests {
    private static func refusal(_ body: () async throws -> Void) async -> APIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? APIError
        }
    }

    private static func make(_ count: Int, in namespace: String = "default", _ cluster: TestCluster) async throws {
        for index in 0..<count {
            var map = ConfigMap()
            map.metadata.name = "m\(index)"
            map.metadata.namespace = namespace
            _ = try await cluster.client.create(map)
        }
    }

    private static func list(
        _ cluster: TestCluster, namespace: String = "default", _ options: [String: String]
    ) async throws -> (names: [String], token: String, version: String, remaining: Int64?) {
        let list = try await cluster.client.transport.send(
            APIRequest(
                verb: .list, group: "", version: "v1", resource: "configmaps", namespace: namespace, options: options))
        return (
            (list["items"]?.arrayValue ?? []).compactMap { $0[path: "metadata", "name"]?.stringValue },
            list[path: "metadata", "continue"]?.stringValue ?? "",
            list[path: "metadata", "resourceVersion"]?.stringValue ?? "",
            list[path: "metadata", "remainingItemCount"]?.integerValue
        )
    }

    /// Runs with a history of a few changes only.
    private static func runForgetful(_ test: (TestCluster) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "minikube-lite-server-\(UUID().uuidString.prefix(8))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await TestCluster.run(in: directory, configured: { $0.history.events = 5 }, test)
    }

    @Test func chunksSayHowManyAreLeft() async throws {
        try await TestCluster.run { cluster in
            try await Self.make(5, cluster)
            let all = ["kube-root-ca.crt", "m0", "m1", "m2", "m3", "m4"]
            try await Self.untilRootCertificate(cluster)
            let first = try await Self.list(cluster, ["limit": "2"])
            #expect(first.names == Array(all[0..<2]) && first.remaining == 4)
            let second = try await Self.list(cluster, ["limit": "2", "continue": first.token])
            #expect(second.names == Array(all[2..<4]) && second.remaining == 2 && second.version == first.version)
            let third = try await Self.list(cluster, ["limit": "2", "continue": second.token])
            #expect(third.names == Array(all[4...]) && third.remaining == nil && third.token.isEmpty)
            // A limit that is just enough leaves nothing.
            let whole = try await Self.list(cluster, ["limit": "6"])
            #expect(whole.names == all && whole.token.isEmpty && whole.remaining == nil)
            // Of a selection nobody has counted the rest.
            let selected = try await Self.list(cluster, ["limit": "1", "labelSelector": "!a"])
            #expect(!selected.token.isEmpty && selected.remaining == nil)
        }
    }

    /// What the controllers make in each namespace is there soon.
    private static func untilRootCertificate(_ cluster: TestCluster) async throws {
        for try await event in try await cluster.client.watch(
            ConfigMap.self, namespace: "default", options: ["fieldSelector": "metadata.name=kube-root-ca.crt"])
        where event.type == "ADDED" { return }
    }

    @Test func chunksGoOnAcrossNamespaces() async throws {
        try await TestCluster.run { cluster in
            var namespace = Namespace()
            namespace.metadata.name = "another"
            _ = try await cluster.client.create(namespace)
            try await Self.make(2, in: "another", cluster)
            try await Self.make(2, cluster)
            var names: [String] = []
            var token = ""
            var chunks = 0
            repeat {
                let page = try await Self.list(
                    cluster, namespace: "", ["limit": "1", "continue": token].filter { !$0.value.isEmpty })
                names += page.names
                token = page.token
                chunks += 1
            } while !token.isEmpty && chunks < 100
            #expect(names.filter { $0.hasPrefix("m") } == ["m0", "m1", "m0", "m1"] && names.count == chunks)
        }
    }

    @Test func aTokenIsOpaqueAndNoWayOut() async throws {
        func token(_ text: String) -> String {
            Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
        }
        try await TestCluster.run { cluster in
            let rows: [(token: String, problem: String)] = [
                ("%%%", "continue key is not valid"), ("x", "continue key is not valid"),
                (token("[]"), "continue key is not valid"), (token("{"), "continue key is not valid"),
                (token(#"{"v":"v9","rv":1,"start":"a"}"#), "server does not recognize this encoded version v9"),
                (
                    token(#"{"v":"meta.k8s.io/v1","rv":0,"start":"a"}"#),
                    "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
                ),
                (token(#"{"v":"meta.k8s.io/v1","rv":1,"start":""}"#), "encoded start key empty"),
                (token(#"{"v":"meta.k8s.io/v1","rv":1,"start":"../kube-system/a"}"#), "../kube-system/a"),
                (token(#"{"v":"meta.k8s.io/v1","rv":1,"start":"kube-system/a"}"#), "kube-system/a"),
                (token(#"{"v":"meta.k8s.io/v1","rv":1,"start":"/"}"#), "continue key is not valid"),
            ]
            for (token, problem) in rows {
                let error = await Self.refusal { _ = try await Self.list(cluster, ["continue": token]) }
                #expect(error?.code == 400 && error?.status.reason == .badRequest, "\(token)")
                let message = error?.status.message ?? ""
                #expect(message.hasPrefix("invalid continue token: ") && message.contains(problem), "\(message)")
            }
            // One of another resource is a place in this one.
            let (all, name) = (try await Self.list(cluster, [:]), "kube")
            let elsewhere = token(#"{"v":"meta.k8s.io/v1","rv":\#(all.version),"start":"\#(name)"}"#)
            #expect(try await Self.list(cluster, ["continue": elsewhere]).names == all.names.filter { $0 >= name })
            let error = await Self.refusal {
                _ = try await Self.list(cluster, ["continue": elsewhere, "resourceVersion": all.version])
            }
            #expect(
                error?.code == 400
                    && error?.status.message == "specifying resource version is not allowed when using continue")
        }
    }

    @Test func aListThatIsTooOldCanGoOnInThePresent() async throws {
        try await Self.runForgetful { cluster in
            try await Self.make(4, cluster)
            let first = try await Self.list(
                cluster, ["limit": "2", "fieldSelector": "metadata.name!=kube-root-ca.crt"])
            #expect(first.names == ["m0", "m1"])
            try await cluster.client.delete(ConfigMap.self, "m2", namespace: "default")
            try await Self.make(10, in: "kube-system", cluster)
            let error = await Self.refusal { _ = try await Self.list(cluster, ["continue": first.token]) }
            #expect(error?.code == 410 && error?.status.reason == .expired)
            #expect(
                error?.status.message.hasPrefix(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new "
                        + "list without the continue parameter, or use the continue token in this response") == true)
            let token = try #require(error?.status.metadata.continue)
            let rest = try await Self.list(cluster, ["continue": token])
            #expect(rest.names == ["m3"] && rest.version != first.version)
            let old = await Self.refusal {
                _ = try await Self.list(cluster, ["resourceVersion": "1", "resourceVersionMatch": "Exact"])
            }
            #expect(
                old?.code == 410
                    && old?.status.message == "The resourceVersion for the provided list is too old.")
            // At least as new as that is the present.
            for options in [
                ["resourceVersion": "1"], ["resourceVersion": "1", "resourceVersionMatch": "NotOlderThan"],
            ] {
                #expect(try await Self.list(cluster, options).names.contains("m3"))
            }
            // Over HTTPS the token is in the Status as it is in lists.
            try await cluster.withClient { client in
                let answer = try await client.answer(
                    .GET, "\(cluster.server)/api/v1/namespaces/default/configmaps?continue=\(first.token)")
                #expect(answer.code == 410)
                #expect(try JSONParser.parse(answer.bytes)[path: "metadata", "continue"]?.stringValue == token)
            }
        }
    }

    struct Versions: Sendable {
        var version: String?
        var match: String?
        var limit: String?
        /// Whether what was deleted after the version is listed.
        var seesThePast: Bool

        var options: [String: String] {
            var options: [String: String] = [:]
            options["resourceVersion"] = version
            options["resourceVersionMatch"] = match
            options["limit"] = limit
            return options
        }
    }

    /// The table of "resourceVersion in list" of the API concepts; `then` stands for a version of before a deletion.
    static let versions: [Versions] = [
        Versions(version: nil, seesThePast: false), Versions(version: "0", seesThePast: false),
        Versions(version: "then", seesThePast: false), Versions(version: "then", limit: "9", seesThePast: true),
        Versions(version: "0", limit: "9", seesThePast: false),
        Versions(version: "then", match: "Exact", seesThePast: true),
        Versions(version: "then", match: "Exact", limit: "9", seesThePast: true),
        Versions(version: "then", match: "NotOlderThan", seesThePast: false),
        Versions(version: "then", match: "NotOlderThan", limit: "9", seesThePast: false),
        Versions(version: "0", match: "NotOlderThan", seesThePast: false),
    ]

    @Test func versionsMeanWhatTheDocumentationSays() async throws {
        try await TestCluster.run { cluster in
            try await Self.make(2, cluster)
            let then = try await Self.list(cluster, [:]).version
            try await cluster.client.delete(ConfigMap.self, "m0", namespace: "default")
            for row in Self.versions {
                var options = row.options
                if options["resourceVersion"] == "then" { options["resourceVersion"] = then }
                let list = try await Self.list(cluster, options)
                #expect(list.names.contains("m0") == row.seesThePast, "\(row)")
                #expect(row.seesThePast == (list.version == then), "\(row)")
            }
        }
    }

    struct Bad: Sendable {
        var query: String
        var problem: String
    }

    static let bad: [Bad] = [
        Bad(
            query: "resourceVersionMatch=Exact",
            problem: "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"),
        Bad(
            query: "resourceVersionMatch=Exact&resourceVersion=0",
            problem: #"Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0""#),
        Bad(
            query: "resourceVersionMatch=Newer&resourceVersion=5",
            problem: #"Unsupported value: "Newer": supported values: "", "Exact", "NotOlderThan""#),
        Bad(
            query: "resourceVersionMatch=NotOlderThan&resourceVersion=5&continue=x",
            problem: "Forbidden: resourceVersionMatch is forbidden when continue is provided"),
        Bad(query: "sendInitialEvents=true", problem: "Forbidden: sendInitialEvents is forbidden for list"),
        Bad(
            query: "watch=true&sendInitialEvents=false",
            problem: "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"),
        Bad(
            query: "watch=true&resourceVersionMatch=NotOlderThan&resourceVersion=5",
            problem: "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"),
        Bad(
            query: "watch&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=5",
            problem: #"Unsupported value: "Exact": supported values: "NotOlderThan""#),
    ]

    @Test func parametersThatDoNotGoTogetherAreRefused() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                for row in Self.bad {
                    let answer = try await client.answer(.GET, "\(cluster.server)/api/v1/configmaps?\(row.query)")
                    #expect(answer.code == 422, "\(row.query)")
                    let status = try JSONParser.parse(answer.bytes)
                    let message = status["message"]?.stringValue ?? ""
                    #expect(message.hasPrefix(#"ListOptions.meta.k8s.io "" is invalid: "#), "\(message)")
                    #expect(message.contains(row.problem), "\(message)")
                    #expect(status["reason"] == "Invalid" && status[path: "details", "causes"] != nil)
                }
                for query in ["resourceVersion=x", "resourceVersion=-1", "limit=x", "timeoutSeconds=soon"] {
                    let answer = try await client.answer(.GET, "\(cluster.server)/api/v1/configmaps?\(query)")
                    #expect(answer.code == 400, "\(query)")
                }
            }
        }
    }
}
