import Foundation
import KubernetesAPI
import Testing

@testable import ControlPlane

/// Watches: where they begin, how they end, and what is said in between.
@Suite(.timeLimit(.minutes(5))) struct WatchTests {
    private static func make(_ name: String, _ cluster: TestCluster) async throws -> ConfigMap {
        var map = ConfigMap()
        map.metadata.name = name
        map.metadata.namespace = "kube-public"
        return try await cluster.client.create(map)
    }

    private static func run(_ test: (TestCluster) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "minikube-lite-server-\(UUID().uuidString.prefix(8))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await TestCluster.run(in: directory, configured: { $0.history.events = 5 }, test)
    }

    /// The events of a watch until it ends by itself.
    private static func events(
        _ client: APIClient, _ options: [String: String]
    ) async throws -> [RawWatchEvent] {
        var all: [RawWatchEvent] = []
        for try await event in try await client.transport.watch(
            APIRequest(
                verb: .watch, group: "", version: "v1", resource: "configmaps", namespace: "kube-public",
                options: options))
        {
            all.append(event)
        }
        return all
    }

    /// A version from before the history is answered as the API server does: the request was right, so its answer is
    /// 200, and the one event is the error.
    @Test func aVersionFromBeforeTheHistoryEndsInAnErrorEvent() async throws {
        try await Self.run { cluster in
            for index in 0..<10 { _ = try await Self.make("m\(index)", cluster) }
            func check(_ events: [RawWatchEvent]) {
                #expect(events.map(\.type) == ["ERROR"])
                let status = events.first?.object
                #expect(status?["kind"] == "Status" && status?["apiVersion"] == "v1" && status?["code"] == 410)
                #expect(status?["reason"] == "Expired" && status?["status"] == "Failure")
                #expect(status?["message"]?.stringValue?.hasPrefix("too old resource version: 1 (") == true)
            }
            check(try await Self.events(cluster.client, ["resourceVersion": "1"]))
            try await cluster.withHTTPS { check(try await Self.events($0, ["resourceVersion": "1"])) }
            try await cluster.withClient { client in
                let url = "\(cluster.server)/api/v1/configmaps?watch=true&resourceVersion=1"
                let answer = try await client.answer(.GET, url)
                #expect(answer.code == 200 && answer.header("content-type") == "application/json")
                #expect(answer.header("connection") == "close")
                #expect(answer.text.hasPrefix(#"{"type":"ERROR","object":{"kind":"Status""#))
                let protobuf = try await client.answer(
                    .GET, url, [("accept", "application/vnd.kubernetes.protobuf;stream=watch")])
                #expect(protobuf.code == 200 && protobuf.text.contains("ERROR"))
            }
            // The state instead of the changes has no such trouble.
            let listed = try await Self.events(
                cluster.client,
                [
                    "resourceVersion": "1", "resourceVersionMatch": "NotOlderThan", "sendInitialEvents": "true",
                    "allowWatchBookmarks": "true", "timeoutSeconds": "1",
                ])
            #expect(listed.filter { $0.type == "ADDED" }.count >= 10)
        }
    }

    struct Beginning: Sendable {
        var options: [String: String]
        /// Events before the watch's time is over; what is made while it is open comes last.
        var types: [String]
    }

    /// `then` stands for the version of before the second object was made.
    static let beginnings: [Beginning] = [
        // Without a version, or with any: the present objects first.
        Beginning(options: [:], types: ["ADDED", "ADDED"]),
        Beginning(options: ["resourceVersion": "0"], types: ["ADDED", "ADDED"]),
        Beginning(options: ["resourceVersion": "then"], types: ["ADDED"]),
        Beginning(
            options: ["sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"], types: ["ADDED", "ADDED"]),
        Beginning(
            options: [
                "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true",
            ], types: ["ADDED", "ADDED", "BOOKMARK"]),
        Beginning(
            options: [
                "sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true",
                "resourceVersion": "then",
            ], types: ["ADDED", "ADDED", "BOOKMARK"]),
        Beginning(options: ["sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan"], types: []),
        Beginning(
            options: [
                "sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "resourceVersion": "then",
                "allowWatchBookmarks": "true",
            ], types: ["ADDED"]),
    ]

    @Test func watchesBeginWhereTheyAreAskedTo() async throws {
        try await TestCluster.run { cluster in
            let first = try await Self.make("m0", cluster)
            _ = try await Self.make("m1", cluster)
            func check(_ client: APIClient) async throws {
                try await withThrowingTaskGroup(of: (Beginning, [RawWatchEvent]).self) { group in
                    for row in Self.beginnings {
                        group.addTask {
                            var options = row.options
                            if options["resourceVersion"] == "then" {
                                options["resourceVersion"] = first.metadata.resourceVersion
                            }
                            options["timeoutSeconds"] = "1"
                            options["fieldSelector"] = "metadata.name!=kube-root-ca.crt"
                            return (row, try await Self.events(client, options))
                        }
                    }
                    for try await (row, events) in group {
                        #expect(events.map(\.type) == row.types, "\(row.options)")
                        guard let bookmark = events.last, bookmark.type == "BOOKMARK" else { continue }
                        let object = bookmark.object
                        #expect(object["kind"] == "ConfigMap" && object["apiVersion"] == "v1")
                        let metadata = object["metadata"]
                        #expect(metadata?["annotations"] == ["k8s.io/initial-events-end": "true"])
                        // The list that it stands for is of this version, which is no older than its objects.
                        let version = metadata?["resourceVersion"]?.stringValue.flatMap { Int64($0) } ?? 0
                        let newest = events.dropLast().compactMap {
                            $0.object[path: "metadata", "resourceVersion"]?.stringValue.flatMap { Int64($0) }
                        }.max()
                        #expect(version >= newest ?? .max)
                    }
                }
            }
            try await check(cluster.client)
            try await cluster.withHTTPS(check)
        }
    }

    @Test func bookmarksAreForWhoAskedForThem() async throws {
        try await TestCluster.run { cluster in
            let version = try await Self.make("m0", cluster).metadata.resourceVersion
            func types(_ options: [String: String]) async throws -> [String] {
                var types: [String] = []
                let events = try await cluster.client.transport.watch(
                    APIRequest(
                        verb: .watch, group: "", version: "v1", resource: "configmaps", namespace: "kube-public",
                        options: options.merging(["resourceVersion": version]) { $1 }))
                cluster.plane.service.store.publishProgress()
                _ = try await Self.make("last-\(options.count)", cluster)
                for try await event in events {
                    types.append(event.type)
                    if event.type == "BOOKMARK" {
                        #expect(event.object[path: "metadata", "annotations"] == nil)
                        #expect(event.object[path: "metadata", "resourceVersion"]?.stringValue != "0")
                    }
                    if event.object[path: "metadata", "name"]?.stringValue == "last-\(options.count)" { break }
                }
                return types
            }
            let with = try await types(["allowWatchBookmarks": "true"])
            #expect(with.contains("BOOKMARK"))
            #expect(try await !types([:]).contains("BOOKMARK"))
        }
    }

    @Test func aVersionOfTheFutureIsToldApart() async throws {
        try await TestCluster.run { cluster in
            do {
                _ = try await Self.events(
                    cluster.client,
                    [
                        "resourceVersion": "999999999", "sendInitialEvents": "true",
                        "resourceVersionMatch": "NotOlderThan",
                    ])
                Issue.record("it is not refused")
            } catch let error as APIError {
                #expect(error.code == 504 && error.status.details?.causes.first?.reason == .resourceVersionTooLarge)
            }
        }
    }
}
