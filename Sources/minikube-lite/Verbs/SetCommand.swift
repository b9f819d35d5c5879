import ArgumentParser
import KubernetesAPI

struct SetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change one thing of an object.", subcommands: [SetImageCommand.self])
}

struct SetImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Set the images of containers; a Deployment rolls the new ones out.",
        usage: "minikube-lite set image (TYPE NAME | TYPE/NAME) CONTAINER=IMAGE...")

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "TYPE NAME or TYPE/NAME, then CONTAINER=IMAGE...; * stands for every container.")
    var words: [String]

    mutating func run() async throws {
        let selection = try ResourceSelection(words.filter { !$0.contains("=") }).named()
        let images: [(container: String, image: String)] = try words.filter { $0.contains("=") }.map { word in
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard !parts[0].isEmpty, !parts[1].isEmpty else {
                throw CommandFailure("error: \"\(word)\" has to be CONTAINER=IMAGE", code: .usage)
            }
            return (parts[0], parts[1])
        }
        guard !images.isEmpty else {
            throw CommandFailure("error: at least one CONTAINER=IMAGE is required", code: .usage)
        }
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            for (resource, name) in selection {
                let object = try await cluster.transport.send(cluster.request(.get, resource, name: name))
                guard let patch = try Self.patch(object, resource, images) else { continue }
                var request = cluster.request(.patch, resource, name: name)
                request.patchType = .strategic
                request.body = patch
                _ = try await cluster.transport.send(request)
                Console.line("\(ResourceNames.prefix(resource.kind))/\(name) image updated")
            }
        }
    }

    /// The strategic merge patch, or nil where all images are as asked for.
    static func patch(
        _ object: JSONValue, _ resource: Schema.Resource, _ images: [(container: String, image: String)]
    ) throws(CommandFailure) -> JSONValue? {
        let isPod = resource.kind == Pod.groupVersionKind
        let spec = isPod ? object["spec"] : object[path: "spec", "template", "spec"]
        guard let spec, spec["containers"] != nil else {
            throw CommandFailure("error: a \(resource.singular) has no containers", code: .usage)
        }
        var changes = JSONObject()
        for (wanted, image) in images {
            var found = false
            for list in ["containers", "initContainers"] {
                var changed = changes[list]?.arrayValue ?? []
                for container in spec[list]?.arrayValue ?? [] {
                    guard let name = container["name"]?.stringValue, wanted == "*" || wanted == name else { continue }
                    found = true
                    guard container["image"]?.stringValue != image else { continue }
                    changed.append(["name": .string(name), "image": .string(image)])
                }
                if !changed.isEmpty { changes[list] = .array(changed) }
            }
            guard found else { throw CommandFailure("error: unable to find container named \"\(wanted)\"") }
        }
        guard !changes.isEmpty else { return nil }
        return isPod ? ["spec": .object(changes)] : ["spec": ["template": ["spec": .object(changes)]]]
    }
}
