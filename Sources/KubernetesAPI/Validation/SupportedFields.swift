/// What the API knows and this node does not do.
///
/// What changes the meaning of a pod is refused: a pod that ran without it would be another pod. What only says where
/// or when it should run is taken with a warning, since there is one node. Nothing is dropped silently.
public enum SupportedFields {
    static let detail = "not supported by minikube-lite"

    /// The volume sources that the node makes.
    public static let volumeSources: Set<String> = ["emptyDir", "hostPath", "secret", "configMap"]

    /// Members of a pod's spec that are refused.
    public static let refusedPodFields = [
        "ephemeralContainers", "runtimeClassName", "resourceClaims", "resources", "schedulingGates", "readinessGates",
        "schedulingGroup", "hostnameOverride",
    ]

    /// Members of a pod's spec that have no effect.
    public static let ignoredPodFields = [
        "affinity", "topologySpreadConstraints", "priorityClassName", "preemptionPolicy", "imagePullSecrets",
    ]

    /// Members of a container that are refused.
    public static let refusedContainerFields = ["lifecycle", "volumeDevices", "restartPolicyRules"]

    /// The handlers of probes that the node has.
    public static let probeHandlers: Set<String> = ["httpGet", "tcpSocket"]
}

extension PodSpec {
    /// Refuses what this node cannot do.
    func forbidUnsupported(at path: FieldPath, into errors: inout FieldErrors) {
        let members = json
        for field in SupportedFields.refusedPodFields where members[field] != nil {
            errors.forbidden(path.child(field), SupportedFields.detail)
        }
        for (index, volume) in volumes.enumerated() {
            for source in volume.sourceNames where !SupportedFields.volumeSources.contains(source) {
                errors.forbidden(
                    path.child("volumes")[index].child(source),
                    "\(SupportedFields.detail); use one of \(SupportedFields.volumeSources.sorted().joined(separator: ", "))"
                )
            }
        }
        for (index, container) in containers.enumerated() {
            container.forbidUnsupported(at: path.child("containers")[index], into: &errors)
        }
        for (index, container) in initContainers.enumerated() {
            let path = path.child("initContainers")[index]
            container.forbidUnsupported(at: path, into: &errors)
            if container.isSidecar {
                errors.forbidden(path.child("restartPolicy"), "sidecar containers are \(SupportedFields.detail)")
            }
        }
    }

    /// Sentences about what has no effect, the paths below `path`.
    func unsupportedFieldWarnings(at path: FieldPath) -> [String] {
        let members = json
        var warnings = SupportedFields.ignoredPodFields.filter { members[$0] != nil }.map {
            "\(path.child($0)): has no effect: \(SupportedFields.detail)"
        }
        if !["", "default-scheduler"].contains(schedulerName) {
            warnings.append("\(path.child("schedulerName")): has no effect: there is one scheduler")
        }
        return warnings
    }
}

extension Container {
    fileprivate func forbidUnsupported(at path: FieldPath, into errors: inout FieldErrors) {
        let members = json
        for field in SupportedFields.refusedContainerFields where members[field] != nil {
            errors.forbidden(path.child(field), SupportedFields.detail)
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            for handler in ["exec", "grpc"]
            where !SupportedFields.probeHandlers.contains(handler) && members[path: probe, handler] != nil {
                errors.forbidden(
                    path.child(probe).child(handler),
                    "\(SupportedFields.detail); use one of \(SupportedFields.probeHandlers.sorted().joined(separator: ", "))")
            }
        }
        for (index, mount) in volumeMounts.enumerated() {
            let path = path.child("volumeMounts")[index]
            if !mount.subPathExpr.isEmpty { errors.forbidden(path.child("subPathExpr"), SupportedFields.detail) }
            if let mode = mount.recursiveReadOnly?.rawValue, mode != "Disabled" {
                errors.forbidden(path.child("recursiveReadOnly"), SupportedFields.detail)
            }
        }
    }
}
