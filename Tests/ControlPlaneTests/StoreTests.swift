import Foundation
import KubernetesAPI
import Logging
import Testing

@testable import ControlPlane

@Suite struct StoreTests {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("store-\(UUID().uuidString).db").path

    private func open(_ change: (inout Store.Configuration) -> Void = { _ in }) async throws -> Store {
        var configuration = Store.Configuration(path: path)
        change(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return try await Store.open(configuration, logger: logger)
    }

    private func cleanUp() {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }

    private func write(
        _ name: String, _ expectation: StoreWrite.Expectation, value: Int64 = 0, collection: String = "configmaps",
        namespace: String = "default", durable: Bool = true
    ) -> StoreWrite {
        StoreWrite(
            collection: collection, key: ObjectKey(namespace: namespace, name: name), expectation: expectation,
            change: .put(object(name, value)), isDurable: durable)
    }

    private func object(_ name: String, _ value: Int64) -> JSONValue {
        ["metadata": ["name": .string(name)], "value": .integer(value)]
    }

    private func deletion(_ object: StoredObject) -> StoreWrite {
        StoreWrite(
            collection: object.collection, key: object.key, expectation: .version(object.resourceVersion),
            change: .delete(object.value))
    }

    @Test func aWriteHappensOnlyWhereItsExpectationHolds() async throws {
        defer { cleanUp() }
        let store = try await open()
        let first = try await store.commit(write("a", .absent))
        #expect(first.value[path: "metadata", "resourceVersion"]?.stringValue == String(first.resourceVersion))
        #expect(try JSONParser.parse(first.bytes) == first.value)
        do {
            _ = try await store.commit(write("a", .absent))
            Issue.record("the second creation went through")
        } catch .conflict(let present) {
            #expect(present?.resourceVersion == first.resourceVersion)
        }
        let second = try await store.commit(write("a", .version(first.resourceVersion), value: 2))
        #expect(second.resourceVersion > first.resourceVersion)
        do {
            _ = try await store.commit(write("a", .version(first.resourceVersion), value: 3))
            Issue.record("a write over a newer version went through")
        } catch .conflict {}
        _ = try await store.commit(deletion(second))
        #expect(store.object("configmaps", first.key) == nil)
        await store.close()
    }

    @Test func concurrentWritersOfOneObjectLoseNothing() async throws {
        defer { cleanUp() }
        let store = try await open()
        _ = try await store.commit(write("counter", .absent))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    for _ in 0..<10 {
                        while true {
                            guard
                                let present = store.object(
                                    "configmaps", ObjectKey(namespace: "default", name: "counter"))
                            else { return }
                            let next = (present.value["value"]?.integerValue ?? 0) + 1
                            do {
                                _ = try await store.commit(
                                    self.write("counter", .version(present.resourceVersion), value: next))
                                break
                            } catch StoreError.conflict {
                                continue
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let counter = store.object("configmaps", ObjectKey(namespace: "default", name: "counter"))
        #expect(counter?.value["value"]?.integerValue == 200)
        await store.close()
    }

    @Test func objectsAndVersionsSurviveReopening() async throws {
        defer { cleanUp() }
        var store = try await open()
        let kept = try await store.commit(write("kept", .absent, value: 1))
        let gone = try await store.commit(write("gone", .absent))
        let deleted = try await store.commit(deletion(gone))
        await store.close()
        store = try await open()
        #expect(store.object("configmaps", kept.key)?.bytes == kept.bytes)
        #expect(store.object("configmaps", gone.key) == nil)
        let next = try await store.commit(write("next", .absent))
        #expect(next.resourceVersion > deleted.resourceVersion)
        // The history survives, too: a watch from before the restart goes on.
        let watch = try store.watch("configmaps", after: kept.resourceVersion)
        #expect(watch.backlog.map(\.kind) == [.added, .deleted, .added])
        await store.close()
    }

    @Test func aRowThatCannotBeReadIsSetAside() async throws {
        defer { cleanUp() }
        var store = try await open()
        _ = try await store.commit(write("good", .absent))
        let bad = try await store.commit(write("bad", .absent))
        await store.close()
        let sqlite = Process()
        sqlite.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        sqlite.arguments = [
            "python3", "-c",
            "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('UPDATE log SET value=x\\'7b\\' WHERE id=?',(sys.argv[2],)); c.commit()",
            path, String(bad.resourceVersion),
        ]
        try sqlite.run()
        sqlite.waitUntilExit()
        try #require(sqlite.terminationStatus == 0)
        store = try await open()
        #expect(store.unreadable.count == 1)
        #expect(store.object("configmaps", ObjectKey(namespace: "default", name: "good")) != nil)
        #expect(store.object("configmaps", bad.key) == nil)
        await store.close()
    }

    @Test func whatIsOlderThanTheHistoryIsGone() async throws {
        defer { cleanUp() }
        var store = try await open { $0.history.events = 10 }
        var object = try await store.commit(write("a", .absent))
        let first = object.resourceVersion
        for value in 1...50 {
            object = try await store.commit(write("a", .version(object.resourceVersion), value: Int64(value)))
        }
        #expect(throws: StoreError.self) { try store.watch("configmaps", after: first) }
        #expect(throws: StoreError.self) { try store.objects("configmaps", namespace: "", at: first) }
        let watch = try store.watch("configmaps", after: object.resourceVersion - 5)
        #expect(watch.backlog.count == 5)
        // A list of the recent past shows what was there then.
        let past = try store.objects("configmaps", namespace: "", at: object.resourceVersion - 3)
        #expect(past.objects.map { $0.value["value"]?.integerValue } == [47])
        await store.close()
        // Compaction is bounded by the rows that are still needed, and it is remembered.
        store = try await open { $0.history.events = 10 }
        #expect(throws: StoreError.self) { try store.watch("configmaps", after: first) }
        #expect(store.object("configmaps", object.key)?.value["value"]?.integerValue == 50)
        await store.close()
    }

    @Test func aWatchSeesEveryChangeOnceAndInOrder() async throws {
        defer { cleanUp() }
        let store = try await open()
        let first = try await store.commit(write("a", .absent))
        let watch = try store.watch("configmaps", after: nil)
        #expect(watch.objects.map(\.key.name) == ["a"])
        let second = try await store.commit(write("a", .version(first.resourceVersion), value: 1))
        _ = try await store.commit(write("other", .absent, collection: "secrets"))
        _ = try await store.commit(deletion(second))
        var seen: [StoreEvent.Kind] = []
        for await case .event(let event) in watch.items {
            seen.append(event.kind)
            if event.kind == .deleted { break }
        }
        #expect(seen == [.modified, .deleted])
        await store.close()
    }

    @Test func aWatchThatFallsBehindIsCutOff() async throws {
        defer { cleanUp() }
        let store = try await open { $0.watchBuffer = 5 }
        let watch = try store.watch("configmaps", after: 0)
        for index in 0..<20 { _ = try await store.commit(write("o\(index)", .absent)) }
        var count = 0
        for await _ in watch.items { count += 1 }
        #expect(count == 5)
        await store.close()
    }

    @Test func eventsExpire() async throws {
        defer { cleanUp() }
        let clock = TestSeconds()
        let store = try await open {
            $0.now = { clock.now }
            $0.idleSeconds = 0.02
        }
        let watch = try store.watch("events", after: 0)
        _ = try await store.commit(write("old", .absent, collection: "events", durable: false))
        _ = try await store.commit(write("kept", .absent))
        clock.advance(3601)
        for await case .event(let event) in watch.items where event.kind == .deleted { break }
        #expect(store.object("events", ObjectKey(namespace: "default", name: "old")) == nil)
        #expect(store.object("configmaps", ObjectKey(namespace: "default", name: "kept")) != nil)
        await store.close()
    }

    @Test func namespacesAreRangesOfTheOrder() async throws {
        defer { cleanUp() }
        let store = try await open()
        for (namespace, name) in [("b", "x"), ("a", "z"), ("a-b", "y"), ("a", "b")] {
            _ = try await store.commit(write(name, .absent, namespace: namespace))
        }
        let all = try store.objects("configmaps", namespace: "").objects.map(\.key.description)
        #expect(all == ["a/b", "a/z", "a-b/y", "b/x"])
        #expect(try store.objects("configmaps", namespace: "a").objects.map(\.key.name) == ["b", "z"])
        await store.close()
    }
}
