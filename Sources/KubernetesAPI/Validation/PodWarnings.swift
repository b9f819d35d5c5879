/// What the API server takes from pods and templates and warns about, because it is most likely not what was meant
/// (`pkg/api/pod/warnings.go`).
extension PodSpec {
    /// - Parameters:
    ///   - metadata: of the pod or the template.
    ///   - path: of what has the spec: nothing for a pod, `spec.template` for a template.
    func customaryWarnings(_ metadata: ObjectMeta, at path: FieldPath) -> [String] {
        let spec = path.child("spec")
        let containers = located(at: spec)
        return nodeLabelWarnings(at: spec) + metadata.deprecatedAnnotationWarnings(at: path.child("metadata"))
            + aliasWarnings(at: spec) + containers.flatMap { $0.container.variableWarnings(at: $0.path.child("env")) }
            + Self.portWarnings(containers)
    }

    private typealias Located = (container: Container, path: FieldPath)

    private func located(at path: FieldPath) -> [Located] {
        [("initContainers", initContainers), ("containers", containers)].flatMap { field, list in
            list.enumerated().map { (container: $1, path: path.child(field)[$0]) }
        }
    }

    /// Labels of nodes that have other names by now.
    private static let deprecatedLabels = [
        "beta.kubernetes.io/arch": "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os": "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "beta.kubernetes.io/instance-type": "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead",
        "failure-domain.beta.kubernetes.io/region":
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
        "failure-domain.beta.kubernetes.io/zone": "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead",
    ]

    private func nodeLabelWarnings(at path: FieldPath) -> [String] {
        var warnings = nodeSelector.keys.sorted().compactMap { key in
            Self.deprecatedLabels[key].map { "\(path.child("nodeSelector")[key]): \($0)" }
        }
        guard let affinity = affinity?.nodeAffinity else { return warnings }
        let nodes = path.child("affinity").child("nodeAffinity")
        func look(_ term: NodeSelectorTerm, _ path: FieldPath) {
            for (index, expression) in term.matchExpressions.enumerated() {
                guard let text = Self.deprecatedLabels[expression.key] else { continue }
                warnings.append(
                    "\(path.child("matchExpressions")[index].child("key")): \(expression.key) is \(text)")
            }
        }
        let required = nodes.child("requiredDuringSchedulingIgnoredDuringExecution").child("nodeSelectorTerms")
        let terms = affinity.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
        for (index, term) in terms.enumerated() { look(term, required[index]) }
        let preferred = nodes.child("preferredDuringSchedulingIgnoredDuringExecution")
        for (index, term) in affinity.preferredDuringSchedulingIgnoredDuringExecution.enumerated() {
            look(term.preference, preferred[index].child("preference"))
        }
        return warnings
    }

    private func aliasWarnings(at path: FieldPath) -> [String] {
        func repeated(_ field: String, _ member: String, _ values: [String]) -> [String] {
            var seen: Set<String> = []
            return values.enumerated().compactMap { index, value in
                seen.insert(value).inserted
                    ? nil
                    : "\(path.child(field)[index].child(member)): duplicate \(member) \(JSONValue.string(value).text)"
            }
        }
        return repeated("hostAliases", "ip", hostAliases.map(\.ip))
            + repeated("imagePullSecrets", "name", imagePullSecrets.map(\.name))
    }

    /// Ports that are said twice: `apply` merges them by number and protocol.
    private static func portWarnings(_ containers: [Located]) -> [String] {
        var warnings: [String] = []
        var known: [String: [(port: ContainerPort, path: FieldPath)]] = [:]
        for (container, path) in containers {
            for (index, port) in container.ports.enumerated() {
                let path = path.child("ports")[index]
                if !port.hostIP.isEmpty, port.hostPort == 0 {
                    warnings.append(
                        "\(path): hostIP set without hostPort: {Name:\(port.name) HostPort:\(port.hostPort) "
                            + "ContainerPort:\(port.containerPort) Protocol:\(port.protocol) HostIP:\(port.hostIP)}")
                }
                let key = "\(port.containerPort)/\(port.protocol)"
                for other in known[key, default: []] {
                    if let relation = relation(of: port, to: other.port) {
                        warnings.append("\(path): \(relation) port definition with \(other.path)")
                    }
                }
                known[key, default: []].append((port, path))
            }
        }
        return warnings
    }

    private static func relation(of port: ContainerPort, to other: ContainerPort) -> String? {
        if port.hostIP == other.hostIP, port.hostPort == other.hostPort { return "duplicate" }
        if port.hostPort == 0 || other.hostPort == 0 { return "overlapping" }
        let isAmbiguous = port.hostIP.isEmpty || other.hostIP.isEmpty
        return isAmbiguous && port.hostPort == other.hostPort ? "dangerously ambiguous" : nil
    }
}

extension Container {
    /// A variable that is set again hides the first one, unless it is made from it.
    fileprivate func variableWarnings(at path: FieldPath) -> [String] {
        var seen: Set<String> = []
        return env.enumerated().compactMap { index, variable in
            guard !seen.insert(variable.name).inserted else { return nil }
            let reference = "$(\(variable.name))"
            let extends = variable.valueFrom == nil && variable.value != reference && variable.value.contains(reference)
            return extends
                ? nil
                : "\(path[index]): hides previous definition of \(JSONValue.string(variable.name).text), "
                    + "which may be dropped when using apply"
        }
    }
}

extension ObjectMeta {
    fileprivate func deprecatedAnnotationWarnings(at path: FieldPath) -> [String] {
        [
            ("scheduler.alpha.kubernetes.io/critical-pod", "1.16", "priorityClassName"),
            ("security.alpha.kubernetes.io/sysctls", "1.11", "sysctls"),
            ("security.alpha.kubernetes.io/unsafe-sysctls", "1.11", "sysctls"),
            ("seccomp.security.alpha.kubernetes.io/pod", "1.27", "seccompProfile"),
        ].compactMap { key, version, field in
            guard annotations[key] != nil else { return nil }
            return
                "\(path.child("annotations")[key]): non-functional in v\(version)+; use the \"\(field)\" field instead"
        }
    }

    /// The names of what makes pods become names of hosts, which have no dots.
    func hostNameWarnings(_ use: String) -> [String] {
        let problems = name.isEmpty ? [] : NameRules.dns1123Label(name)
        guard !problems.isEmpty else { return [] }
        return [
            "metadata.name: this is used in \(use), which can result in surprising behavior; a DNS label is "
                + "recommended: [\(problems.joined(separator: " "))]"
        ]
    }
}
