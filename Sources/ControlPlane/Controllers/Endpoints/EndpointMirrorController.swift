import InternetAddress
import KubernetesAPI
import Logging

/// Copies Endpoints that somebody made for a Service without selector into EndpointSlices, which is what routing and
/// names follow (`pkg/controller/endpointslicemirroring`).
final class EndpointMirrorController: Sendable {
    /// The most addresses of a subset that are copied.
    static let capacity = 1000

    private let services: Informer<Service>
    private let endpoints: FreshObjects<Endpoints>
    private let writer: SliceWriter
    private let time: TimeSource
    private let logger: Logger
    private let queue: WorkQueue<ObjectKey>

    init(
        services: Informer<Service>, endpoints: FreshObjects<Endpoints>, writer: SliceWriter, time: TimeSource,
        logger: Logger
    ) {
        self.services = services
        self.endpoints = endpoints
        self.writer = writer
        self.time = time
        self.logger = logger
        queue = WorkQueue(time: time, maxDelay: .seconds(60))
        services.onChange { [weak self] in if let key = $0.object?.key { self?.queue.add(key) } }
        endpoints.onForeignChange { [weak self] in if let key = $0.object?.key { self?.queue.add(key) } }
        writer.slices.onForeignChange { [weak self] change in
            guard let slice = change.object, let key = slice.serviceKey,
                slice.metadata.labels[EndpointLabels.managedBy] == EndpointLabels.mirroringController
            else { return }
            self?.queue.add(key)
        }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    func run() async {
        await queue.run(workers: 2, logger: logger, "endpoints not mirrored yet") { [self] in try await sync($0) }
    }

    private func sync(_ key: ObjectKey) async throws {
        let manager = EndpointLabels.mirroringController
        guard let object = endpoints[key], object.isToBeMirrored, let service = services.cache[key],
            service.spec.selector.isEmpty, service.spec.type != .externalName
        else { return try await writer.deleteAll(of: key, manager: manager) }
        let groups = EndpointGroup.groups(of: object)
        if groups.isEmpty { return try await writer.deleteAll(of: key, manager: manager) }
        try await writer.write(groups, owner: SliceOwner(object, manager: manager), time: time.preciseNow)
    }
}

extension Endpoints {
    fileprivate var isToBeMirrored: Bool {
        !metadata.isBeingDeleted && !isFollowing && metadata.labels[EndpointLabels.skipMirror] != "true"
            && metadata.annotations[EndpointLabels.leader] == nil
    }
}

extension EndpointGroup {
    /// The addresses of hand-made Endpoints, by family and ports.
    static func groups(of object: Endpoints) -> [EndpointGroup: [Endpoint]] {
        var groups: [EndpointGroup: [Endpoint]] = [:]
        for subset in object.subsets {
            let ports = subset.ports.map { port in
                var entry = DiscoveryEndpointPort()
                entry.name = port.name
                entry.protocol = port.protocol
                entry.port = port.port
                entry.appProtocol = port.appProtocol
                return entry
            }
            let all = subset.addresses.map { ($0, true) } + subset.notReadyAddresses.map { ($0, false) }
            for (address, isReady) in all.prefix(EndpointMirrorController.capacity) {
                guard let parsed = IPAddress(address.ip) else { continue }
                var endpoint = Endpoint()
                endpoint.addresses = [address.ip]
                endpoint.conditions.ready = isReady
                endpoint.hostname = address.hostname.isEmpty ? nil : address.hostname
                endpoint.nodeName = address.nodeName
                endpoint.targetRef = address.targetRef
                let group = EndpointGroup(addressType: IPFamily(parsed.family).rawValue, ports: ports)
                groups[group, default: []].append(endpoint)
            }
        }
        return groups
    }
}

extension SliceOwner {
    /// Mirrored slices belong to the Endpoints, and carry their labels and annotations.
    init(_ object: Endpoints, manager: String) {
        var labels = object.metadata.labels.filter { !EndpointLabels.own.contains($0.key) }
        labels[EndpointLabels.serviceName] = object.metadata.name
        labels[EndpointLabels.managedBy] = manager
        let annotations = object.metadata.annotations.filter {
            ![EndpointLabels.lastApplied, EndpointLabels.lastChange, EndpointLabels.overCapacity].contains($0.key)
        }
        self.init(
            service: object.key, manager: manager, reference: object.controllerReference, labels: labels,
            annotations: annotations)
    }
}
