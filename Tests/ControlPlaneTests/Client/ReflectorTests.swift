import KubernetesAPI
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ReflectorTests {
    private static func map(_ name: String, namespace: String = "default") -> ConfigMap {
        var map = ConfigMap()
        map.metadata.name = name
        map.metadata.namespace = namespace
        return map
    }

    /// Runs an informer beside the body, which gets it and a log of its changes.
    private func withInformer(
        _ api: FakeAPI, time: TimeSource = .system, resync: Duration = .seconds(600),
        _ body: @escaping @Sendable (Informer<ConfigMap>, ChangeLog) async throws -> Void
    ) async throws {
        let informer = Informer(ConfigMap.self, client: api.client, time: time, resync: resync)
        let log = ChangeLog()
        informer.onChange { log.add($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            try await informer.waitUntilSynced()
            try await body(informer, log)
            group.cancelAll()
        }
    }

    @Test func theCacheFollows() async throws {
        let api = FakeAPI()
        let first = try await api.client.create(Self.map("first"))
        try await withInformer(api) { informer, log in
            #expect(informer.cache[first.key] == first)
            var owned = Self.map("owned", namespace: "other")
            owned.metadata.ownerReferences = [OwnerReference()]
            owned.metadata.ownerReferences[0].uid = "owner"
            owned.metadata.ownerReferences[0].controller = true
            _ = try await api.client.create(owned)
            await log.until { $0 == ["+first", "synced", "+owned"] }
            #expect(informer.cache.ownedBy(uid: "owner").map(\.metadata.name) == ["owned"])
            #expect(informer.cache.inNamespace("other").map(\.metadata.name) == ["owned"])
            #expect(informer.cache.withoutController(inNamespace: "default").map(\.metadata.name) == ["first"])
            #expect(informer.cache.withoutController(inNamespace: "other").isEmpty)
            var changed = first
            changed.data = ["a": "b"]
            _ = try await api.client.update(changed)
            await log.until { $0.last == "~first" }
            #expect(informer.cache[first.key]?.data == ["a": "b"])
            try await api.client.delete(ConfigMap.self, "owned", namespace: "other")
            await log.until { $0.last == "-owned" }
            #expect(informer.cache.ownedBy(uid: "owner").isEmpty)
            #expect(informer.cache.count == 1)
        }
    }

    @Test func anEndedWatchGoesOnWhereItWas() async throws {
        let clock = ManualClock()
        let api = FakeAPI()
        try await withInformer(api, time: clock.timeSource) { _, log in
            _ = try await api.client.create(Self.map("first"))
            await log.until { $0.last == "+first" }
            api.endWatches()
            _ = try await api.client.create(Self.map("second"))
            await log.until { $0 == ["synced", "+first", "+second"] }
        }
    }

    @Test func afterGoneItListsAgainAndTellsTheDifference() async throws {
        let clock = ManualClock()
        let api = FakeAPI()
        try await withInformer(api, time: clock.timeSource) { _, log in
            _ = try await api.client.create(Self.map("first"))
            await log.until { $0.last == "+first" }
            // While nobody watches one goes and one comes, and the history is forgotten.
            api.refuse { _ in nil }
            api.endWatches()
            try await api.client.delete(ConfigMap.self, "first", namespace: "default")
            _ = try await api.client.create(Self.map("second"))
            api.compact()
            api.endWatches()
            await log.until { $0.contains("-first") && $0.contains("+second") }
        }
    }

    @Test func aResyncTellsEverythingAgain() async throws {
        let clock = ManualClock()
        let api = FakeAPI()
        _ = try await api.client.create(Self.map("first"))
        try await withInformer(api, time: clock.timeSource, resync: .seconds(60)) { _, log in
            let advancing = Task {
                while !Task.isCancelled {
                    clock.advance(by: .seconds(61))
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            defer { advancing.cancel() }
            await log.until { Array($0.prefix(4)) == ["+first", "synced", "~first", "synced"] }
        }
    }

    @Test func failuresAreWaitedOutWithABoundedBackoff() async throws {
        let clock = ManualClock()
        let api = FakeAPI()
        let failures = Mutex(0)
        let failing = Mutex(true)
        api.refuse { request in
            guard request.verb == .list, failing.withLock({ $0 }) else { return nil }
            failures.withLock { $0 += 1 }
            return APIError(code: 503, reason: .serviceUnavailable, message: "not yet")
        }
        let informer = Informer(ConfigMap.self, client: api.client, time: clock.timeSource)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await informer.run() }
            // 0.8, 1.6, 3.2, ... each up to half longer: within a minute no more than seven times.
            for _ in 0..<300 {
                clock.advance(by: .milliseconds(200))
                for _ in 0..<10 { await Task.yield() }
            }
            #expect((1...8).contains(failures.withLock { $0 }))
            failing.withLock { $0 = false }
            let advancing = Task {
                while !Task.isCancelled {
                    clock.advance(by: .seconds(30))
                    try await Task.sleep(for: .milliseconds(2))
                }
            }
            defer { advancing.cancel() }
            try await informer.waitUntilSynced()
            group.cancelAll()
        }
    }

    /// What happened, as short words, and a way to wait for it.
    final class ChangeLog: Sendable {
        private let state = Mutex<(words: [String], waiter: CheckedContinuation<Void, Never>?)>(([], nil))

        func add(_ change: ObjectChange<ConfigMap>) {
            let word =
                switch change {
                case .added(let map): "+\(map.metadata.name)"
                case .modified(_, let map): "~\(map.metadata.name)"
                case .deleted(let map): "-\(map.metadata.name)"
                case .synced: "synced"
                }
            let waiter = state.withLock { state in
                state.words.append(word)
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }

        func until(_ condition: @Sendable ([String]) -> Bool) async {
            while !condition(state.withLock { $0.words }) {
                await withCheckedContinuation { continuation in
                    let holds = state.withLock { state in
                        if condition(state.words) { return true }
                        state.waiter = continuation
                        return false
                    }
                    if holds { continuation.resume() }
                }
            }
        }
    }
}
