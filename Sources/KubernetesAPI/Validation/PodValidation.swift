extension Pod: ValidatedObject {
    public func validate(into errors: inout FieldErrors) {
        let path = FieldPath("spec")
        spec.validate(at: path, into: &errors)
        spec.forbidUnsupported(at: path, into: &errors)
        metadata.annotations.validateCgroups(of: spec, at: FieldPath("metadata"), into: &errors)
        if !spec.nodeName.isEmpty, !spec.schedulingGates.isEmpty {
            errors.forbidden(path.child("nodeName"), "cannot be set until all schedulingGates have been cleared")
        }
    }

    public func validateUpdate(from old: Pod, into errors: inout FieldErrors) {
        spec.validateUpdate(from: old.spec, at: FieldPath("spec"), into: &errors)
    }

    public var unsupportedFieldWarnings: [String] { spec.unsupportedFieldWarnings(at: FieldPath("spec")) }

    public var customaryWarnings: [String] {
        metadata.hostNameWarnings("the Pod's hostname") + spec.customaryWarnings(metadata, at: FieldPath())
    }
}

extension PodTemplateSpec {
    func validate(at path: FieldPath, into errors: inout FieldErrors) {
        metadata.validateLabelsAndAnnotations(at: path.child("metadata"), into: &errors)
        spec.validate(at: path.child("spec"), into: &errors)
        spec.forbidUnsupported(at: path.child("spec"), into: &errors)
        metadata.annotations.validateCgroups(of: spec, at: path.child("metadata"), into: &errors)
    }
}

extension PodSpec {
    private static let maximumDeadline = Int64(Int32.max)
    static let restartPolicies: [RestartPolicy] = [.always, .never, .onFailure]
    static let dnsPolicies: [DNSPolicy] = [.clusterFirst, .clusterFirstWithHostNet, .default, .none]

