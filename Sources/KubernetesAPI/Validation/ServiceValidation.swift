extension Service: ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.dns1035Label(name) }

    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("spec")
        errors.requireKnown(
            path.child("type"), spec.type, of: [.clusterIP, .externalName, .loadBalancer, .nodePort])
        errors.requireKnown(path.child("sessionAffinity"), spec.sessionAffinity, of: [.clientIP, .none])
        spec.selector.validateLabels(at: path.child("selector"), into: &errors)
        if spec.type == .externalName {
            let name = spec.externalName.hasSuffix(".") ? String(spec.externalName.dropLast()) : spec.externalName
            if name.isEmpty {
                errors.required(path.child("externalName"))
            } else {
                errors.invalid(path.child("externalName"), spec.externalName, NameRules.dns1123Subdomain(name))
            }
            if !["", "None"].contains(spec.clusterIP) {
                errors.forbidden(path.child("clusterIPs"), "may not be set when `type` is 'ExternalName'")
            }
        } else {
            let isHeadless = spec.clusterIP == "None"
            if spec.ports.isEmpty, !isHeadless { errors.required(path.child("ports")) }
            if isHeadless, spec.type != .clusterIP {
                errors.invalid(
                    path.child("clusterIPs")[0], "None", "may not be set to 'None' for \(spec.type) services")
            }
            if !isHeadless, !spec.clusterIP.isEmpty {
                errors.requireAddress(path.child("clusterIPs")[0], spec.clusterIP)
            }
        }
        for (index, address) in spec.externalIPs.enumerated() {
            errors.requireAddress(path.child("externalIPs")[index], address)
        }
        if let seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds, !(1...86400).contains(seconds) {
            errors.invalid(
                path.child("sessionAffinityConfig").child("clientIP").child("timeoutSeconds"), seconds,
                "must be greater than 0 and less than 86400")
        }
        validatePorts(at: path.child("ports"), into: &errors)
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
            if !ports.insert("\(port.port)/\(port.protocol)").inserted {
                var key = ServicePort()
                key.port = port.port
                key.protocol = port.protocol
                errors.duplicate(path, key)
            }
            guard port.nodePort != 0 else { continue }
            if spec.type == .clusterIP || spec.type == .externalName {
                errors.forbidden(path.child("nodePort"), "may not be used when `type` is '\(spec.type)'")
            } else {
                errors.requirePort(path.child("nodePort"), port.nodePort)
                if !nodePorts.insert("\(port.nodePort)/\(port.protocol)").inserted {
                    errors.duplicate(path.child("nodePort"), port.nodePort)
                }
            }
        }
    }

    /// A service keeps its address for its life, unless it becomes or was an ExternalName.
    public func validateUpdate(from old: Service, into errors: inout FieldErrors) {
        guard spec.type != .externalName, old.spec.type != .externalName, !old.spec.clusterIP.isEmpty,
            spec.clusterIP != old.spec.clusterIP
        else { return }
        errors.invalid(
            FieldPath("spec.clusterIPs")[0], spec.clusterIP, "may not change once set")
    }
}
