import ArgumentParser
import KubernetesAPI

struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make the cluster have what manifests say.",
        discussion: """
            Objects that are not there are created; others are changed where the manifest differs from what was \
            applied last, and what others have set is kept. Unknown and duplicate fields are errors.
            """)

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Option(name: [.customShort("f"), .customLong("filename")], help: "A file, a folder, or - for standard input.")
    var files: [String]

    @Flag(name: [.customShort("R"), .long], help: "Folders with all that is below them.")
    var recursive = false

    mutating func run() async throws {
        let manifests = try ManifestReader.read(files, recursive: recursive)
        let option = namespace.namespace
        try await cluster.withCluster(namespace: option) { cluster in
            var failed = false
            for manifest in manifests {
                do {
                    Console.line(
                        "\(manifest.title) \(try await Self.apply(manifest, cluster, namespaceOption: option))")
                } catch let error as APIError where !error.isUnreachable {
                    // One refused object does not keep the others from being applied.
                    Console.error("\(CommandFailure.sentence(error)) (\(manifest.source))")
                    failed = true
                }
            }
            if failed { throw CommandFailure("") }
        }
    }

    /// Applies one manifest; returns kubectl's word for what was done.
    static func apply(_ manifest: Manifest, _ cluster: Cluster, namespaceOption: String? = nil) async throws -> String {
        var object = manifest.object
        var namespace = manifest.namespace
        if manifest.resource.namespaced {
            if let namespaceOption, !namespace.isEmpty, namespaceOption != namespace {
                throw CommandFailure(
                    "error: the namespace from the provided object \"\(namespace)\" does not match the namespace "
                        + "\"\(namespaceOption)\"; you must pass '--namespace=\(namespace)' to perform this operation")
            }
            if namespace.isEmpty { namespace = cluster.namespace }
            object["metadata"]?["namespace"] = .string(namespace)
        }
        let marked = LastApplied.mark(object)
        let options = ["fieldManager": "kubectl-client-side-apply", "fieldValidation": "Strict"]
        guard let current = try await cluster.find(manifest.resource, manifest.name, namespace: namespace) else {
            var request = cluster.request(.create, manifest.resource, namespace: namespace, options: options)
            request.body = marked
            _ = try await cluster.transport.send(request)
            return "created"
        }
        let (patch, type) = ThreeWayPatch.make(
            original: LastApplied.read(current), modified: marked, current: current, kind: manifest.resource.kind)
        if patch.objectValue?.isEmpty != false { return "unchanged" }
        var request = cluster.request(
            .patch, manifest.resource, namespace: namespace, name: manifest.name, options: options)
        request.patchType = type
        request.body = patch
        let answer = try await cluster.transport.send(request)
        // The server writes some values in its own way (quantities): nothing was changed where the version stayed.
        let version = answer[path: "metadata", "resourceVersion"]
        return version == current[path: "metadata", "resourceVersion"] ? "unchanged" : "configured"
    }
}

/// The annotation in which apply keeps what it was given, so that the next one knows what was taken out since.
enum LastApplied {
    static let annotation = "kubectl.kubernetes.io/last-applied-configuration"

    static func mark(_ object: JSONValue) -> JSONValue {
        var bare = object
        bare["metadata"]?["annotations"]?[annotation] = nil
        if bare[path: "metadata", "annotations"] == nil { bare["metadata"]?["annotations"] = [:] }
        var marked = bare
        marked["metadata"]?["annotations"]?[annotation] = .string(bare.text + "\n")
        return marked
    }

    static func read(_ object: JSONValue) -> JSONValue? {
        guard let text = object[path: "metadata", "annotations"]?[annotation]?.stringValue else { return nil }
        return try? JSONParser.parse(text.utf8)
    }
}
