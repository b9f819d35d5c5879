import InternetAddress
import KubernetesAPI
import Synchronization

@testable import NodeAgent

/// Services without a network: pods leave them when a test says so.
final class FakeServices: ServiceNetwork {
    enum Call: Hashable, Sendable {
        case leaving(String, limit: Duration)
        case claim(String, [HostPortClaim], [IPAddress])
        case gone(String)
    }

    private struct State {
        var calls: [Call] = []
        var served: Set<String> = []
        var gate: Gate?
        var services: [KubernetesAPI.Service] = []
        var conflict: HostPortConflict?
        var waiters: [(isMet: @Sendable ([Call]) -> Bool, gate: Gate)] = []
    }

    private let state = Mutex(State())

    var calls: [Call] { state.withLock { $0.calls } }

    /// These pods are in the endpoints of a service.
    func serve(_ uids: String...) { state.withLock { $0.served.formUnion(uids) } }

    /// No pod is out of its services before the gate is open.
    func hold() -> Gate {
        let gate = Gate()
        state.withLock { $0.gate = gate }
        return gate
    }

    func put(_ services: [KubernetesAPI.Service]) { state.withLock { $0.services = services } }

    /// Another pod has this port, until nil is put.
    func put(conflict: HostPortConflict?) { state.withLock { $0.conflict = conflict } }

    func wait(for call: Call) async throws {
        let gate = Gate()
        let isMet = state.withLock { state in
            if state.calls.contains(call) { return true }
            state.waiters.append(({ $0.contains(call) }, gate))
            return false
        }
        if !isMet { try await gate.wait() }
    }

    private func note(_ call: Call) {
        let met = state.withLock { state in
            state.calls.append(call)
            let calls = state.calls
            return state.waiters.filter { $0.isMet(calls) }.map(\.gate)
        }
        for gate in met { gate.open() }
    }

    // MARK: ServiceNetwork

    func podIsLeaving(_ uid: String, within limit: Duration) async -> Bool {
        note(.leaving(uid, limit: limit))
        try? await state.withLock { $0.gate }?.wait()
        return state.withLock { $0.served.contains(uid) }
    }

    func claimHostPorts(_ uid: String, _ ports: [HostPortClaim], addresses: [IPAddress]) async throws {
        note(.claim(uid, ports, addresses))
        if let conflict = state.withLock({ $0.conflict }) { throw conflict }
    }

    func podIsGone(_ uid: String) async { note(.gone(uid)) }

    func services(in namespace: String) async -> [KubernetesAPI.Service] { state.withLock { $0.services } }
}

extension Lifecycle {
    /// With commands as hooks.
    static func test(postStart: [String]? = nil, preStop: [String]? = nil) -> Lifecycle {
        func handler(_ command: [String]?) -> LifecycleHandler? {
            command.map {
                var handler = LifecycleHandler()
                handler.exec = ExecAction()
                handler.exec?.command = $0
                return handler
            }
        }
        var lifecycle = Lifecycle()
        lifecycle.postStart = handler(postStart)
        lifecycle.preStop = handler(preStop)
        return lifecycle
    }
}
