internal import Foundation

extension Namespace: DefaultedObject {
    /// Each namespace carries its name as a label, so that selectors can name it.
    public mutating func setDefaults() {
        if !metadata.name.isEmpty { metadata.labels["kubernetes.io/metadata.name"] = metadata.name }
    }

    /// The finalizer holds a deleted namespace until its content is gone.
    public mutating func prepareForCreate() {
        status = NamespaceStatus()
        status.phase = .active
        if !spec.finalizers.contains(.kubernetes) { spec.finalizers.append(.kubernetes) }
    }
}

extension Secret: DefaultedObject {
    /// `stringData` is for writing only: its values replace those of `data`.
    public mutating func setDefaults() {
        if type.isEmpty { type = .opaque }
        for (key, text) in stringData { data[key] = Data(text.utf8) }
        stringData = [:]
    }
}

extension Service: DefaultedObject {
    /// `SetDefaults_Service`, and what the registry adds on a node with IPv4 only.
    public mutating func setDefaults() {
        if spec.sessionAffinity.isEmpty { spec.sessionAffinity = .none }
        if spec.sessionAffinity == .none {
            spec.sessionAffinityConfig = nil
        } else if spec.sessionAffinityConfig?.clientIP?.timeoutSeconds == nil {
            var client = ClientIPConfig()
            client.timeoutSeconds = 10800
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
        guard spec.type != .externalName else { return }
        if spec.type != .clusterIP || !spec.externalIPs.isEmpty, spec.externalTrafficPolicy.isEmpty {
            spec.externalTrafficPolicy = .cluster
        }
        if spec.internalTrafficPolicy == nil { spec.internalTrafficPolicy = .cluster }
        if spec.type == .loadBalancer, spec.allocateLoadBalancerNodePorts == nil {
            spec.allocateLoadBalancerNodePorts = true
        }
        if spec.ipFamilyPolicy == nil { spec.ipFamilyPolicy = .singleStack }
        if spec.ipFamilies.isEmpty { spec.ipFamilies = [.iPv4] }
    }

    public mutating func prepareForCreate() { status = ServiceStatus() }
}
