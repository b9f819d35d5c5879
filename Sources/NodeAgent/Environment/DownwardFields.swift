import KubernetesAPI

/// What a pod may know of itself: `fieldRef` and `resourceFieldRef`, in variables and in files.
struct DownwardFields: Sendable {
    var pod: Pod
    var podAddresses: [String]
    var nodeAddresses: [String]
    /// What a container without a limit may use at most, by resource.
    var allocatable: [String: Quantity]

    /// The value of a field path such as `metadata.labels['app']`.
    func value(of path: String) throws(ReferenceError) -> String {
        let metadata = pod.metadata
        switch path {
        case "metadata.name": return metadata.name
        case "metadata.namespace": return metadata.namespace
        case "metadata.uid": return metadata.uid
        case "metadata.labels": return Self.lines(metadata.labels)
        case "metadata.annotations": return Self.lines(metadata.annotations)
        case "spec.nodeName": return pod.spec.nodeName
        case "spec.serviceAccountName": return pod.spec.serviceAccountName
        case "status.hostIP": return nodeAddresses.first ?? ""
        case "status.hostIPs": return nodeAddresses.joined(separator: ",")
        case "status.podIP": return podAddresses.first ?? ""
        case "status.podIPs": return podAddresses.joined(separator: ",")
        default: break
        }
        if let key = Self.key(path, of: "metadata.labels") { return metadata.labels[key] ?? "" }
        if let key = Self.key(path, of: "metadata.annotations") { return metadata.annotations[key] ?? "" }
        throw ReferenceError(message: "unsupported fieldPath: \(path)")
    }

    /// `x` of `metadata.labels['x']`.
    private static func key(_ path: String, of field: String) -> String? {
        guard path.hasPrefix(field + "['"), path.hasSuffix("']") else { return nil }
        return String(path.dropFirst(field.count + 2).dropLast(2))
    }

    /// `key="value"`, sorted, the value escaped as a Go string (`fieldpath.FormatMap`).
    static func lines(_ map: [String: String]) -> String {
        map.sorted { $0.key < $1.key }.map { "\($0.key)=\(quoted($0.value))" }.joined(separator: "\n")
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// The amount of a resource in units of the divisor, rounded up. A limit that is not set is the pod's, or else what
    /// the node has.
    func value(of selector: ResourceFieldSelector, container name: String) throws(ReferenceError) -> String {
        let wanted = selector.containerName.isEmpty ? name : selector.containerName
        guard let container = (pod.spec.containers + pod.spec.initContainers).first(where: { $0.name == wanted }) else {
            throw ReferenceError(message: "container \(wanted) not found")
        }
        let resources = container.resources
        let parts = selector.resource.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, ["limits", "requests"].contains(parts[0]) else {
            throw ReferenceError(message: "unsupported container resource: \(selector.resource)")
        }
        let amount =
            parts[0] == "limits"
            ? resources.limits[parts[1]] ?? pod.spec.resources?.limits[parts[1]] ?? allocatable[parts[1]]
            : resources.requests[parts[1]]
        let isCPU = parts[1] == "cpu"
        let divisor = selector.divisor.flatMap { $0.sign > 0 ? $0 : nil } ?? "1"
        let (dividend, by) =
            isCPU
            ? (amount?.milliValue ?? 0, divisor.milliValue) : (amount?.value ?? 0, divisor.value)
        return String((dividend + by - 1) / max(by, 1))
    }
}
