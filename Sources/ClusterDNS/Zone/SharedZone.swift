import KubernetesAPI
import Synchronization

/// The zone as the API's watches feed it and the responder asks it, from any thread.
final class SharedZone: Sendable {
    /// What has to be listed once before the zone can say that something is not there.
    enum Source: Sendable, Hashable, CaseIterable {
        case services, slices, namespaces
    }

    private struct State {
        var zone: ClusterZone
        var missing: Set<Source>
        var generator: SplitMix
    }

    private let state: Mutex<State>
    private let synced = Gate()

    /// - Parameter isSynced: whether the zone knows everything as it is.
    init(_ zone: ClusterZone, isSynced: Bool = false) {
        state = Mutex(
            State(
                zone: zone, missing: isSynced ? [] : Set(Source.allCases),
                generator: SplitMix(state: .random(in: 0...UInt64.max))))
    }

    enum Answer: Sendable {
        case answer(ZoneAnswer)
        /// The name is the zone's, and not everything is known yet.
        case notYet
        case elsewhere
    }

    func answer(_ question: Question) -> Answer {
        state.withLock { state in
            guard let answer = state.zone.answer(question, using: &state.generator) else { return .elsewhere }
            return state.missing.isEmpty ? .answer(answer) : .notYet
        }
    }

    /// Returns when everything was listed once. Throws `CancellationError`.
    func waitUntilSynced() async throws { try await synced.wait() }

    // MARK: Events

    func take(_ event: ReflectorEvent<KubernetesAPI.Service>) {
        switch event {
        case .synced(let all):
            let facts = Dictionary(all.map { (ServiceKey($0), ZoneService($0)) }) { $1 }
            synced(.services) { $0.replace(services: facts) }
        case .added(let service), .modified(let service):
            let facts = ZoneService(service)
            state.withLock { $0.zone.set(ServiceKey(service), service: facts) }
        case .deleted(let service):
            state.withLock { $0.zone.set(ServiceKey(service), service: nil) }
        }
    }

    func take(_ event: ReflectorEvent<EndpointSlice>) {
        switch event {
        case .synced(let all):
            let facts = Dictionary(all.compactMap { slice in ZoneSlice(slice).map { (ServiceKey(slice), $0) } }) { $1 }
            synced(.slices) { $0.replace(slices: facts) }
        case .added(let slice), .modified(let slice):
            let facts = ZoneSlice(slice)
            state.withLock { $0.zone.set(slice: ServiceKey(slice), facts) }
        case .deleted(let slice):
            state.withLock { $0.zone.set(slice: ServiceKey(slice), nil) }
        }
    }

    func take(_ event: ReflectorEvent<Namespace>) {
        switch event {
        case .synced(let all):
            let names = Set(all.map(\.metadata.name))
            synced(.namespaces) { $0.replace(namespaces: names) }
        case .added(let namespace), .modified(let namespace):
            state.withLock { $0.zone.set(namespace: namespace.metadata.name, exists: true) }
        case .deleted(let namespace):
            state.withLock { $0.zone.set(namespace: namespace.metadata.name, exists: false) }
        }
    }

    private func synced(_ source: Source, _ change: (inout ClusterZone) -> Void) {
        let isComplete = state.withLock { state in
            change(&state.zone)
            state.missing.remove(source)
            return state.missing.isEmpty
        }
        if isComplete { synced.open() }
    }
}

/// Random numbers that cost nothing, for what nobody gains by guessing: the order of addresses (Steele and others,
/// 2014).
struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
