import InternetAddress
import KubernetesAPI

extension Pod {
    /// What of a pod decides whether and how it is an endpoint, but its labels.
    struct EndpointFacts: Equatable {
        var uid: String
        var addresses: [String]
        var node: String
        var hostname: String
        var subdomain: String
        var isReady: Bool
        var isGoing: Bool
        var hasEnded: Bool
    }

    var endpointFacts: EndpointFacts {
        EndpointFacts(
            uid: metadata.uid, addresses: status.podIPs.map(\.ip) + [status.podIP], node: spec.nodeName,
            hostname: spec.hostname, subdomain: spec.subdomain, isReady: isReady,
            isGoing: metadata.isBeingDeleted, hasEnded: isTerminated)
    }

    /// Its address of a family; nil where it has none (yet).
    func address(_ family: IPFamily) -> String? {
        let all = status.podIPs.isEmpty ? [status.podIP] : status.podIPs.map(\.ip)
        return all.first { text in IPAddress(text).map { IPFamily($0.family) == family } ?? false }
    }

    var endpointReference: ObjectReference {
        var reference = ObjectReference()
        reference.kind = Pod.groupVersionKind.kind
        reference.namespace = metadata.namespace
        reference.name = metadata.name
        reference.uid = metadata.uid
        return reference
    }

    /// The name of its own that it has within a Service.
    func hostname(in service: Service) -> String? {
        guard !spec.hostname.isEmpty, spec.subdomain == service.metadata.name,
            metadata.namespace == service.metadata.namespace
        else { return nil }
        return spec.hostname
    }

    /// The number of a Service's port on this pod; nil where the port is named and the pod has none of that name.
    func number(of port: ServicePort) -> Int32? {
        switch port.targetPort {
        case .int(let number): return number
        case .string(let name):
            let sidecars = spec.initContainers.filter { $0.restartPolicy?.rawValue == "Always" }
            for container in spec.containers + sidecars {
                for candidate in container.ports
                where candidate.name == name && candidate.protocol == port.protocol {
                    return candidate.containerPort
                }
            }
            return nil
        case nil: return port.port
        }
    }

    /// The ports of a Service that this pod has.
    func endpointPorts(of service: Service) -> [DiscoveryEndpointPort] {
        service.spec.ports.compactMap { port in
            guard let number = number(of: port) else { return nil }
            var entry = DiscoveryEndpointPort()
            entry.name = port.name
            entry.protocol = port.protocol
            entry.port = number
            entry.appProtocol = port.appProtocol
            return entry
        }
    }

    /// The pod as an endpoint of a Service; nil where it has ended, or has no address of the family.
    func endpoint(of service: Service, _ family: IPFamily) -> Endpoint? {
        guard !isTerminated, let address = address(family) else { return nil }
        let isGoing = metadata.isBeingDeleted
        var endpoint = Endpoint()
        endpoint.addresses = [address]
        // A pod that is going takes no new connections, even while it would (KEP-1672).
        endpoint.conditions.ready = service.spec.publishNotReadyAddresses || isReady && !isGoing
        endpoint.conditions.serving = isReady
        endpoint.conditions.terminating = isGoing
        endpoint.hostname = hostname(in: service)
        endpoint.nodeName = spec.nodeName.isEmpty ? nil : spec.nodeName
        endpoint.targetRef = endpointReference
        return endpoint
    }
}
