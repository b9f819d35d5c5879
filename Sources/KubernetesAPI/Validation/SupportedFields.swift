/// What the API knows and this node does not do: the one table behind validation, warnings and `docs/supported.md`.
///
/// What changes the meaning of a pod is refused: a pod that ran without it would be another pod. What is a hint for
/// where or when it should run, or a bound that nothing watches, is taken with a warning. Nothing is dropped silently.
public enum SupportedFields {
    static let detail = "not supported by minikube-lite"

    /// The volume sources that the node makes.
    static let volumeSources = ["emptyDir", "hostPath", "secret", "configMap", "downwardAPI", "projected"]

    /// What a projected volume is made of.
    static let projectedSources = ["secret", "configMap", "downwardAPI", "serviceAccountToken"]

    /// The handlers that probes may have.
    static let probeHandlers = ["exec", "httpGet", "tcpSocket"]

    /// Below the `spec` of a pod, and of the template of what makes pods.
    public static let pod: [FieldRule] =
        refusedOfPods + ignoredOfPods + inContainers + security(at: "securityContext", of: "core.v1.PodSecurityContext")

    /// Below the `spec` of a Service.
    public static let service: [FieldRule] = [
        FieldRule("ports[].protocol", .ignored, "SCTP is \(detail)", when: "SCTP") { $0.value == "SCTP" },
        FieldRule("loadBalancerIP", .ignored, "load balancers have the node's address"),
        FieldRule("trafficDistribution", .ignored, "there is one node"),
    ]

    private static let refusedOfPods: [FieldRule] =
        [
            FieldRule("ephemeralContainers", .refused, detail),
            FieldRule("runtimeClassName", .refused, detail),
            FieldRule("resourceClaims", .refused, detail),
            FieldRule("schedulingGroup", .refused, detail),
            // A pod that says that it is for Linux is right here.
            FieldRule("os", .refused, detail, when: "other than linux") { $0.value["name"] != "linux" },
            FieldRule("hostUsers", .refused, "user namespaces are \(detail)", when: "false") { $0.value == false },
            FieldRule("resources.claims", .refused, detail),
        ]
        + unsupported("core.v1.VolumeSource", but: volumeSources, at: "volumes[]")
        + unsupported("core.v1.VolumeProjection", but: projectedSources, at: "volumes[].projected.sources[]")
        + [
            FieldRule("volumes[].emptyDir.medium", .refused, "huge pages are \(detail)", when: "HugePages...") {
                $0.value.stringValue?.hasPrefix("HugePages") == true
            }
        ]

    private static let ignoredOfPods = [
        FieldRule("topologySpreadConstraints", .ignored, detail),
        FieldRule("imagePullSecrets", .ignored, detail),
        FieldRule("affinity.podAffinity", .ignored, detail),
        FieldRule("affinity.podAntiAffinity", .ignored, detail),
        FieldRule("schedulerName", .ignored, "there is one scheduler", when: "other than default-scheduler") {
            $0.value != "default-scheduler"
        },
        FieldRule("securityContext.fsGroupChangePolicy", .ignored, "volumes are always given to the group"),
        FieldRule("securityContext.seLinuxChangePolicy", .ignored, detail),
    ]

    private static let inContainers = ["containers[]", "initContainers[]"].flatMap { container in
        [
            FieldRule("\(container).tty", .refused, "terminals are \(detail)", when: "true") { $0.value == true },
            FieldRule("\(container).volumeDevices", .refused, detail),
            FieldRule("\(container).restartPolicyRules", .refused, detail),
            FieldRule("\(container).resources.claims", .refused, detail),
            FieldRule("\(container).env[].valueFrom.fileKeyRef", .refused, detail),
            FieldRule(
                "\(container).volumeMounts[].recursiveReadOnly", .refused, detail, when: "other than Disabled"
            ) { $0.value != "Disabled" },
            FieldRule("\(container).ports[].hostPort", .refused, "SCTP is \(detail)", when: "SCTP") {
                $0.parent["protocol"] == "SCTP" && $0.value != 0 && $0.spec["hostNetwork"] != true
            },
            FieldRule("\(container).stdinOnce", .ignored, detail, when: "true") { $0.value == true },
        ]
            + ["livenessProbe", "readinessProbe", "startupProbe"].map {
                FieldRule("\(container).\($0).grpc", .refused, instead(probeHandlers))
            }
            + security(at: "\(container).securityContext", of: "core.v1.SecurityContext")
    }

    /// For a security context, a pod's or a container's: of what both kinds have together, what this one has.
    private static func security(at path: String, of structure: String) -> [FieldRule] {
        @Sendable func isLocalhost(_ context: FieldRule.Context) -> Bool { context.value == "Localhost" }
        // A profile of one's own is a promise: without it the container would be less confined than it says.
        let promise = "Localhost is \(detail)"
        let rules = [
            FieldRule("\(path).windowsOptions", .refused, detail),
            FieldRule("\(path).seccompProfile.type", .refused, promise, when: "Localhost", isLocalhost),
            FieldRule("\(path).appArmorProfile.type", .refused, promise, when: "Localhost", isLocalhost),
            FieldRule("\(path).supplementalGroupsPolicy", .refused, "Strict is \(detail)", when: "Strict") {
                $0.value == "Strict"
            },
            FieldRule("\(path).seLinuxOptions", .ignored, detail),
            FieldRule("\(path).appArmorProfile", .ignored, detail),
        ]
        return rules.filter { rule in
            let field = rule.path.dropFirst(path.count + 1).prefix { $0 != "." }
            return Schema.shared.structures[structure]?[String(field)] != nil
        }
    }

    /// A rule for each member that a structure has besides those that are supported.
    private static func unsupported(_ structure: String, but supported: [String], at path: String) -> [FieldRule] {
        (Schema.shared.structures[structure]?.fields ?? []).map(\.name).filter { !supported.contains($0) }.map {
            FieldRule("\(path).\($0)", .refused, instead(supported))
        }
    }

    private static func instead(_ supported: [String]) -> String {
        "\(detail); use one of \(supported.sorted().joined(separator: ", "))"
    }
}

extension PodSpec {
    /// Refuses what this node cannot do.
    func forbidUnsupported(at path: FieldPath, into errors: inout FieldErrors) {
        SupportedFields.pod.refuse(json, at: path, into: &errors)
    }

    /// Sentences about what has no effect or another one than meant, the paths below `path`.
    func unsupportedFieldWarnings(at path: FieldPath) -> [String] {
        var warnings = SupportedFields.pod.warnings(on: json, at: path)
        for (name, list) in [("containers", containers), ("initContainers", initContainers)] {
            for (index, container) in list.enumerated() {
                warnings += container.resources.warnings(at: path.child(name)[index].child("resources"))
            }
        }
        return warnings + (resources?.warnings(at: path.child("resources")) ?? [])
    }
}
