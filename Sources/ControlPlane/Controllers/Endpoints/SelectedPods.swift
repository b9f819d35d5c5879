import KubernetesAPI
import Synchronization

/// Which pods the Services select, and which Services a change of a pod is about. Costs what the change costs, however
/// many Services and pods there are.
final class SelectedPods: Sendable {
    private struct State {
        var pods = LabelIndex()
        /// Services by one label of their selector: a pod that they select has it.
        var services = LabelIndex()
        var handlers: [@Sendable (ObjectKey) -> Void] = []
        /// When the last change came that a Service's endpoints may have to show.
        var changes: [ObjectKey: MicroTimestamp] = [:]
    }

    private let state = Mutex(State())
    private let services: Informer<Service>
    private let pods: Informer<Pod>
    private let time: TimeSource

    init(services: Informer<Service>, pods: Informer<Pod>, time: TimeSource) {
        self.services = services
        self.pods = pods
        self.time = time
        services.onChange { [weak self] in self?.serviceChanged($0) }
        pods.onChange { [weak self] in self?.podChanged($0) }
    }

    /// Adds a handler: it is given the key of each Service whose endpoints may have to change, the deleted ones among them.
    func onChange(_ handler: @escaping @Sendable (ObjectKey) -> Void) { state.withLock { $0.handlers.append(handler) } }

    /// The pods that a Service selects, by name.
    func pods(of service: Service) -> [Pod] {
        let namespace = service.metadata.namespace
        let keys = state.withLock { $0.pods.objects(in: namespace, with: service.spec.selector) }
        return keys.sorted().compactMap { pods.cache[$0] }
    }

    /// When the last change came that a Service's endpoints depend on.
    func changeTime(of service: ObjectKey) -> MicroTimestamp {
        state.withLock { $0.changes[service] } ?? time.preciseNow
    }

    // MARK: What changed

    private func serviceChanged(_ change: ObjectChange<Service>) {
        guard let service = change.object else { return }
        var old = service
        if case .modified(let before, _) = change {
            old = before
            guard before.endpointFacts != service.endpointFacts else { return }
        }
        tell([service.key]) { state in
            state.services.remove(old.key, labels: old.indexLabel)
            if case .deleted = change {
                state.changes[service.key] = nil
            } else {
                state.services.insert(service.key, labels: service.indexLabel)
            }
        }
    }

    private func podChanged(_ change: ObjectChange<Pod>) {
        guard let pod = change.object else { return }
        var labels = [pod.metadata.labels]
        if case .modified(let before, _) = change {
            if before.metadata.labels != pod.metadata.labels {
                labels.append(before.metadata.labels)
            } else if before.endpointFacts == pod.endpointFacts {
                return
            }
        }
        let candidates = state.withLock { state -> Set<ObjectKey> in
            state.pods.remove(pod.key, labels: labels.last ?? [:])
            if case .deleted = change {} else { state.pods.insert(pod.key, labels: pod.metadata.labels) }
            return labels.reduce(into: []) {
                $0.formUnion(state.services.objects(in: pod.metadata.namespace, withAnyOf: $1))
            }
        }
        tell(
            candidates.filter { key in
                guard let selector = services.cache[key]?.spec.selector else { return false }
                return labels.contains { labels in selector.allSatisfy { labels[$0.key] == $0.value } }
            }
        ) { _ in }
    }

    private func tell(_ services: some Sequence<ObjectKey>, _ change: (inout State) -> Void) {
        let now = time.preciseNow
        let handlers = state.withLock { state in
            for key in services { state.changes[key] = now }
            change(&state)
            return state.handlers
        }
        for key in services { for handler in handlers { handler(key) } }
    }
}

extension Service {
    /// One label of the selector: the first by name, so that it is the same every time.
    fileprivate var indexLabel: [String: String] {
        spec.selector.min { $0.key < $1.key }.map { [$0.key: $0.value] } ?? [:]
    }

    /// What of a Service its endpoints depend on. Its status does not count.
    fileprivate var endpointFacts: EndpointFacts {
        EndpointFacts(
            uid: metadata.uid, spec: spec, labels: metadata.labels, isGoing: metadata.deletionTimestamp != nil)
    }

    fileprivate struct EndpointFacts: Equatable {
        var uid: String
        var spec: ServiceSpec
        var labels: [String: String]
        var isGoing: Bool
    }
}