    /// `ValidatePodSpec`.
    func validate(at path: FieldPath, into errors: inout FieldErrors) {
        let volumeNames = validateVolumes(at: path.child("volumes"), into: &errors)
        validateContainers(volumeNames: volumeNames, at: path, into: &errors)
        validateHostPorts(at: path, into: &errors)
        validatePodLevelResources(at: path, into: &errors)
        errors.requireKnown(path.child("restartPolicy"), restartPolicy, of: Self.restartPolicies)
        errors.requireKnown(path.child("dnsPolicy"), dnsPolicy, of: Self.dnsPolicies)
        if let grace = terminationGracePeriodSeconds {
            errors.requireNotNegative(path.child("terminationGracePeriodSeconds"), grace)
        }
        if let deadline = activeDeadlineSeconds, !(1...Self.maximumDeadline).contains(deadline) {
            errors.invalid(
                path.child("activeDeadlineSeconds"), deadline,
                "must be between 1 and \(Self.maximumDeadline), inclusive")
        }
        nodeSelector.validateLabels(at: path.child("nodeSelector"), into: &errors)
        validateNames(at: path, into: &errors)
        securityContext?.validate(at: path.child("securityContext"), into: &errors)
        if hostPID, shareProcessNamespace == true {
            errors.invalid(
                path.child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled")
        }
        if hostUsers == false {
            for (field, isSet) in [("hostNetwork", hostNetwork), ("hostPID", hostPID), ("hostIPC", hostIPC)] where isSet
            {
                errors.forbidden(path.child(field), "when `hostUsers` is false")
            }
        }
        validateNameResolution(at: path.child("dnsConfig"), into: &errors)
        validateScheduling(at: path, into: &errors)
        for (index, toleration) in tolerations.enumerated() {
            toleration.validate(at: path.child("tolerations")[index], into: &errors)
        }
        for (index, alias) in hostAliases.enumerated() {
            let path = path.child("hostAliases")[index]
            errors.requireAddress(path.child("ip"), alias.ip)
            for (number, name) in alias.hostnames.enumerated() {
                errors.invalid(path.child("hostnames")[number], name, NameRules.dns1123Subdomain(name))
            }
        }
    }

    /// `validatePodDNSConfig`.
    private func validateNameResolution(at path: FieldPath, into errors: inout FieldErrors) {
        guard let dnsConfig else {
            if dnsPolicy == .none {
                errors.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            }
            return
        }
        let servers = path.child("nameservers")
        if dnsPolicy == .none, dnsConfig.nameservers.isEmpty {
            return errors.required(servers, "must provide at least one DNS nameserver when `dnsPolicy` is None")
        }
        if dnsConfig.nameservers.count > 3 {
            errors.invalid(servers, dnsConfig.nameservers, "must not have more than 3 nameservers")
        }
        for (index, address) in dnsConfig.nameservers.enumerated() { errors.requireAddress(servers[index], address) }
        let searches = path.child("searches")
        if dnsConfig.searches.count > 32 {
            errors.invalid(searches, dnsConfig.searches, "must not have more than 32 search paths")
        }
        for (index, domain) in dnsConfig.searches.enumerated() where domain != "." {
            // Underscores are allowed (KEP-4427), and a dot at the end.
            let name = (domain.hasSuffix(".") ? String(domain.dropLast()) : domain).replacing("_", with: "a")
            errors.invalid(searches[index], domain, NameRules.dns1123Subdomain(name))
        }
        for (index, option) in dnsConfig.options.enumerated() where option.name.isEmpty {
            errors.required(path.child("options")[index], "must not be empty")
        }
    }

    private func validateNames(at path: FieldPath, into errors: inout FieldErrors) {
        func require(_ field: String, _ value: String, _ rule: (String) -> [String]) {
            if !value.isEmpty { errors.invalid(path.child(field), value, rule(value)) }
        }
        require("serviceAccountName", serviceAccountName, NameRules.dns1123Subdomain)
        require("nodeName", nodeName, NameRules.dns1123Subdomain)
        require("hostname", hostname, NameRules.dns1123Label)
        require("subdomain", subdomain, NameRules.dns1123Label)
        require("priorityClassName", priorityClassName, NameRules.dns1123Subdomain)
        for (index, secret) in imagePullSecrets.enumerated() where secret.name.isEmpty {
            errors.required(path.child("imagePullSecrets")[index].child("name"))
        }
    }

    private func validateContainers(
        volumeNames: Set<String>, at path: FieldPath, into errors: inout FieldErrors
    ) {
        if containers.isEmpty { errors.required(path.child("containers")) }
        var names: Set<String> = []
        for (field, list, isInit) in [("containers", containers, false), ("initContainers", initContainers, true)] {
            for (index, container) in list.enumerated() {
                let path = path.child(field)[index]
                container.validate(volumeNames: volumeNames, of: self, at: path, into: &errors)
                if isInit { container.validateAsInitContainer(at: path, into: &errors) }
                container.resizePolicy.validate(
                    restartPolicy: restartPolicy, at: path.child("resizePolicy"), into: &errors)
                if !isInit, let policy = container.restartPolicy, policy.rawValue != "" {
                    errors.forbidden(path.child("restartPolicy"), "may not be set for non-init containers")
                }
                if !container.name.isEmpty, !names.insert(container.name).inserted {
                    errors.duplicate(path.child("name"), container.name)
                }
            }
        }
    }

    /// No port of the host may be taken twice by one pod; whether it is free on the node is the scheduler's question.
    private func validateHostPorts(at path: FieldPath, into errors: inout FieldErrors) {
        var taken: Set<String> = []
        for (index, container) in containers.enumerated() {
            for (number, port) in container.ports.enumerated() where port.hostPort != 0 {
                let key = "\(port.protocol)/\(port.hostIP)/\(port.hostPort)"
                if !taken.insert(key).inserted {
                    errors.duplicate(path.child("containers")[index].child("ports")[number].child("hostPort"), key)
                }
            }
        }
    }

    /// Of a pod that exists only images, the deadline (to a smaller one), and further tolerations may change
    /// (`ValidatePodUpdate`).
    func validateUpdate(from old: PodSpec, at path: FieldPath, into errors: inout FieldErrors) {
        for (field, new, previous) in [
            ("containers", containers, old.containers), ("initContainers", initContainers, old.initContainers),
        ] where new.count != previous.count {
            errors.forbidden(path.child(field), "pod updates may not add or remove containers")
            return
        }
        if let deadline = old.activeDeadlineSeconds {
            let deadlinePath = path.child("activeDeadlineSeconds")
            if let changed = activeDeadlineSeconds {
                if changed > deadline {
                    errors.invalid(deadlinePath, changed, "must be less than or equal to previous value")
                }
            } else {
                errors.invalid(deadlinePath, JSONValue.null, "must not update from a positive integer to nil value")
            }
        }
        if !old.tolerations.allSatisfy(tolerations.contains) {
            errors.forbidden(
                path.child("tolerations"), "existing toleration can not be modified except its tolerationSeconds")
        }
        // What may change is made alike; what then differs may not.
        var comparable = withoutGateChanges(since: old, at: path, into: &errors)
        comparable.activeDeadlineSeconds = old.activeDeadlineSeconds
        comparable.tolerations = old.tolerations
        for index in containers.indices { comparable.containers[index].image = old.containers[index].image }
        for index in initContainers.indices {
            comparable.initContainers[index].image = old.initContainers[index].image
        }
        if (old.terminationGracePeriodSeconds ?? 0) < 0, terminationGracePeriodSeconds == 1 {
            comparable.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds
        }
        guard comparable != old else { return }
        let changed = JSONDifference.paths(from: old.json, to: comparable.json, at: path.description)
        errors.forbidden(
            path,
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
                + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
                + "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
                + "changed: \(changed.joined(separator: ", "))")
    }
}

extension Toleration {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if !key.isEmpty { errors.invalid(path.child("key"), key, NameRules.qualifiedName(key)) }
        switch `operator`.rawValue {
        case "", "Equal": errors.invalid(path.child("operator"), value, NameRules.labelValue(value))
        case "Exists":
            if !value.isEmpty {
                errors.invalid(path.child("operator"), value, "value must be empty when `operator` is 'Exists'")
            }
        case let other: errors.notSupported(path.child("operator"), other, ["Equal", "Exists"])
        }
        if key.isEmpty, `operator`.rawValue != "Exists" {
            errors.invalid(
                path.child("operator"), `operator`.rawValue,
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"")
        }
        if tolerationSeconds != nil, effect != .noExecute {
            errors.invalid(
                path.child("effect"), effect.rawValue, "effect must be 'NoExecute' when `tolerationSeconds` is set")
        }
        if !["", "NoSchedule", "PreferNoSchedule", "NoExecute"].contains(effect.rawValue) {
            errors.notSupported(
                path.child("effect"), effect.rawValue, ["NoSchedule", "PreferNoSchedule", "NoExecute"])
        }
    }
}
