import InternetAddress

/// The protocols that SRV names have a label for.
enum PortProtocol: String, Sendable, Hashable {
    case tcp = "_tcp"
    case udp = "_udp"
    case sctp = "_sctp"
}

/// What the zone needs to know of a Service.
struct ZoneService: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// The cluster addresses; none yet where they are not allocated.
        case cluster([IPAddress])
        case headless
        /// ExternalName; nil where what it says is no name.
        case alias(DomainName?)
    }

    struct Port: Sendable, Hashable {
        /// Empty where it has none.
        var name: String
        var transport: PortProtocol
        var number: UInt16
    }

    var kind: Kind
    var ports: [Port] = []
}

/// What the zone needs to know of an EndpointSlice: its ready endpoints.
struct ZoneSlice: Sendable, Hashable {
    struct Endpoint: Sendable, Hashable {
        var addresses: [IPAddress]
        /// Empty where the pod has none.
        var hostname: String = ""
    }

    var service: ServiceKey
    var endpoints: [Endpoint]
    var ports: [ZoneService.Port] = []
}

/// Namespace and name.
struct ServiceKey: Sendable, Hashable {
    var namespace: String
    var name: String
}
