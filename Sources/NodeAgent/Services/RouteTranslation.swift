import InternetAddress
import KubernetesAPI
import PodRuntime

/// From a Service and its EndpointSlices to what the kernel is to do (kube-proxy: `pkg/proxy/serviceport.go`,
/// `endpointslicecache.go`, `topology.go`). Pure: equal arguments give equal routes.
///
/// A port of a service becomes one route for each family of its cluster addresses. Its outside frontends (node port,
/// external addresses, load balancer) share that route where `externalTrafficPolicy` and `internalTrafficPolicy` agree,
/// and have one of their own where they do not. All pods of this cluster are on this node, so that connections from
/// pods to outside frontends need no exception from the policy Local.
struct RouteTranslation: Sendable {
    /// Endpoints with this `nodeName` are local.
    var nodeName: String

    /// What the node knows of a pod before the slices do.
    enum Departure: Sendable, Hashable {
        /// It is about to end: it gets connections only where nobody else serves.
        case leaving
        /// Nothing of it is left: its address may be another's.
        case gone
    }

    /// What a service has that cannot be routed, for its events.
    struct Problem: Sendable, Hashable {
        var reason: String
        var message: String
    }

    struct Result: Sendable, Hashable {
        var routes: [ServiceRoute] = []
        var problems: [Problem] = []
    }

    /// Another program routes this service (kube-proxy's `--proxy-name`).
    static let proxyNameLabel = "service.kubernetes.io/service-proxy-name"
    static let headlessLabel = "service.kubernetes.io/headless"
    /// The default of `sessionAffinityConfig.clientIP.timeoutSeconds`.
    static let defaultAffinitySeconds = 10800

    /// - Parameters:
    ///   - slices: those that carry the service's name; others' families, ports and doubles may be among them.
    ///   - departures: by pod uid.
    func translate(
        _ service: Service, slices: [EndpointSlice], departures: [String: Departure] = [:]
    ) -> Result {
        var result = Result()
        guard Self.isRouted(service) else { return result }
        let slices = slices.sorted { $0.metadata.name < $1.metadata.name }
        for port in service.spec.ports {
            guard let transport = Transport(port.protocol), let number = UInt16(port: port.port) else {
                result.problems.append(.unsupported(port))
                continue
            }
            for text in Self.clusterAddresses(service) {
                guard let address = IPAddress(text) else {
                    result.problems.append(.invalid(text))
                    continue
                }
                let endpoints = PortEndpoints(
                    of: port, family: address.family, slices: slices, departures: departures, nodeName: nodeName)
                result.routes += routes(service, port, number, transport, address, endpoints)
            }
        }
        for text in service.spec.externalIPs where IPAddress(text) == nil { result.problems.append(.invalid(text)) }
        return result
    }

    /// Whether it has addresses to lead anywhere at all.
    static func isRouted(_ service: Service) -> Bool {
        let labels = service.metadata.labels
        return service.spec.type != .externalName && labels[proxyNameLabel] == nil && labels[headlessLabel] == nil
            && hasClusterAddress(service)
    }

    /// ExternalName services have none, and headless ones have "None".
    static func hasClusterAddress(_ service: Service) -> Bool {
        service.spec.type != .externalName && !service.spec.clusterIP.isEmpty && service.spec.clusterIP != "None"
    }

    private static func clusterAddresses(_ service: Service) -> [String] {
        service.spec.clusterIPs.isEmpty ? [service.spec.clusterIP] : service.spec.clusterIPs
    }

    // MARK: One port, one family

