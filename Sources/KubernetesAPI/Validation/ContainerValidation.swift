extension Container {
    static let pullPolicies: [PullPolicy] = [.always, .ifNotPresent, .never]
    static let protocols: [Protocol] = [.sctp, .tcp, .udp]

    /// `validateContainerCommon`, and the probes.
    /// - Parameter pod: the spec that the container is in.
    func validate(
        volumeNames: Set<String>, of pod: PodSpec, at path: FieldPath, into errors: inout FieldErrors
    ) {
        if name.isEmpty {
            errors.required(path.child("name"))
        } else {
            errors.invalid(path.child("name"), name, NameRules.dns1123Label(name))
        }
        if image.isEmpty {
            errors.required(path.child("image"))
        } else if image.first?.isWhitespace == true || image.last?.isWhitespace == true {
            errors.invalid(path.child("image"), image, "must not have leading or trailing whitespace")
        }
        errors.requireKnown(path.child("imagePullPolicy"), imagePullPolicy, of: Self.pullPolicies)
        errors.requireKnown(
            path.child("terminationMessagePolicy"), terminationMessagePolicy, of: [.file, .fallbackToLogsOnError])
        validatePorts(usesHostNetwork: pod.hostNetwork, at: path.child("ports"), into: &errors)
        for (index, variable) in env.enumerated() { variable.validate(at: path.child("env")[index], into: &errors) }
        for (index, source) in envFrom.enumerated() {
            source.validate(at: path.child("envFrom")[index], into: &errors)
        }
        validateMounts(volumeNames: volumeNames, at: path.child("volumeMounts"), into: &errors)
        resources.validate(.container, at: path.child("resources"), into: &errors)
        securityContext?.validate(at: path.child("securityContext"), into: &errors)
        livenessProbe?.validate(.liveness, at: path.child("livenessProbe"), into: &errors)
        readinessProbe?.validate(.readiness, at: path.child("readinessProbe"), into: &errors)
        startupProbe?.validate(.startup, at: path.child("startupProbe"), into: &errors)
        lifecycle?.validate(of: pod, at: path.child("lifecycle"), into: &errors)
    }

    /// An init container that has to end cannot be probed.
    func validateAsInitContainer(at path: FieldPath, into errors: inout FieldErrors) {
        if let policy = restartPolicy?.rawValue, !policy.isEmpty, policy != "Always" {
            errors.notSupported(path.child("restartPolicy"), policy, ["Always"])
        }
        guard !isSidecar else { return }
        if !resizePolicy.isEmpty {
            errors.invalid(path.child("resizePolicy"), resizePolicy, "must not be set for init containers")
        }
        let members: [(String, Bool)] = [
            ("lifecycle", lifecycle != nil), ("livenessProbe", livenessProbe != nil),
            ("readinessProbe", readinessProbe != nil), ("startupProbe", startupProbe != nil),
        ]
        for (field, isSet) in members where isSet {
            errors.forbidden(path.child(field), "may not be set for init containers without restartPolicy=Always")
        }
    }

    private func validatePorts(usesHostNetwork: Bool, at path: FieldPath, into errors: inout FieldErrors) {
        var names: Set<String> = []
        for (index, port) in ports.enumerated() {
            let path = path[index]
            if !port.name.isEmpty {
                let problems = NameRules.portName(port.name)
                errors.invalid(path.child("name"), port.name, problems)
                if problems.isEmpty, !names.insert(port.name).inserted {
                    errors.duplicate(path.child("name"), port.name)
                }
            }
            if port.containerPort == 0 {
                errors.required(path.child("containerPort"))
            } else {
                errors.requirePort(path.child("containerPort"), port.containerPort)
            }
            if port.hostPort != 0 {
                errors.requirePort(path.child("hostPort"), port.hostPort)
                if !port.hostIP.isEmpty { errors.requireAddress(path.child("hostIP"), port.hostIP) }
                if usesHostNetwork, port.hostPort != port.containerPort {
                    errors.invalid(
                        path.child("containerPort"), port.containerPort,
                        "must match `hostPort` when `hostNetwork` is true")
                }
            }
            errors.requireKnown(path.child("protocol"), port.protocol, of: Self.protocols)
        }
    }

    private func validateMounts(
        volumeNames: Set<String>, at path: FieldPath, into errors: inout FieldErrors
    ) {
        var mountPaths: Set<String> = []
        for (index, mount) in volumeMounts.enumerated() {
            let path = path[index]
            if mount.name.isEmpty {
                errors.required(path.child("name"))
            } else if !volumeNames.contains(mount.name) {
                errors.notFound(path.child("name"), mount.name)
            }
            if let propagation = mount.mountPropagation {
                let path = path.child("mountPropagation")
                errors.requireKnown(path, propagation, of: [.bidirectional, .hostToContainer, .none])
                if propagation == .bidirectional, securityContext?.privileged != true {
                    errors.forbidden(
                        path, "Bidirectional mount propagation is available only to privileged containers")
                }
            }
            if mount.mountPath.isEmpty { errors.required(path.child("mountPath")) }
            if !mountPaths.insert(mount.mountPath).inserted {
                errors.invalid(path.child("mountPath"), mount.mountPath, "must be unique")
            }
            if !mount.subPath.isEmpty { errors.requireInside(path.child("subPath"), mount.subPath) }
            if !mount.subPathExpr.isEmpty {
                if !mount.subPath.isEmpty {
                    errors.invalid(
                        path.child("subPathExpr"), mount.subPathExpr, "subPathExpr and subPath are mutually exclusive")
                }
                errors.requireInside(path.child("subPathExpr"), mount.subPathExpr)
            }
        }
    }
}

