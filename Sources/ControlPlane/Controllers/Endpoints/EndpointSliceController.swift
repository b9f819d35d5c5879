import KubernetesAPI
import Logging

/// Keeps the EndpointSlices of every Service with a selector, the way kube-controller-manager does, but at once: what the
/// node's routing follows are these slices, so a batch's delay would be every rollout's.
final class EndpointSliceController: Sendable {
    private let selected: SelectedPods
    private let services: Informer<Service>
    private let writer: SliceWriter
    private let events: EventRecorder
    private let logger: Logger
    private let queue: WorkQueue<ObjectKey>

    /// - Parameter slices: shared with whoever else writes slices.
    init(
        selected: SelectedPods, services: Informer<Service>, writer: SliceWriter, events: EventRecorder,
        time: TimeSource, logger: Logger
    ) {
        self.selected = selected
        self.services = services
        self.writer = writer
        self.events = events
        self.logger = logger
        queue = WorkQueue(time: time, maxDelay: .seconds(60))
        selected.onChange { [weak self] in self?.queue.add($0) }
        writer.slices.onForeignChange { [weak self] change in
            // Somebody else has changed what is ours.
            guard let slice = change.object, let key = slice.serviceKey,
                slice.metadata.labels[EndpointLabels.managedBy] == EndpointLabels.sliceController
            else { return }
            self?.queue.add(key)
        }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    func run() async {
        await queue.run(workers: 5, logger: logger, "endpoint slices not in order yet", report: report) { [self] in
            try await sync($0)
        }
    }

    private func report(_ error: any Error, _ key: ObjectKey) {
        // Others write, too, and what is going needs no endpoints.
        if let error = error as? APIError, error.isConflict || error.isNotFound || error.isNamespaceTerminating {
            return
        }
        guard let service = services.cache[key] else { return }
        events.record(
            service, .warning, reason: ControllerReason.failedToUpdateEndpointSlices,
            message: "Error updating Endpoint Slices for Service \(key): \(error)")
    }

    private func sync(_ key: ObjectKey) async throws {
        let manager = EndpointLabels.sliceController
        guard let service = services.cache[key], !service.metadata.isBeingDeleted, service.spec.type != .externalName,
            !service.spec.selector.isEmpty
        else { return try await writer.deleteAll(of: key, manager: manager) }
        // Asked before the pods are: a change that comes in between is written now, with the time of the one before.
        let time = selected.changeTime(of: key)
        let wanted = EndpointGroup.groups(of: service, pods: selected.pods(of: service))
        try await writer.write(wanted, owner: SliceOwner(service, manager: manager), time: time)
    }
}

extension EndpointGroup {
    /// A Service's endpoints, by family and by the ports that its pods have.
    static func groups(of service: Service, pods: [Pod]) -> [EndpointGroup: [Endpoint]] {
        var groups: [EndpointGroup: [Endpoint]] = [:]
        let ports = pods.map { $0.endpointPorts(of: service) }
        for family in service.spec.ipFamilies {
            var isEmpty = true
            for (pod, ports) in zip(pods, ports) {
                guard let endpoint = pod.endpoint(of: service, family) else { continue }
                groups[EndpointGroup(addressType: family.rawValue, ports: ports), default: []].append(endpoint)
                isEmpty = false
            }
            if isEmpty { groups[EndpointGroup(addressType: family.rawValue, ports: [])] = [] }
        }
        return groups
    }
}

extension SliceOwner {
    /// Slices that follow a Service's selector carry the Service's labels.
    init(_ service: Service, manager: String) {
        var labels = service.metadata.labels.filter { !EndpointLabels.own.contains($0.key) }
        labels[EndpointLabels.serviceName] = service.metadata.name
        labels[EndpointLabels.managedBy] = manager
        if service.isHeadless { labels[EndpointLabels.headless] = "" }
        self.init(
            service: service.key, manager: manager, reference: service.controllerReference, labels: labels,
            annotations: [:])
    }
}
