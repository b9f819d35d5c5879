extension Service {
    /// The value of `spec.clusterIP` of a service without an address of its own.
    public static let headlessAddress = "None"

    /// Whether its name leads straight to its endpoints.
    public var isHeadless: Bool {
        spec.clusterIPs.first == Self.headlessAddress || spec.clusterIP == Self.headlessAddress
    }

    /// Whether it is of a type that has cluster addresses, or none on purpose.
    public var needsClusterAddress: Bool { spec.type != .externalName }

    /// Whether it is of a type that is reached through ports of the node.
    public var needsNodePorts: Bool { spec.type == .nodePort || spec.type == .loadBalancer }

    /// Whether load balancers ask the node for its health: a port is theirs for that.
    public var needsHealthCheckPort: Bool { spec.type == .loadBalancer && spec.externalTrafficPolicy == .local }

    /// Whether it is reached from outside of the cluster.
    public var isExternallyAccessible: Bool {
        needsNodePorts || spec.type == .clusterIP && !spec.externalIPs.isEmpty
    }
}

/// The rules of `ValidateService` and `ValidateServiceUpdate` (`pkg/apis/core/validation`). The API validates a service
/// when it has its addresses and ports.
extension Service: ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.dns1035Label(name) }

    /// The port of the kubelet, which no load balancer may take.
    private static let kubeletPort: Int32 = 10250

    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("spec")
        if spec.ports.isEmpty, !isHeadless, spec.type != .externalName { errors.required(path.child("ports")) }
        validateType(at: path, into: &errors)
        validatePorts(at: path.child("ports"), into: &errors)
        spec.selector.validateLabels(at: path.child("selector"), into: &errors)
        validateAffinity(at: path, into: &errors)
        validateAddresses(into: &errors)
        for (index, address) in spec.externalIPs.enumerated() {
            errors.requireOrdinaryAddress(path.child("externalIPs")[index], address)
        }
        validateLoadBalancer(at: path, into: &errors)
        validatePolicies(at: path, into: &errors)
    }

    private func validateType(at path: FieldPath, into errors: inout FieldErrors) {
        errors.requireKnown(
            path.child("type"), spec.type, of: [.clusterIP, .externalName, .loadBalancer, .nodePort])
        switch spec.type {
        case .externalName:
            let problem = "may not be set for ExternalName services"
            if !spec.clusterIPs.isEmpty || !spec.clusterIP.isEmpty {
                errors.forbidden(path.child("clusterIPs"), problem)
            }
            if !spec.ipFamilies.isEmpty { errors.forbidden(path.child("ipFamilies"), problem) }
            if spec.ipFamilyPolicy != nil { errors.forbidden(path.child("ipFamilyPolicy"), problem) }
            let name = spec.externalName.hasSuffix(".") ? String(spec.externalName.dropLast()) : spec.externalName
            if name.isEmpty {
                errors.required(path.child("externalName"))
            } else {
                errors.invalid(path.child("externalName"), spec.externalName, NameRules.dns1123Subdomain(name))
            }
        case .loadBalancer, .nodePort:
            if isHeadless {
                errors.invalid(
                    path.child("clusterIPs")[0], Self.headlessAddress,
                    "may not be set to 'None' for \(spec.type) services")
            }
        default: break
        }
    }

    private func validatePorts(at path: FieldPath, into errors: inout FieldErrors) {
        var names: Set<String> = []
        var ports: Set<String> = []
        var nodePorts: Set<String> = []
        for (index, port) in spec.ports.enumerated() {
            let path = path[index]
            if port.name.isEmpty {
                if spec.ports.count > 1 { errors.required(path.child("name")) }
            } else {
                errors.invalid(path.child("name"), port.name, NameRules.dns1123Label(port.name))
                if !names.insert(port.name).inserted { errors.duplicate(path.child("name"), port.name) }
            }
            errors.requirePort(path.child("port"), port.port)
            errors.requireKnown(path.child("protocol"), port.protocol, of: Container.protocols)
            errors.requirePort(path.child("targetPort"), port.targetPort)
            if let name = port.appProtocol {
                errors.invalid(path.child("appProtocol"), name, NameRules.qualifiedName(name))
            }
            if spec.type == .loadBalancer, port.port == Self.kubeletPort {
                errors.invalid(
                    path, port.port,
                    "may not expose port \(Self.kubeletPort) externally since it is used by kubelet")
            }
            if !ports.insert("\(port.port)/\(port.protocol)").inserted {
                var key = ServicePort()
                key.port = port.port
                key.protocol = port.protocol
                errors.duplicate(path, key)
            }
            guard port.nodePort != 0 else { continue }
            if !needsNodePorts {
                errors.forbidden(path.child("nodePort"), "may not be used when `type` is '\(spec.type)'")
            } else {
                errors.requirePort(path.child("nodePort"), port.nodePort)
                if !nodePorts.insert("\(port.nodePort)/\(port.protocol)").inserted {
                    errors.duplicate(path.child("nodePort"), port.nodePort)
                }
            }
        }
    }

    private func validateAffinity(at path: FieldPath, into errors: inout FieldErrors) {
        errors.requireKnown(path.child("sessionAffinity"), spec.sessionAffinity, of: [.clientIP, .none])
        let config = path.child("sessionAffinityConfig")
        if spec.sessionAffinity == .none, spec.sessionAffinityConfig != nil {
            errors.forbidden(config, "must not be set when session affinity is None")
        }
        guard spec.sessionAffinity == .clientIP else { return }
        let seconds = config.child("clientIP").child("timeoutSeconds")
        guard let timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds else {
            return errors.required(seconds, "when session affinity type is ClientIP")
        }
        if !(1...86400).contains(timeout) {
            errors.invalid(seconds, timeout, "must be greater than 0 and less than 86400")
        }
    }

    private func validateLoadBalancer(at path: FieldPath, into errors: inout FieldErrors) {
        let isBalancer = spec.type == .loadBalancer
        let only = "may only be used when `type` is 'LoadBalancer'"
        if !spec.loadBalancerSourceRanges.isEmpty {
            let path = path.child("loadBalancerSourceRanges")
            if !isBalancer { errors.forbidden(path, only) }
            for (index, text) in spec.loadBalancerSourceRanges.enumerated() { errors.requireRange(path[index], text) }
        }
        let isAllocatingSet = spec.allocateLoadBalancerNodePorts != nil
        if isAllocatingSet, !isBalancer { errors.forbidden(path.child("allocateLoadBalancerNodePorts"), only) }
        if !isAllocatingSet, isBalancer { errors.required(path.child("allocateLoadBalancerNodePorts")) }
        if let name = spec.loadBalancerClass {
            if !isBalancer { errors.forbidden(path.child("loadBalancerClass"), only) }
            errors.invalid(path.child("loadBalancerClass"), name, NameRules.qualifiedName(name))
        }
    }

    private func validatePolicies(at path: FieldPath, into errors: inout FieldErrors) {
        let external = path.child("externalTrafficPolicy")
        if isExternallyAccessible {
            errors.requireKnown(external, spec.externalTrafficPolicy, of: [.cluster, .local])
        } else if !spec.externalTrafficPolicy.isEmpty {
            errors.invalid(
                external, spec.externalTrafficPolicy.rawValue, "may only be set for externally-accessible services")
        }
        let health = path.child("healthCheckNodePort")
        if needsHealthCheckPort {
            if spec.healthCheckNodePort == 0 {
                errors.required(health)
            } else {
                errors.requirePort(health, spec.healthCheckNodePort)
            }
        } else if spec.healthCheckNodePort != 0 {
            errors.invalid(
                health, spec.healthCheckNodePort,
                "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'")
        }
        if let policy = spec.internalTrafficPolicy {
            errors.requireKnown(path.child("internalTrafficPolicy"), policy, of: [.cluster, .local])
        } else if spec.type != .externalName {
            errors.required(path.child("internalTrafficPolicy"))
        }
        if let distribution = spec.trafficDistribution {
            let known = ["PreferClose", "PreferSameZone", "PreferSameNode"]
            if !known.contains(distribution) {
                errors.notSupported(path.child("trafficDistribution"), distribution, known)
            }
        }
    }

    public var unsupportedFieldWarnings: [String] {
        SupportedFields.service.warnings(on: spec.json, at: FieldPath("spec"))
    }
}