extension EnvVar {
    private static let fieldPaths = [
        "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    ]

    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if name.isEmpty {
            errors.required(path.child("name"))
        } else {
            errors.invalid(path.child("name"), name, NameRules.environmentVariable(name))
        }
        guard let source = valueFrom else { return }
        let path = path.child("valueFrom")
        let count = source.json.objectValue?.count ?? 0
        if count == 0 {
            errors.invalid(
                path, "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
                    + "`fileKeyRef`")
        } else if !value.isEmpty {
            errors.invalid(path, "", "may not be specified when `value` is not empty")
        } else if count > 1 {
            errors.invalid(path, "", "may not have more than one field specified at a time")
        }
        source.fieldRef?.validate(of: Self.fieldPaths, at: path.child("fieldRef"), into: &errors)
        if let key = source.configMapKeyRef {
            errors.requireKey(path.child("configMapKeyRef"), name: key.name, key: key.key)
        }
        if let key = source.secretKeyRef {
            errors.requireKey(path.child("secretKeyRef"), name: key.name, key: key.key)
        }
        if let resource = source.resourceFieldRef {
            resource.validate(at: path.child("resourceFieldRef"), into: &errors)
        }
    }
}

extension ObjectFieldSelector {
    /// What version 1 knows of a pod, some of it nowhere supported (`ConvertDownwardAPIFieldLabel`).
    private static let labels: Set<String> = [
        "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
        "spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "spec.schedulerName", "status.phase",
        "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
    ]

