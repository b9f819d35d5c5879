import InternetAddress
import KubernetesAPI
import Logging

/// Gives Services of type LoadBalancer the node's addresses: what a cloud's service controller does, with the node
/// itself as the balancer. An address has each port once, so of several Services that want the same one the first has it
/// and the others stay pending until it is free.
final class LoadBalancerController: Sendable {
    private let client: APIClient
    private let logger: Logger
    private let services: FreshObjects<Service>
    private let nodes: Informer<Node>
    private let events: EventRecorder
    private let queue: WorkQueue<ObjectKey>

    init(
        client: APIClient, services: Informer<Service>, nodes: Informer<Node>, events: EventRecorder, time: TimeSource,
        logger: Logger
    ) {
        self.client = client
        self.logger = logger
        self.services = FreshObjects(services)
        self.nodes = nodes
        self.events = events
        queue = WorkQueue(time: time, maxDelay: .seconds(60))
        services.onChange { [weak self] in self?.serviceChanged($0) }
        nodes.onChange { [weak self] change in
            if case .modified(let old, let new) = change, old.status.addresses == new.status.addresses { return }
            self?.addBalanced { _ in true }
        }
    }

    /// Works until the task is cancelled. One at a time: who has a port is decided from what the others have.
    func run() async {
        await queue.run(logger: logger, "load balancer not in order yet") { [self] in try await sync($0) }
    }

    private func serviceChanged(_ change: ObjectChange<Service>) {
        guard let service = change.object else { return }
        var had = service
        if case .modified(let old, _) = change { had = old }
        let concerns = [had, service].contains { $0.spec.type == .loadBalancer || !$0.status.ingress.isEmpty }
        guard concerns else { return }
        queue.add(service.key)
        // What it gave up may be what others wait for.
        if !had.status.ingress.isEmpty { addBalanced { $0.status.ingress.isEmpty } }
    }

    private func addBalanced(_ condition: (Service) -> Bool) {
        for service in services.all where service.spec.type == .loadBalancer && condition(service) {
            queue.add(service.key)
        }
    }

    private func sync(_ key: ObjectKey) async throws {
        guard let service = services[key], !service.metadata.isBeingDeleted else { return }
        // A class names another balancer than the one that every cluster has.
        guard service.spec.type != .loadBalancer || service.spec.loadBalancerClass == nil else { return }
        var wanted: [LoadBalancerIngress] = []
        if service.spec.type == .loadBalancer {
            if let other = conflicting(with: service) {
                events.record(
                    service, .warning, reason: ControllerReason.syncLoadBalancerFailed,
                    message: "Error syncing load balancer: the node's port is taken by service \(other.key)")
            } else {
                wanted = ingress(for: service)
            }
        }
        guard wanted != service.status.ingress else { return }
        var changed = service
        changed.status.loadBalancer.ingress = wanted
        do {
            services.wrote(try await client.updateStatus(changed))
        } catch let error as APIError where error.isNotFound || error.isConflict {
            return  // what changed it is on the way here
        }
        events.record(
            service,
            reason: wanted.isEmpty ? ControllerReason.deletedLoadBalancer : ControllerReason.ensuredLoadBalancer,
            message: wanted.isEmpty ? "Deleted load balancer" : "Ensured load balancer")
    }

    /// A Service that has an address of the node and one of the ports.
    private func conflicting(with service: Service) -> Service? {
        let ports = service.balancedPorts
        return services.all.filter {
            $0.key != service.key && $0.spec.type == .loadBalancer && !$0.status.ingress.isEmpty
                && !$0.balancedPorts.isDisjoint(with: ports)
        }.min { $0.key < $1.key }
    }

    private func ingress(for service: Service) -> [LoadBalancerIngress] {
        let addresses = nodes.cache.all.sorted { $0.key < $1.key }.flatMap(\.status.addresses)
            .filter { $0.type == .internalIP }.compactMap { IPAddress($0.address) }
        return service.spec.ipFamilies.flatMap { family in
            addresses.filter { IPFamily($0.family) == family }.map { address in
                var ingress = LoadBalancerIngress()
                ingress.ip = address.description
                ingress.ipMode = .vip
                return ingress
            }
        }
    }
}

extension Service {
    fileprivate var balancedPorts: Set<String> { Set(spec.ports.map { "\($0.port)/\($0.protocol)" }) }
}

extension ServiceStatus {
    fileprivate var ingress: [LoadBalancerIngress] { loadBalancer.ingress }
}