// MARK: Updates

extension Service {
    /// A service keeps its addresses and families for its life, unless it becomes or was an ExternalName. A second one
    /// may come and go.
    public func validateUpdate(from old: Service, into errors: inout FieldErrors) {
        if needsHealthCheckPort, old.needsHealthCheckPort, spec.healthCheckNodePort != old.spec.healthCheckNodePort {
            errors.forbidden(FieldPath("spec.healthCheckNodePort"), FieldErrors.immutable)
        }
        if spec.type == .loadBalancer, old.spec.type == .loadBalancer,
            spec.loadBalancerClass != old.spec.loadBalancerClass
        {
            errors.invalid(
                FieldPath("spec.loadBalancerClass"), spec.loadBalancerClass ?? "", "may not change once set")
        }
        guard spec.type != .externalName, old.spec.type != .externalName else { return }
        if !isHeadless || !old.isHeadless {
            validateKept(
                FieldPath("spec.clusterIPs"), spec.clusterIPs, old.spec.clusterIPs,
                "primary clusterIP can not be unset",
                into: &errors)
        }
        // Without a selector and an address the families are whatever its author says.
        if !isHeadless || !spec.selector.isEmpty {
            validateKept(
                FieldPath("spec.ipFamilies"), spec.ipFamilies.map(\.rawValue), old.spec.ipFamilies.map(\.rawValue),
                "primary ipFamily can not be unset", into: &errors)
        }
    }

    private func validateKept(
        _ path: FieldPath, _ new: [String], _ old: [String], _ unset: String, into errors: inout FieldErrors
    ) {
        if new.isEmpty, !old.isEmpty { errors.invalid(path[0], new, unset) }
        for (index, pair) in zip(old, new).enumerated() where pair.0 != pair.1 {
            errors.invalid(path[index], new, "may not change once set")
        }
    }
}

extension Service: StatusValidatedObject {
    func validateStatus(into errors: inout FieldErrors) {
        let path = FieldPath("status.loadBalancer.ingress")
        if spec.type != .loadBalancer, !status.loadBalancer.ingress.isEmpty {
            errors.forbidden(path, "may only be used when `spec.type` is \"LoadBalancer\"")
        }
        for (index, ingress) in status.loadBalancer.ingress.enumerated() where !ingress.ip.isEmpty {
            errors.requireAddress(path[index].child("ip"), ingress.ip)
        }
    }
}