    /// `validateObjectFieldSelector`.
    /// - Parameter supported: the paths that can be asked for where this is, besides single labels and annotations.
    func validate(of supported: [String], at path: FieldPath, into errors: inout FieldErrors) {
        guard !fieldPath.isEmpty else { return errors.required(path.child("fieldPath")) }
        func unconvertible(_ problem: String) {
            errors.invalid(path.child("fieldPath"), fieldPath, "error converting fieldPath: \(problem)")
        }
        guard apiVersion.isEmpty || apiVersion == "v1" else {
            return unconvertible("unsupported pod version: \(apiVersion)")
        }
        if let (field, key) = subscripted {
            guard Self.labels.contains(field) else { return unconvertible("field label not supported: \(field)") }
            switch field {
            case "metadata.annotations":
                errors.invalid(path, key.lowercased(), NameRules.qualifiedName(key.lowercased()))
            case "metadata.labels": errors.invalid(path, key, NameRules.qualifiedName(key))
            default: errors.invalid(path, field, "does not support subscript")
            }
        } else if !Self.labels.contains(fieldPath) {
            unconvertible("field label not supported: \(fieldPath)")
        } else if !supported.contains(fieldPath) {
            errors.notSupported(path.child("fieldPath"), fieldPath, supported)
        }
    }

    /// The two parts of `metadata.labels['key']`.
    private var subscripted: (field: String, key: String)? {
        guard fieldPath.hasSuffix("']"), let start = fieldPath.firstRange(of: "['") else { return nil }
        return (
            String(fieldPath[..<start.lowerBound]), String(fieldPath[start.upperBound...].dropLast(2))
        )
    }
}

extension ResourceFieldSelector {
    func validate(at path: FieldPath, into errors: inout FieldErrors) {
        let known = [
            "limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.cpu", "requests.memory",
            "requests.ephemeral-storage",
        ]
        if resource.isEmpty {
            errors.required(path.child("resource"))
        } else if !known.contains(resource), !resource.contains(".hugepages-") {
            errors.notSupported(path.child("resource"), resource, known)
        }
        validateDivisor(at: path.child("divisor"), into: &errors)
    }

    /// `validateContainerResourceDivisor`: what an amount can be said in.
    private func validateDivisor(at path: FieldPath, into errors: inout FieldErrors) {
        guard let divisor, divisor.sign != 0 else { return }
        let sizes = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"]
        let listed = sizes.joined(separator: ", ")
        if resource.hasSuffix(".cpu"), !["1m", "1"].contains(divisor.canonical) {
            errors.invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")
        } else if resource.hasSuffix(".memory"), !sizes.contains(divisor.canonical) {
            errors.invalid(path, resource, "only divisor's values \(listed) are supported with the memory resource")
        } else if resource.hasSuffix(".ephemeral-storage"), !sizes.contains(divisor.canonical) {
            errors.invalid(
                path, resource,
                "only divisor's values \(listed) are supported with the local ephemeral storage resource")
        }
    }
}

extension FieldErrors {
    fileprivate mutating func requireKey(_ path: FieldPath, name: String, key: String) {
        if name.isEmpty { required(path.child("name")) }
        if key.isEmpty {
            required(path.child("key"))
        } else {
            invalid(path.child("key"), key, NameRules.configMapKey(key))
        }
    }

    /// The name of a ConfigMap or a Secret.
    fileprivate mutating func requireName(_ path: FieldPath, _ name: String) {
        if name.isEmpty { required(path) } else { invalid(path, name, NameRules.dns1123Subdomain(name)) }
    }

    /// A path below a volume's root.
    mutating func requireInside(_ path: FieldPath, _ value: String) {
        if value.hasPrefix("/") { invalid(path, value, "must be a relative path") }
        if value.split(separator: "/").contains("..") { invalid(path, value, "must not contain '..'") }
    }
}

extension EnvFromSource {
    fileprivate func validate(at path: FieldPath, into errors: inout FieldErrors) {
        if !prefix.isEmpty { errors.invalid(path.child("prefix"), prefix, NameRules.environmentVariable(prefix)) }
        switch (configMapRef, secretRef) {
        case (nil, nil): errors.invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        case (.some, .some): errors.invalid(path, "", "may not have more than one field specified at a time")
        case (let map?, nil):
            errors.requireName(path.child("configMapRef").child("name"), map.name)
        case (nil, let secret?):
            errors.requireName(path.child("secretRef").child("name"), secret.name)
        }
    }
}
