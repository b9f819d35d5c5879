public import InternetAddress

extension Service {
    /// How `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` go together
    /// (`ValidateServiceClusterIPsRelatedFields`). Also asked before addresses are given out, so none of them has to be
    /// there.
    public func validateAddresses(into errors: inout FieldErrors) {
        guard spec.type != .externalName else { return }
        let path = FieldPath("spec.clusterIPs")
        let addresses = spec.clusterIPs
        if spec.clusterIP.isEmpty {
            if !addresses.isEmpty { errors.invalid(path, addresses, "must be empty when `clusterIP` is not specified") }
        } else if addresses.isEmpty {
            errors.required(path)
        } else if addresses[0] != spec.clusterIP {
            errors.invalid(path, addresses, "first value must match `clusterIP`")
        }
        validateFamilies(into: &errors)

        var isReadable = true
        for (index, address) in addresses.enumerated() {
            if index == 0, address == Self.headlessAddress {
                if addresses.count > 1 {
                    errors.invalid(path, addresses, "'None' must be the first and only value")
                    isReadable = false
                }
                continue
            }
            errors.requireAddress(path[index], address)
            isReadable = isReadable && IPAddress(address) != nil
        }
        if addresses.count > 2 { errors.invalid(path, addresses, "may only hold up to 2 values") }
        // What follows would be about addresses that are none.
        guard isReadable, !isHeadless else { return }
        let families = addresses.compactMap { IPAddress($0)?.family }
        if Set(families).count < families.count {
            errors.invalid(path, addresses, "may specify no more than one IP for each IP family")
        }
        for (index, family) in families.enumerated() where index < spec.ipFamilies.count {
            let wanted = spec.ipFamilies[index]
            if wanted != IPFamily(family) {
                errors.invalid(
                    path[index], addresses[index], "expected an \(wanted) value as indicated by `ipFamilies[\(index)]`")
            }
        }
    }

    private func validateFamilies(into errors: inout FieldErrors) {
        let path = FieldPath("spec.ipFamilies")
        for (index, family) in spec.ipFamilies.enumerated() {
            errors.requireKnown(path[index], family, of: [.iPv4, .iPv6])
            if spec.ipFamilies[..<index].contains(family) { errors.duplicate(path[index], family.rawValue) }
        }
        if let policy = spec.ipFamilyPolicy {
            errors.requireKnown(
                FieldPath("spec.ipFamilyPolicy"), policy, of: [.preferDualStack, .requireDualStack, .singleStack])
        }
    }
}

extension IPFamily {
    /// The family's name in the API.
    public init(_ family: IPAddress.Family) { self = family == .v4 ? .iPv4 : .iPv6 }
}

extension FieldErrors {
    /// An address that another machine can have (`ValidateNonSpecialIP`).
    mutating func requireOrdinaryAddress(_ path: FieldPath, _ text: String) {
        guard let address = IPAddress(text) else { return requireAddress(path, text) }
        if address.isUnspecified {
            invalid(path, text, "may not be unspecified (0.0.0.0 or ::)")
        } else if address.isLoopback {
            invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
        } else if address.isLinkLocal {
            invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
        } else if address.isMulticast {
            invalid(path, text, "may not be in the multicast range (224.0.0.0/4, ff00::/8)")
        }
    }

    /// A network; bits beyond its length may be set, and count for nothing.
    mutating func requireRange(_ path: FieldPath, _ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = UInt8(parts[1]),
            length <= address.family.bits
        else { return invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)") }
    }
}
