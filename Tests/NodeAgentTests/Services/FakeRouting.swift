import PodRuntime
import Synchronization

/// A kernel that does what it is told, when a test lets it.
final class FakeRouting: ServiceRouting {
    enum Call: Sendable, Hashable {
        case all([String])
        case some(changed: [String], removed: [String])
    }

    private struct State {
        var calls: [Call] = []
        var routes: [String: ServiceRoute] = [:]
        var first: [ServiceRoute] = []
        var isHolding = false
        var held: [CheckedContinuation<Void, Never>] = []
        var failures: [RuntimeError] = []
        var active = 0
        var mostActive = 0
        var waiters: [(isMet: @Sendable ([Call]) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state = Mutex(State())

    /// What was asked for, in order, failed ones included; ids are sorted.
    var calls: [Call] { state.withLock { $0.calls } }
    /// How many calls there were at one time, at most.
    var mostActive: Int { state.withLock { $0.mostActive } }
    var ids: [String] { state.withLock { $0.routes.keys.sorted() } }
    /// `address:port` of the backends in force.
    func targets(_ id: String) -> [String]? { state.withLock { $0.routes[id]?.targets } }

    /// Those that the first call brought, whatever became of them.
    func firstTargets(_ id: String) -> [String]? { state.withLock { $0.first.first { $0.id == id }?.targets } }

    /// From now on calls are not answered, until `release`.
    func hold() { state.withLock { $0.isHolding = true } }

    /// Answers what is held, and holds nothing more.
    func release() {
        let held = state.withLock { state in
            state.isHolding = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    func fail(times: Int = 1) {
        let error = RuntimeError(.configuration, step: "routing", object: "services", message: "told to fail")
        state.withLock { $0.failures += Array(repeating: error, count: times) }
    }

    /// Returns once calls have been made (they may be held) as described.
    func wait(until isMet: @escaping @Sendable ([Call]) -> Bool) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isMetNow = state.withLock { state in
                if isMet(state.calls) { return true }
                state.waiters.append((isMet, continuation))
                return false
            }
            if isMetNow { continuation.resume() }
        }
    }

    func wait(forCalls count: Int) async { await wait { $0.count >= count } }

    func replaceAll(_ routes: [ServiceRoute]) async throws {
        state.withLock { if $0.calls.isEmpty { $0.first = routes } }
        try await perform(.all(routes.map(\.id).sorted())) { state in
            state.routes = Dictionary(routes.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        }
    }

    func update(_ changed: [ServiceRoute], removed: [String]) async throws {
        try await perform(.some(changed: changed.map(\.id).sorted(), removed: removed.sorted())) { state in
            for id in removed { state.routes[id] = nil }
            for route in changed { state.routes[route.id] = route }
        }
    }

    private func perform(_ call: Call, _ change: (inout State) -> Void) async throws {
        let met = state.withLock { state in
            state.calls.append(call)
            state.active += 1
            state.mostActive = max(state.mostActive, state.active)
            let calls = state.calls
            defer { state.waiters.removeAll { $0.isMet(calls) } }
            return state.waiters.filter { $0.isMet(calls) }.map(\.continuation)
        }
        for continuation in met { continuation.resume() }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isFree = state.withLock { state in
                if state.isHolding { state.held.append(continuation) }
                return !state.isHolding
            }
            if isFree { continuation.resume() }
        }
        let failure = state.withLock { state -> RuntimeError? in
            state.active -= 1
            if !state.failures.isEmpty { return state.failures.removeFirst() }
            change(&state)
            return nil
        }
        if let failure { throw failure }
    }
}
