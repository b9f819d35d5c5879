internal import InternetAddress

/// `ValidateEndpoints` (`pkg/apis/core/validation`).
extension Endpoints: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        for (index, subset) in subsets.enumerated() {
            let path = FieldPath("subsets")[index]
            if subset.addresses.isEmpty, subset.notReadyAddresses.isEmpty {
                errors.required(path, "must specify `addresses` or `notReadyAddresses`")
            }
            for (field, addresses) in [
                ("addresses", subset.addresses), ("notReadyAddresses", subset.notReadyAddresses),
            ] {
                for (index, address) in addresses.enumerated() {
                    let path = path.child(field)[index]
                    errors.requireOrdinaryAddress(path.child("ip"), address.ip)
                    if !address.hostname.isEmpty {
                        errors.invalid(
                            path.child("hostname"), address.hostname, NameRules.dns1123Label(address.hostname))
                    }
                }
            }
            for (index, port) in subset.ports.enumerated() {
                let path = path.child("ports")[index]
                if port.name.isEmpty {
                    if subset.ports.count > 1 { errors.required(path.child("name")) }
                } else {
                    errors.invalid(path.child("name"), port.name, NameRules.dns1123Label(port.name))
                }
                errors.requirePort(path.child("port"), port.port)
                errors.requireKnown(path.child("protocol"), port.protocol, of: Container.protocols)
            }
        }
    }
}

/// `ValidateEndpointSlice` (`pkg/apis/discovery/validation`).
extension EndpointSlice: ValidatedObject {
    /// The most of a slice, whoever makes it.
    private static let maximumEndpoints = 1000
    private static let maximumAddresses = 100
    private static let maximumPorts = 20000

    public func validate(into errors: inout FieldErrors) {
        let known = ["FQDN", "IPv4", "IPv6"]
        if addressType.isEmpty {
            errors.required(FieldPath("addressType"))
        } else if !known.contains(addressType) {
            errors.notSupported(FieldPath("addressType"), addressType, known)
        }
        if endpoints.count > Self.maximumEndpoints {
            errors.tooMany(FieldPath("endpoints"), endpoints.count, limit: Self.maximumEndpoints)
        }
        for (index, endpoint) in endpoints.enumerated() {
            validate(endpoint, at: FieldPath("endpoints")[index], into: &errors)
        }
        validatePorts(into: &errors)
    }

    private func validate(_ endpoint: Endpoint, at path: FieldPath, into errors: inout FieldErrors) {
        let addresses = path.child("addresses")
        if endpoint.addresses.isEmpty { errors.required(addresses, "must contain at least 1 address") }
        if endpoint.addresses.count > Self.maximumAddresses {
            errors.tooMany(addresses, endpoint.addresses.count, limit: Self.maximumAddresses)
        }
        for (index, address) in endpoint.addresses.enumerated() {
            switch addressType {
            case "FQDN": errors.invalid(addresses[index], address, NameRules.dns1123Subdomain(address))
            case "IPv4", "IPv6":
                guard let parsed = IPAddress(address), IPFamily(parsed.family).rawValue == addressType else {
                    errors.invalid(addresses[index], address, "must be a valid \(addressType) address")
                    continue
                }
                errors.requireOrdinaryAddress(addresses[index], address)
            default: break
            }
        }
        if let hostname = endpoint.hostname {
            errors.invalid(path.child("hostname"), hostname, NameRules.dns1123Label(hostname))
        }
        if let node = endpoint.nodeName {
            errors.invalid(path.child("nodeName"), node, NameRules.dns1123Subdomain(node))
        }
    }

    private func validatePorts(into errors: inout FieldErrors) {
        if ports.count > Self.maximumPorts {
            errors.tooMany(FieldPath("ports"), ports.count, limit: Self.maximumPorts)
        }
        var names: Set<String> = []
        for (index, port) in ports.enumerated() {
            let path = FieldPath("ports")[index]
            let name = port.name ?? ""
            if !name.isEmpty { errors.invalid(path.child("name"), name, NameRules.dns1123Label(name)) }
            if !names.insert(name).inserted { errors.duplicate(path.child("name"), name) }
            if let number = port.port { errors.requirePort(path.child("port"), number) }
            if let transport = port.protocol {
                errors.requireKnown(path.child("protocol"), transport, of: Container.protocols)
            } else {
                errors.required(path.child("protocol"))
            }
        }
    }

    public func validateUpdate(from old: EndpointSlice, into errors: inout FieldErrors) {
        errors.requireUnchanged(FieldPath("addressType"), addressType, old.addressType)
    }
}
