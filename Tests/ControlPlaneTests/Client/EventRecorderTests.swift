import Testing

@testable import KubernetesAPI

@Suite struct EventCorrelatorTests {
    private static let second: Int64 = 1_000_000

    private func record(
        _ message: String, at seconds: Int64 = 0, object: String = "web", type: EventRecorder.EventType = .normal,
        fieldPath: String = ""
    ) -> EventCorrelator.Record {
        var reference = ObjectReference()
        reference.kind = "Pod"
        reference.namespace = "default"
        reference.name = object
        reference.uid = object
        reference.fieldPath = fieldPath
        return EventCorrelator.Record(
            object: reference, type: type, reason: "Reason", message: message,
            at: MicroTimestamp(microseconds: seconds * Self.second))
    }

    private func correlator() -> EventCorrelator {
        var source = EventSource()
        source.component = "tester"
        source.host = "node"
        return EventCorrelator(source: source)
    }

    @Test func theSameAgainIsCounted() throws {
        var correlator = correlator()
        guard case .create(let first) = correlator.take(record("a", at: 1)) else { Issue.record("not made"); return }
        #expect(first.count == 1)
        #expect(first.metadata.namespace == "default")
        #expect(first.metadata.name.hasPrefix("web."))
        #expect(first.source.component == "tester" && first.reportingComponent == "tester")
        guard case .count(let second) = correlator.take(record("a", at: 50)) else {
            Issue.record("not counted"); return
        }
        #expect(second.count == 2)
        #expect(second.metadata.name == first.metadata.name)
        #expect(second.firstTimestamp?.seconds == 1)
        #expect(second.lastTimestamp?.seconds == 50)
        // Another message, another object, another type, another part: other events.
        for other in [
            record("b", at: 60), record("a", at: 61, object: "other"), record("a", at: 62, type: .warning),
            record("a", at: 63, fieldPath: "spec.containers{web}"),
        ] {
            guard case .create(let event) = correlator.take(other) else { Issue.record("\(other)"); return }
            #expect(event.metadata.name != first.metadata.name)
        }
    }

    @Test func manyThatDifferInTheirMessageAreOne() {
        var correlator = correlator()
        var created: [String] = []
        var counted: [Event] = []
        for number in 0..<15 {
            switch correlator.take(record("message \(number)", at: Int64(number))) {
            case .create(let event): created.append(event.message)
            case .count(let event): counted.append(event)
            case nil: break
            }
        }
        #expect(created.count == 11)
        #expect(created.last == "(combined from similar events): message 10")
        #expect(counted.map(\.count) == [2, 3, 4, 5])
        // Ten quiet minutes later it begins anew.
        guard case .create(let event) = correlator.take(record("message 99", at: 700)) else {
            Issue.record("still combined")
            return
        }
        #expect(event.message == "message 99")
    }

    @Test func anObjectIsAllowedSoManyAndOneMorePerFiveMinutes() {
        var correlator = correlator()
        var written = 0
        for _ in 0..<100 { if correlator.take(record("a")) != nil { written += 1 } }
        #expect(written == 25)
        let other = correlator.take(record("a", object: "other"))
        #expect(other != nil)
        guard case .count(let event) = correlator.take(record("a", at: 301)) else { Issue.record("no token"); return }
        // Those that were held back are counted.
        #expect(event.count == 101)
        let tooSoon = correlator.take(record("a", at: 302))
        #expect(tooSoon == nil)
    }
}

@Suite(.timeLimit(.minutes(1))) struct EventRecorderTests {
    @Test func eventsAreWrittenAndCounted() async throws {
        let api = FakeAPI()
        let recorder = EventRecorder(client: api.client, component: "tester", host: "node")
        var pod = Sample.pod("p")
        pod.metadata.uid = "u"
        let subject = pod
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await recorder.run() }
            for _ in 0..<3 { recorder.record(subject, .warning, reason: "BackOff", message: "waits") }
            try await api.until("counted") { $0.all(Event.self).first?.count == 3 }
            let event = try #require(api.snapshot.all(Event.self).first)
            #expect(event.involvedObject.kind == "Pod" && event.involvedObject.uid == "u")
            #expect(event.type == "Warning" && event.reason == "BackOff" && event.message == "waits")
            // One that has expired is written anew, with what it had counted.
            try await api.client.delete(Event.self, event.metadata.name, namespace: "default")
            recorder.record(subject, .warning, reason: "BackOff", message: "waits")
            try await api.until("written anew") { $0.all(Event.self).first?.count == 4 }
            group.cancelAll()
        }
    }
}
