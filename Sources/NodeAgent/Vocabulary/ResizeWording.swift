import KubernetesAPI
import PodRuntime

/// What the kubelet says about a change of resources (`pkg/kubelet/events/resize.go`): a sentence, and the resources and
/// the generation as JSON.
enum ResizeWording {
    static func started(_ pod: Pod, generation: Int64) -> String {
        message("Pod resize started", pod, generation)
    }

    static func completed(_ pod: Pod, generation: Int64) -> String {
        message("Pod resize completed", pod, generation)
    }

    static func failed(_ pod: Pod, generation: Int64, error: String) -> String {
        message("Pod resize error", pod, generation, error: error)
    }

    /// - Parameter reason: `Deferred` or `Infeasible`.
    static func pending(_ pod: Pod, generation: Int64, reason: String, message text: String) -> String {
        message("Pod resize \(reason)", pod, generation, error: text)
    }

    private static func message(_ words: String, _ pod: Pod, _ generation: Int64, error: String = "") -> String {
        func list(_ containers: [Container]) -> JSONValue {
            .array(containers.map { ["name": .string($0.name), "resources": $0.resources.json] })
        }
        var members = JSONObject()
        if let own = pod.spec.resources { members["resources"] = own.json }
        // Init containers that end are not resized.
        let sidecars = pod.spec.initContainers.filter(\.isSidecar)
        if !sidecars.isEmpty { members["initContainers"] = list(sidecars) }
        members["containers"] = list(pod.spec.containers)
        members["generation"] = .integer(generation)
        if !error.isEmpty { members["error"] = .string(error) }
        return "\(words): \(JSONValue.object(members).text)"
    }

    /// Why cgroups could not be changed.
    static func problem(_ error: RuntimeError) -> String {
        error.kind == .memoryInUse ? "cannot decrease memory limits: \(error.message)" : error.message
    }

    static func restart(_ container: String) -> String { "Container \(container) resize requires restart" }
}

/// What an OOM kill was about, with its numbers.
enum OOMWording {
    static func message(_ container: String, _ kill: OOMKill, ended: Bool) -> String {
        let limit = kill.limitBytes.map(bytes) ?? "unknown"
        let usage = kill.usageBytes.map { ", \(bytes($0)) used" } ?? ""
        let own = kill.containerBytes.map(bytes)
        let cause =
            switch kill.level {
            case .container: "its own memory limit (memory.max \(limit)\(usage))"
            case .pod: "the memory limit of its pod (memory.max \(limit)\(usage) by the pod\(by(own)))"
            case .node: "the memory limit of the node's pods (memory.max \(limit)\(usage) by the pods\(by(own)))"
            case .machine: "the end of the machine's memory (\(limit)\(by(own)))"
            }
        // Of a container that is killed as a whole the kernel may count a process twice.
        let end =
            ended
            ? "it was killed"
            : "\(kill.kills) process\(kill.kills == 1 ? "" : "es") killed, the container goes on"
        return "Memory cgroup out of memory: container \(container) reached \(cause); \(end)"
    }

    private static func by(_ own: String?) -> String { own.map { ", \($0) by the container" } ?? "" }

    /// Exact, and as people write it.
    private static func bytes(_ count: Int64) -> String {
        let text = Quantity(count, format: .binary).canonical
        return text.hasSuffix("i") ? "\(count) = \(text)" : "\(count)"
    }
}
