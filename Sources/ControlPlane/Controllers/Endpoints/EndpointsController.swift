import KubernetesAPI
import Logging

/// Keeps the Endpoints of every Service with a selector: the old form of EndpointSlices, of one family and with at most
/// 1000 addresses.
final class EndpointsController: Sendable {
    /// The most addresses of one object.
    static let capacity = 1000

    private let client: APIClient
    private let selected: SelectedPods
    private let services: Informer<Service>
    private let endpoints: FreshObjects<Endpoints>
    private let events: EventRecorder
    private let logger: Logger
    private let queue: WorkQueue<ObjectKey>

    init(
        client: APIClient, selected: SelectedPods, services: Informer<Service>, endpoints: FreshObjects<Endpoints>,
        events: EventRecorder, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.selected = selected
        self.services = services
        self.endpoints = endpoints
        self.events = events
        self.logger = logger
        queue = WorkQueue(time: time, maxDelay: .seconds(60))
        selected.onChange { [weak self] in self?.queue.add($0) }
        endpoints.onForeignChange { [weak self] change in
            // Somebody else has changed what is ours, or it was left by a Service that went while nobody looked.
            guard let object = change.object, object.isFollowing else { return }
            self?.queue.add(object.key)
        }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    func run() async {
        await queue.run(workers: 2, logger: logger, "endpoints not in order yet", report: report) { [self] in
            try await sync($0)
        }
    }

    private func report(_ error: any Error, _ key: ObjectKey) {
        if let error = error as? APIError, error.isConflict || error.isNotFound || error.isNamespaceTerminating {
            return
        }
        guard let service = services.cache[key] else { return }
        events.record(
            service, .warning, reason: ControllerReason.failedToUpdateEndpoint,
            message: "Failed to update endpoint \(key): \(error)")
    }

    private func sync(_ key: ObjectKey) async throws {
        let present = endpoints[key]
        guard let service = services.cache[key], !service.metadata.isBeingDeleted else {
            // Those that somebody made for a Service go with it, too, as in Kubernetes.
            if let present { try await delete(present) }
            return
        }
        // Without a selector its Endpoints are somebody else's.
        guard service.spec.type != .externalName, !service.spec.selector.isEmpty else { return }
        let time = selected.changeTime(of: key)
        let wanted = Endpoints(of: service, pods: selected.pods(of: service), present: present)
        guard var changed = wanted else { return }
        if present?.subsets != changed.subsets {
            changed.metadata.annotations[EndpointLabels.lastChange] = time.description
        }
        if present == nil {
            endpoints.wrote(try await client.create(changed))
        } else {
            endpoints.wrote(try await client.update(changed))
        }
    }

    private func delete(_ object: Endpoints) async throws {
        var options = DeleteOptions()
        options.preconditions = Preconditions()
        options.preconditions?.uid = object.metadata.uid
        do {
            try await client.delete(
                Endpoints.self, object.metadata.name, namespace: object.metadata.namespace, options: options)
        } catch let error as APIError where error.isNotFound || error.isConflict {
            // It is gone, or a namesake is there.
        }
        endpoints.removed(object)
    }
}

extension Endpoints {
    /// Whether they follow a Service's selector.
    var isFollowing: Bool { metadata.labels[EndpointLabels.endpointsManagedBy] == EndpointLabels.endpointsController }

    /// What a Service's Endpoints have to become; nil where they are right.
    init?(of service: Service, pods: [Pod], present: Endpoints?) {
        self.init()
        if let present { self = present }
        metadata.namespace = service.metadata.namespace
        metadata.name = service.metadata.name
        metadata.labels = service.metadata.labels.filter { !EndpointLabels.own.contains($0.key) }
        metadata.labels[EndpointLabels.endpointsManagedBy] = EndpointLabels.endpointsController
        if service.isHeadless { metadata.labels[EndpointLabels.headless] = "" }
        subsets = Self.subsets(of: service, pods: pods)
        let isTruncated = truncate()
        metadata.annotations[EndpointLabels.overCapacity] = isTruncated ? "truncated" : nil
        if self == present { return nil }
    }

    /// A subset for each list of ports that pods have, in a fixed order.
    private static func subsets(of service: Service, pods: [Pod]) -> [EndpointSubset] {
        guard let family = service.spec.ipFamilies.first else { return [] }
        var subsets: [[DiscoveryEndpointPort]: EndpointSubset] = [:]
        for pod in pods {
            // A pod that is going is none any more here, but where readiness does not count.
            guard let endpoint = pod.endpoint(of: service, family),
                !pod.metadata.isBeingDeleted || service.spec.publishNotReadyAddresses
            else { continue }
            let ports = pod.endpointPorts(of: service)
            if ports.isEmpty, !service.spec.ports.isEmpty { continue }
            var address = EndpointAddress()
            address.ip = endpoint.addresses[0]
            address.hostname = endpoint.hostname ?? ""
            address.nodeName = endpoint.nodeName
            address.targetRef = endpoint.targetRef
            if endpoint.conditions.ready == true {
                subsets[ports, default: EndpointSubset()].addresses.append(address)
            } else {
                subsets[ports, default: EndpointSubset()].notReadyAddresses.append(address)
            }
        }
        return subsets.map { ports, subset in
            var subset = subset
            subset.addresses.sort { $0.ip < $1.ip }
            subset.notReadyAddresses.sort { $0.ip < $1.ip }
            subset.ports = ports.map { port in
                var entry = EndpointPort()
                entry.name = port.name ?? ""
                entry.port = port.port ?? 0
                entry.protocol = port.protocol ?? .tcp
                entry.appProtocol = port.appProtocol
                return entry
            }.sorted { ($0.name, $0.port) < ($1.name, $1.port) }
            return subset
        }.sorted { left, right in
            left.ports.map { "\($0.port)/\($0.protocol)" }.lexicographicallyPrecedes(
                right.ports.map { "\($0.port)/\($0.protocol)" })
        }
    }

    /// Leaves out what there is no room for, first of what is not ready. Returns whether anything was.
    private mutating func truncate() -> Bool {
        let total = subsets.reduce(0) { $0 + $1.addresses.count + $1.notReadyAddresses.count }
        var excess = total - EndpointsController.capacity
        guard excess > 0 else { return false }
        for index in subsets.indices.reversed() {
            let count = min(excess, subsets[index].notReadyAddresses.count)
            subsets[index].notReadyAddresses.removeLast(count)
            excess -= count
        }
        for index in subsets.indices.reversed() {
            let count = min(excess, subsets[index].addresses.count)
            subsets[index].addresses.removeLast(count)
            excess -= count
        }
        subsets.removeAll { $0.addresses.isEmpty && $0.notReadyAddresses.isEmpty }
        return true
    }
}
