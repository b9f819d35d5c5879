import KubernetesAPI
import Testing

/// Events under their two names.
@Suite(.timeLimit(.minutes(2))) struct EventTests {
    private func reference(_ name: String) -> ObjectReference {
        var reference = ObjectReference()
        reference.apiVersion = "v1"
        reference.kind = "Pod"
        reference.namespace = "default"
        reference.name = name
        return reference
    }

    private func report(_ name: String, about object: String = "web") -> EventsEvent {
        var event = EventsEvent()
        event.metadata.name = name
        event.metadata.namespace = "default"
        event.eventTime = MicroTimestamp(microseconds: 1_700_000_000_000_001)
        event.reportingController = "example.com/tester"
        event.reportingInstance = "tester-0"
        event.action = "Testing"
        event.reason = "Tested"
        event.regarding = reference(object)
        event.note = "all well"
        event.type = "Normal"
        return event
    }

    private func old(_ name: String) -> Event {
        var event = Event()
        event.metadata.name = name
        event.metadata.namespace = "default"
        event.involvedObject = reference("web")
        event.reason = "Started"
        event.message = "it runs"
        event.type = "Normal"
        event.source.component = "kubelet"
        event.firstTimestamp = Timestamp(seconds: 1_700_000_000)
        event.lastTimestamp = event.firstTimestamp
        event.count = 3
        return event
    }

    @Test func whatIsWrittenUnderOneNameIsReadUnderTheOther() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let made = try await client.create(report("new"))
            #expect(!made.metadata.uid.isEmpty)
            let core = try await client.get(Event.self, "new", namespace: "default")
            #expect(core.message == "all well" && core.involvedObject.name == "web")
            #expect(core.reportingComponent == "example.com/tester" && core.action == "Testing")
            #expect(core.metadata.uid == made.metadata.uid && core.eventTime == made.eventTime)

            _ = try await client.create(old("old"))
            let presented = try await client.get(EventsEvent.self, "old", namespace: "default")
            #expect(presented.note == "it runs" && presented.regarding.kind == "Pod")
            #expect(presented.deprecatedCount == 3 && presented.deprecatedSource.component == "kubelet")
            let ours = try await client.list(EventsEvent.self, namespace: "default").items
            #expect(ours.map(\.metadata.name) == ["new", "old"])
            let taken = await refusal { _ = try await client.create(report("old")) }
            #expect(taken?.code == 409)
            #expect(taken?.status.message == "events.events.k8s.io \"old\" already exists")
            try await client.delete(EventsEvent.self, "old", namespace: "default")
            let gone = await refusal { _ = try await client.get(Event.self, "old", namespace: "default") }
            #expect(gone?.code == 404)
        }
    }

    @Test func aSeriesGoesOnByPatch() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(report("new"))
            let series: JSONValue = [
                "series": ["count": 2, "lastObservedTime": "2023-11-14T22:15:00.000000Z"]
            ]
            for type in [APIRequest.PatchType.strategic, .merge] {
                let patched = try await client.patch(EventsEvent.self, "new", namespace: "default", type, series)
                #expect(patched.series?.count == 2)
            }
            #expect(try await client.get(Event.self, "new", namespace: "default").series?.count == 2)
            let single = await refusal {
                _ = try await client.patch(
                    EventsEvent.self, "new", namespace: "default", .merge, ["series": ["count": 1]])
            }
            #expect(
                single?.status.message
                    == "Event.events.k8s.io \"new\" is invalid: series.count: Invalid value: \"\": should be at least 2"
            )
            let renamed = await refusal {
                _ = try await client.patch(
                    EventsEvent.self, "new", namespace: "default", .merge, ["reason": "Other"])
            }
            #expect(
                renamed?.status.message
                    == "Event.events.k8s.io \"new\" is invalid: reason: Invalid value: \"Other\": field is immutable")
        }
    }

    @Test func newEventsSayWhoReportsThem() async throws {
        try await TestCluster.run { cluster in
            var event = EventsEvent()
            event.metadata.name = "bare"
            event.metadata.namespace = "default"
            event.regarding = reference("web")
            event.deprecatedCount = 1
            let error = await refusal { _ = try await cluster.client.create(event) }
            #expect(error?.code == 422)
            let fields = Set(error?.status.details?.causes.map(\.field) ?? [])
            #expect(
                fields.isSuperset(of: [
                    "eventTime", "reportingController", "reportingInstance", "action", "reason", "type", "count",
                ]))
        }
    }

    @Test func aWatchOfOneNameSeesTheOther() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let version = try await client.list(EventsEvent.self, namespace: "default").resourceVersion
            _ = try await client.create(old("old"))
            _ = try await client.create(report("other", about: "else"))
            _ = try await client.create(report("new"))
            var seen: [String] = []
            let events = try await client.watch(
                EventsEvent.self, namespace: "default",
                options: ["resourceVersion": version, "fieldSelector": "regarding.name=web"])
            for try await event in events {
                let object = try EventsEvent(json: event.object)
                #expect(event.object["apiVersion"] == "events.k8s.io/v1")
                seen.append("\(event.type) \(object.metadata.name) \(object.note)")
                if seen.count == 2 { break }
            }
            #expect(seen == ["ADDED old it runs", "ADDED new all well"])
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func kubectlPrintsBothAlike() async throws {
        try await TestCluster.run { cluster in
            _ = try await cluster.client.create(report("new"))
            let core = try await cluster.kubectl(["get", "events", "--no-headers"]).out
            #expect(core.contains("Tested") && core.contains("pod/web") && core.contains("all well"))
            let grouped = try await cluster.kubectl(["get", "events.events.k8s.io", "--no-headers"]).out
            #expect(grouped.split(separator: " ").dropFirst() == core.split(separator: " ").dropFirst())
            let explained = try await cluster.kubectl(["explain", "events", "--api-version=events.k8s.io/v1"])
            #expect(explained.out.contains("regarding"), "\(explained.err)")
            // `kubectl events` says how often, from a count of old or a series.
            _ = try await cluster.client.create(old("old"))
            _ = try await cluster.client.patch(
                EventsEvent.self, "new", namespace: "default", .merge,
                ["series": ["count": 7, "lastObservedTime": "2023-11-14T22:15:00.000000Z"]])
            let events = try await cluster.kubectl(["events", "--for", "pod/web", "--no-headers"])
            let lines = events.out.split(separator: "\n")
            #expect(lines.count == 2, "\(events.err)")
            #expect(lines.contains { $0.contains("(x3 over ") && $0.contains("Started") && $0.contains("it runs") })
            #expect(lines.contains { $0.contains("(x7 over ") && $0.contains("Tested") && $0.contains("Pod/web") })
        }
    }
}
