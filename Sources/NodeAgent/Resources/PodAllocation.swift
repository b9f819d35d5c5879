import KubernetesAPI

/// What the node has agreed to give a pod: the requests and limits that count, while the spec may ask for others that
/// have to wait (KEP-1287, "Allocated Resources").
struct PodAllocation: Sendable, Hashable {
    /// Of the pod as a whole, where it has any.
    var pod: ResourceRequirements?
    /// By container.
    var containers: [String: ResourceRequirements] = [:]

    init() {}

    /// All that the spec asks for.
    init(_ spec: PodSpec) {
        pod = spec.resources
        for container in spec.initContainers + spec.containers { containers[container.name] = container.resources }
    }

    /// What of a spec's containers it knows, and the spec's own words for the others.
    func applied(to pod: Pod) -> Pod {
        if self == PodAllocation(pod.spec) { return pod }
        var result = pod
        result.spec.resources = self.pod
        for index in result.spec.containers.indices {
            if let own = containers[result.spec.containers[index].name] {
                result.spec.containers[index].resources = own
            }
        }
        for index in result.spec.initContainers.indices {
            if let own = containers[result.spec.initContainers[index].name] {
                result.spec.initContainers[index].resources = own
            }
        }
        return result
    }

    // MARK: On disk

    /// Nil where the text is none.
    init?(text: String) {
        guard let json = try? JSONParser.parse(text.utf8), let members = json.objectValue else { return nil }
        do {
            if let own = members["pod"] { pod = try ResourceRequirements(json: own) }
            for (name, value) in members["containers"]?.objectValue ?? JSONObject() {
                containers[name] = try ResourceRequirements(json: value)
            }
        } catch {
            return nil
        }
    }

    /// As it is kept on disk and with the sandbox's facts.
    var text: String {
        var names = JSONObject()
        for (name, resources) in containers.sorted(by: { $0.key < $1.key }) { names[name] = resources.json }
        var members = JSONObject()
        members["containers"] = .object(names)
        if let pod { members["pod"] = pod.json }
        return JSONValue.object(members).text
    }
}
