extension Service: DefaultedObject {
    /// `ClientIP` affinity ends after three hours without a connection.
    public static let defaultAffinitySeconds: Int32 = 10800

    /// `SetDefaults_Service`. Addresses, families and node ports depend on the cluster: the API server fills them in.
    public mutating func setDefaults() {
        if spec.sessionAffinity.isEmpty { spec.sessionAffinity = .none }
        if spec.sessionAffinity == .none {
            spec.sessionAffinityConfig = nil
        } else if spec.sessionAffinityConfig?.clientIP?.timeoutSeconds == nil {
            var client = ClientIPConfig()
            client.timeoutSeconds = Self.defaultAffinitySeconds
            var affinity = SessionAffinityConfig()
            affinity.clientIP = client
            spec.sessionAffinityConfig = affinity
        }
        if spec.type.isEmpty { spec.type = .clusterIP }
        for index in spec.ports.indices {
            if spec.ports[index].protocol.isEmpty { spec.ports[index].protocol = .tcp }
            switch spec.ports[index].targetPort {
            case nil, .int(0), .string(""): spec.ports[index].targetPort = .int(spec.ports[index].port)
            default: break
            }
        }
        if isExternallyAccessible, spec.externalTrafficPolicy.isEmpty { spec.externalTrafficPolicy = .cluster }
        if spec.type != .externalName, spec.internalTrafficPolicy == nil { spec.internalTrafficPolicy = .cluster }
        if spec.type == .loadBalancer, spec.allocateLoadBalancerNodePorts == nil {
            spec.allocateLoadBalancerNodePorts = true
        }
        for index in status.loadBalancer.ingress.indices where !status.loadBalancer.ingress[index].ip.isEmpty {
            if status.loadBalancer.ingress[index].ipMode == nil {
                status.loadBalancer.ingress[index].ipMode = .vip
            }
        }
    }

    public mutating func prepareForCreate() { status = ServiceStatus() }
}

extension Endpoints: DefaultedObject {
    /// `SetDefaults_Endpoints`.
    public mutating func setDefaults() {
        for subset in subsets.indices {
            for port in subsets[subset].ports.indices where subsets[subset].ports[port].protocol.isEmpty {
                subsets[subset].ports[port].protocol = .tcp
            }
        }
    }
}

extension EndpointSlice: DefaultedObject {
    /// `SetDefaults_EndpointPort`.
    public mutating func setDefaults() {
        for index in ports.indices {
            if ports[index].name == nil { ports[index].name = "" }
            if ports[index].protocol == nil { ports[index].protocol = .tcp }
        }
    }
}
