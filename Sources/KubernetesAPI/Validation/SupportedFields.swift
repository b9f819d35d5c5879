/// What the API knows and this node does not do.
///
/// What changes the meaning of a pod is refused: a pod that ran without it would be another pod. What is a hint for
/// where or when it should run, or a bound that nothing watches, is taken with a warning. Nothing is dropped silently.
public enum SupportedFields {
    static let detail = "not supported by minikube-lite"

    /// The volume sources that the node makes.
    public static let volumeSources: Set<String> = [
        "emptyDir", "hostPath", "secret", "configMap", "downwardAPI", "projected",
    ]

    /// What a projected volume is made of.
    public static let projectedSources: Set<String> = ["secret", "configMap", "downwardAPI", "serviceAccountToken"]

    /// Members of a pod's spec that are refused.
    public static let refusedPodFields = [
        "ephemeralContainers", "runtimeClassName", "resourceClaims", "schedulingGroup", "os",
    ]

    /// Members of a pod's spec that have no effect.
    public static let ignoredPodFields = [
        "topologySpreadConstraints", "priorityClassName", "preemptionPolicy", "imagePullSecrets",
    ]

    /// Members of a container that are refused.
    public static let refusedContainerFields = ["volumeDevices", "restartPolicyRules"]

    /// Members of a pod's and a container's security context that are refused, and those without effect.
    public static let refusedSecurityFields = ["windowsOptions"]
    public static let ignoredSecurityFields = ["seLinuxOptions", "appArmorProfile"]

    /// The handlers that probes may have.
    public static let probeHandlers: Set<String> = ["exec", "httpGet", "tcpSocket"]

    static func instead(_ supported: Set<String>) -> String {
        "\(detail); use one of \(supported.sorted().joined(separator: ", "))"
    }
}

extension PodSpec {
    /// Refuses what this node cannot do.
    func forbidUnsupported(at path: FieldPath, into errors: inout FieldErrors) {
        let members = json
        for field in SupportedFields.refusedPodFields where members[field] != nil {
            // A pod that says that it is for Linux is right here.
            if field == "os", os?.name.rawValue == "linux" { continue }
            errors.forbidden(path.child(field), SupportedFields.detail)
        }
        for (index, volume) in volumes.enumerated() {
            volume.forbidUnsupported(at: path.child("volumes")[index], into: &errors)
        }
        members["securityContext"]?.forbidUnsupportedSecurity(at: path.child("securityContext"), into: &errors)
        for (field, list) in [("containers", containers), ("initContainers", initContainers)] {
            for (index, container) in list.enumerated() {
                let path = path.child(field)[index]
                container.forbidUnsupported(at: path, into: &errors)
                guard !hostNetwork else { continue }
                for (number, port) in container.ports.enumerated() where port.hostPort != 0 && port.protocol == .sctp {
                    errors.forbidden(
                        path.child("ports")[number].child("hostPort"), "SCTP is \(SupportedFields.detail)")
                }
            }
        }
    }

    /// Sentences about what has no effect or another one than meant, the paths below `path`.
    func unsupportedFieldWarnings(at path: FieldPath) -> [String] {
        let members = json
        var warnings: [String] = []
        func warn(_ path: FieldPath, _ reason: String = SupportedFields.detail) {
            warnings.append("\(path): has no effect: \(reason)")
        }
        for field in SupportedFields.ignoredPodFields where members[field] != nil { warn(path.child(field)) }
        for field in ["podAffinity", "podAntiAffinity"] where members[path: "affinity", field] != nil {
            warn(path.child("affinity").child(field))
        }
        if !["", "default-scheduler"].contains(schedulerName) {
            warn(path.child("schedulerName"), "there is one scheduler")
        }
        for field in SupportedFields.ignoredSecurityFields where members[path: "securityContext", field] != nil {
            warn(path.child("securityContext").child(field))
        }
        for (name, list) in [("containers", containers), ("initContainers", initContainers)] {
            for (index, container) in list.enumerated() {
                let path = path.child(name)[index]
                let context = container.securityContext?.json
                for field in SupportedFields.ignoredSecurityFields where context?[field] != nil {
                    warn(path.child("securityContext").child(field))
                }
                warnings += container.resources.warnings(at: path.child("resources"))
            }
        }
        return warnings + (resources?.warnings(at: path.child("resources")) ?? [])
    }
}

extension Volume {
    fileprivate func forbidUnsupported(at path: FieldPath, into errors: inout FieldErrors) {
        for source in sourceNames where !SupportedFields.volumeSources.contains(source) {
            errors.forbidden(path.child(source), SupportedFields.instead(SupportedFields.volumeSources))
        }
        if let medium = emptyDir?.medium.rawValue, medium.hasPrefix("HugePages") {
            errors.forbidden(path.child("emptyDir").child("medium"), "huge pages are \(SupportedFields.detail)")
        }
        for (index, source) in (projected?.sources ?? []).enumerated() {
            for name in source.json.objectValue?.keys ?? [] where !SupportedFields.projectedSources.contains(name) {
                errors.forbidden(
                    path.child("projected").child("sources")[index].child(name),
                    SupportedFields.instead(SupportedFields.projectedSources))
            }
        }
    }
}

extension Container {
    fileprivate func forbidUnsupported(at path: FieldPath, into errors: inout FieldErrors) {
        let members = json
        for field in SupportedFields.refusedContainerFields where members[field] != nil {
            errors.forbidden(path.child(field), SupportedFields.detail)
        }
        if !resources.claims.isEmpty {
            errors.forbidden(path.child("resources").child("claims"), SupportedFields.detail)
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            if members[path: probe, "grpc"] != nil {
                errors.forbidden(
                    path.child(probe).child("grpc"), SupportedFields.instead(SupportedFields.probeHandlers))
            }
        }
        for (index, variable) in env.enumerated() where variable.valueFrom?.fileKeyRef != nil {
            errors.forbidden(
                path.child("env")[index].child("valueFrom").child("fileKeyRef"), SupportedFields.detail)
        }
        for (index, mount) in volumeMounts.enumerated() {
            if let mode = mount.recursiveReadOnly?.rawValue, mode != "Disabled" {
                errors.forbidden(
                    path.child("volumeMounts")[index].child("recursiveReadOnly"), SupportedFields.detail)
            }
        }
        members["securityContext"]?.forbidUnsupportedSecurity(at: path.child("securityContext"), into: &errors)
    }
}

extension JSONValue {
    /// For a security context, a pod's or a container's.
    fileprivate func forbidUnsupportedSecurity(at path: FieldPath, into errors: inout FieldErrors) {
        for field in SupportedFields.refusedSecurityFields where self[field] != nil {
            errors.forbidden(path.child(field), SupportedFields.detail)
        }
        // A profile of one's own is a promise: without it the container would be less confined than it says.
        for field in ["seccompProfile", "appArmorProfile"] where self[path: field, "type"] == "Localhost" {
            errors.forbidden(path.child(field).child("type"), "Localhost is \(SupportedFields.detail)")
        }
        if self["supplementalGroupsPolicy"] == "Strict" {
            errors.forbidden(path.child("supplementalGroupsPolicy"), "Strict is \(SupportedFields.detail)")
        }
    }
}