    private func routes(
        _ service: Service, _ port: ServicePort, _ number: UInt16, _ transport: Transport, _ address: IPAddress,
        _ endpoints: PortEndpoints
    ) -> [ServiceRoute] {
        let spec = service.spec
        let family = address.family
        let affinity =
            spec.sessionAffinity == .clientIP
            ? Int(spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? Int32(Self.defaultAffinitySeconds)) : nil
        let id =
            "\(service.key):\(port.name.isEmpty ? String(number) : port.name)/\(transport.rawValue)"
            + (family == .v6 ? "/v6" : "")
        func route(_ suffix: String, _ frontends: [ServiceRoute.Frontend], isLocal: Bool) -> ServiceRoute {
            ServiceRoute(
                id: id + suffix, transport: transport, frontends: frontends,
                backends: endpoints.usable(onlyLocal: isLocal), affinitySeconds: affinity,
                // Without an endpoint anywhere a connection is refused, whatever the policy; it is dropped where others
                // might serve it.
                keepsSource: isLocal && !endpoints.usable(onlyLocal: false).isEmpty)
        }

        var outside = Set(spec.externalIPs.compactMap { IPAddress($0) }).sorted().filter { $0.family == family }
            .map { ServiceRoute.Frontend.external($0, number) }
        if let nodePort = UInt16(port: port.nodePort), spec.type == .nodePort || spec.type == .loadBalancer {
            outside.append(.nodePort(nodePort, family))
        }
        let balancers = Self.balancerAddresses(service).filter { $0.family == family }
            .map { ServiceRoute.Frontend.external($0, number) }.filter { !outside.contains($0) }
        let ranges = Self.sourceRanges(service, family)
        if ranges.isEmpty { outside += balancers }

        let isInternalLocal = spec.internalTrafficPolicy == .local
        let isExternalLocal = spec.externalTrafficPolicy == .local
        let inside: [ServiceRoute.Frontend] = [.cluster(address, number)]
        var routes: [ServiceRoute] = []
        if outside.isEmpty {
            var only = route("", inside, isLocal: isInternalLocal)
            only.keepsSource = false
            routes.append(only)
        } else if isInternalLocal == isExternalLocal {
            routes.append(route("", inside + outside, isLocal: isInternalLocal))
        } else {
            var own = route("", inside, isLocal: isInternalLocal)
            own.keepsSource = false
            routes.append(own)
            routes.append(route("/external", outside, isLocal: isExternalLocal))
        }
        if !ranges.isEmpty, !balancers.isEmpty {
            var balanced = route("/loadbalancer", balancers, isLocal: isExternalLocal)
            balanced.sourceRanges = ranges
            routes.append(balanced)
        }
        return routes
    }

    /// Those that lead here; with ipMode Proxy the balancer itself ends connections (KEP-1860).
    private static func balancerAddresses(_ service: Service) -> [IPAddress] {
        guard service.spec.type == .loadBalancer else { return [] }
        let addresses = service.status.loadBalancer.ingress.filter { $0.ipMode != .proxy }
            .compactMap { IPAddress($0.ip) }
        return Set(addresses).sorted()
    }

    /// Of a family; none of it, or all of it, is no restriction.
    private static func sourceRanges(_ service: Service, _ family: IPAddress.Family) -> [IPRange] {
        let ranges = service.spec.loadBalancerSourceRanges.compactMap(IPRange.init(loosely:))
            .filter { $0.family == family }
        return ranges.contains { $0.prefixLength == 0 } ? [] : Set(ranges).sorted { $0.network < $1.network }
    }

    // MARK: Host ports

    /// Host ports of a pod, each led to its address of the family that was asked for.
    static func hostPorts(of uid: String, _ claims: [HostPortClaim], addresses: [IPAddress]) -> [ServiceRoute] {
        claims.flatMap { claim in
            addresses.compactMap { address in
                guard let transport = Transport(claim.transport),
                    claim.hostAddress.map({ $0.family == address.family }) ?? true
                else { return nil }
                let host = claim.hostAddress.flatMap { $0.isUnspecified ? nil : $0 }
                return ServiceRoute(
                    id: "hostport:\(uid):\(claim)" + (address.family == .v6 ? "/v6" : ""), transport: transport,
                    frontends: [.hostPort(host, claim.hostPort)],
                    backends: [ServiceRoute.Backend(address: address, port: claim.containerPort)], keepsSource: true)
            }
        }
    }
}

extension RouteTranslation.Problem {
    fileprivate static func unsupported(_ port: ServicePort) -> Self {
        let name = port.name.isEmpty ? "\(port.port)" : "\(port.name) (\(port.port))"
        return Self(
            reason: ServiceEventReason.unsupportedProtocol,
            message: "port \(name) is not routed: protocol \(port.protocol.rawValue) is not supported on this node")
    }

    fileprivate static func invalid(_ address: String) -> Self {
        Self(
            reason: ServiceEventReason.invalidAddress,
            message: "address \"\(address)\" is not routed: it is no IP address")
    }
}

extension Transport {
    /// Nil where connections of the protocol are not routed.
    init?(_ name: KubernetesAPI.`Protocol`) {
        switch name {
        case .tcp, KubernetesAPI.`Protocol`(rawValue: ""): self = .tcp
        case .udp: self = .udp
        default: return nil
        }
    }
}

extension UInt16 {
    /// 1 to 65535; nil for what is no port.
    init?(port: Int32) {
        guard port > 0, let number = UInt16(exactly: port) else { return nil }
        self = number
    }
}

extension IPRange {
    /// As Go's net.ParseCIDR and the API take it: host bits count for nothing, nor do spaces around it.
    fileprivate init?(loosely text: String) {
        let parts = text.filter { $0 != " " }.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = UInt8(parts[1]),
            length <= address.family.bits
        else { return nil }
        self.init(address, prefixLength: length)
    }
}
