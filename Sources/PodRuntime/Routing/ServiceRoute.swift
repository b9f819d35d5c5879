public import InternetAddress

public enum Transport: String, Sendable, Hashable, CaseIterable {
    case tcp, udp
}

/// Where connections to some addresses of this machine go: what one port of a service is to the kernel.
///
/// A route is of one family: that of its backends and frontends.
public struct ServiceRoute: Sendable, Hashable {
    /// Where connections are made to.
    public enum Frontend: Sendable, Hashable {
        /// An address of the service range.
        case cluster(IPAddress, UInt16)
        /// Another address that is routed to this machine, or its own (external addresses, load balancers).
        case external(IPAddress, UInt16)
        /// A port on every address that the machine has, 127.0.0.1 included.
        case nodePort(UInt16, IPAddress.Family)
        /// A port on one address of the machine, or on all where it is nil. The source is always kept.
        case hostPort(IPAddress?, UInt16)
    }

    public struct Backend: Sendable, Hashable {
        public var address: IPAddress
        public var port: UInt16

        public init(address: IPAddress, port: UInt16) {
            self.address = address
            self.port = port
        }
    }

    /// Unique; it names the chains in the kernel and stands in errors, e.g. `namespace/name:port/tcp`.
    public var id: String
    public var transport: Transport
    /// Of two routes that claim one frontend, the one with the lower `id` has it.
    public var frontends: [Frontend]
    /// Who gets connections, each an equal share. Where there are none, connections are refused at once: TCP by a reset,
    /// UDP by ICMP "port unreachable".
    public var backends: [Backend]
    /// Connections of one source go to one backend as long as no more than this many seconds lie between them; nil: each
    /// by itself. A backend that leaves is forgotten.
    public var affinitySeconds: Int?
    /// Backends see who connects to node ports and external addresses; otherwise they see this machine. Without backends
    /// such connections are dropped then, not refused (externalTrafficPolicy: Local).
    public var keepsSource: Bool
    /// Who may connect to the external addresses (loadBalancerSourceRanges); others' packets are dropped. Empty: all.
    /// Other frontends are not restricted, nor are ranges of another family looked at.
    public var sourceRanges: [IPRange]

    public init(
        id: String, transport: Transport, frontends: [Frontend], backends: [Backend], affinitySeconds: Int? = nil,
        keepsSource: Bool = false, sourceRanges: [IPRange] = []
    ) {
        self.id = id
        self.transport = transport
        self.frontends = frontends
        self.backends = backends
        self.affinitySeconds = affinitySeconds
        self.keepsSource = keepsSource
        self.sourceRanges = sourceRanges
    }
}
