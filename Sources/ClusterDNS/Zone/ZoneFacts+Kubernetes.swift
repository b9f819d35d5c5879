import InternetAddress
import KubernetesAPI

extension ServiceKey {
    init(_ object: some KubernetesObject) {
        self.init(namespace: object.metadata.namespace, name: object.metadata.name)
    }
}

extension ZoneService {
    /// A Service's `clusterIP` that says that it has none.
    static let headless = "None"

    init(_ service: KubernetesAPI.Service) {
        let spec = service.spec
        if spec.type == .externalName {
            kind = .alias(spec.externalName.isEmpty ? nil : DomainName(spec.externalName))
        } else if spec.clusterIP == Self.headless {
            kind = .headless
        } else {
            let texts = spec.clusterIPs.isEmpty ? [spec.clusterIP] : spec.clusterIPs
            kind = .cluster(texts.compactMap { IPAddress($0) })
        }
        ports = spec.ports.compactMap { Port(name: $0.name, transport: $0.protocol.rawValue, number: $0.port) }
    }
}

extension ZoneService.Port {
    /// - Parameter transport: as the API has it; empty is TCP.
    fileprivate init?(name: String?, transport: String?, number: Int32?) {
        guard let number, let number = UInt16(exactly: number) else { return nil }
        switch transport ?? "" {
        case "", "TCP": self.transport = .tcp
        case "UDP": self.transport = .udp
        case "SCTP": self.transport = .sctp
        default: return nil
        }
        self.name = name ?? ""
        self.number = number
    }
}

extension ZoneSlice {
    /// The label that says whose endpoints they are.
    static let serviceNameLabel = "kubernetes.io/service-name"

    /// The endpoints that are ready; where nothing is said of that, they are. Nil where the slice is no Service's, or
    /// its endpoints have no addresses but names.
    init?(_ slice: EndpointSlice) {
        guard let name = slice.metadata.labels[Self.serviceNameLabel], !name.isEmpty,
            ["IPv4", "IPv6"].contains(slice.addressType)
        else { return nil }
        service = ServiceKey(namespace: slice.metadata.namespace, name: name)
        endpoints = slice.endpoints.compactMap { endpoint in
            guard endpoint.conditions.ready != false else { return nil }
            return Endpoint(
                addresses: endpoint.addresses.compactMap { IPAddress($0) },
                hostname: endpoint.hostname ?? "")
        }
        ports = slice.ports.compactMap {
            ZoneService.Port(name: $0.name, transport: $0.protocol?.rawValue, number: $0.port)
        }
    }
}
