import ArgumentParser
import KubernetesAPI

struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete objects, and wait until they are gone.",
        usage: "minikube-lite delete (TYPE NAME... | TYPE/NAME... | TYPE -l SELECTOR | TYPE --all | -f FILE) [options]")

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "TYPE NAME..., or TYPE/NAME...")
    var resources: [String] = []

    @Option(name: [.customShort("f"), .customLong("filename")], help: "A file, a folder, or - for standard input.")
    var files: [String] = []

    @Flag(name: [.customShort("R"), .long], help: "Folders with all that is below them.")
    var recursive = false

    @Option(name: [.customShort("l"), .long], help: "Label selector.")
    var selector: String?

    @Flag(help: "All objects of the type in the namespace.")
    var all = false

    @Option(help: "Seconds that a pod gets to end by itself; 0 only with --force.")
    var gracePeriod: Int64?

    @Flag(help: "With --grace-period 0: take the object away at once.")
    var force = false

    @Flag(help: "As little grace as there is: one second.")
    var now = false

    @Flag(help: "What is not there is no error.")
    var ignoreNotFound = false

    @Option(help: "background, foreground or orphan: what becomes of what an object owns.")
    var cascade: Cascade = .background

    @Flag(inversion: .prefixedNo, help: "Wait until the objects are gone.")
    var wait = true

    @Option(help: "How long to wait, e.g. 90s or 5m.")
    var timeout = "5m"

    enum Cascade: String, ExpressibleByArgument, CaseIterable {
        case background, foreground, orphan
    }

    mutating func validate() throws {
        guard resources.isEmpty != files.isEmpty else {
            throw ValidationError("Give either resources or -f.")
        }
        if now, gracePeriod != nil { throw ValidationError("--now and --grace-period cannot be given together.") }
        if gracePeriod == 0, !force {
            throw ValidationError("--grace-period 0 needs --force; use --now for one second.")
        }
        if let gracePeriod, gracePeriod < 0 { throw ValidationError("--grace-period cannot be negative.") }
    }

    private struct Target: Sendable {
        var resource: Schema.Resource
        var name: String
        var namespace: String
    }

    mutating func run() async throws {
        guard let patience = DurationText.seconds(timeout) else {
            throw CommandFailure("error: --timeout \"\(timeout)\" is not a duration such as 90s or 5m", code: .usage)
        }
        let command = self
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            let targets = try await command.targets(cluster)
            if targets.isEmpty { Console.line("No resources found") }
            var deleted: [(Target, uid: String)] = []
            var failed = false
            for target in targets {
                do {
                    if let uid = try await command.delete(target, cluster) { deleted.append((target, uid)) }
                } catch let error as APIError where error.isNotFound {
                    guard !command.ignoreNotFound else { continue }
                    Console.error(CommandFailure.sentence(error))
                    failed = true
                }
            }
            if command.wait {
                let end = ContinuousClock.now + .seconds(patience)
                for (target, uid) in deleted { try await Self.waitUntilGone(target, uid: uid, cluster, end: end) }
            }
            if failed { throw CommandFailure("") }
        }
    }

    private func targets(_ cluster: Cluster) async throws -> [Target] {
        if !files.isEmpty {
            return try ManifestReader.read(files, recursive: recursive).map {
                Target(
                    resource: $0.resource, name: $0.name,
                    namespace: $0.namespace.isEmpty ? cluster.namespace : $0.namespace)
            }
        }
        let selection = try ResourceSelection(resources)
        guard selector != nil || all else {
            return try selection.named().map {
                Target(resource: $0.resource, name: $0.name, namespace: cluster.namespace)
            }
        }
        var targets: [Target] = []
        for item in selection.items {
            guard item.name == nil else {
                throw CommandFailure("error: a name and a selector cannot be given together", code: .usage)
            }
            let list = try await cluster.transport.send(
                cluster.request(.list, item.resource, options: selector.map { ["labelSelector": $0] } ?? [:]))
            for object in list["items"]?.arrayValue ?? [] {
                targets.append(
                    Target(
                        resource: item.resource, name: object[path: "metadata", "name"]?.stringValue ?? "",
                        namespace: cluster.namespace))
            }
        }
        return targets
    }

    /// Asks for the deletion; returns the object's uid where it is still to wait for.
    private func delete(_ target: Target, _ cluster: Cluster) async throws -> String? {
        var options = DeleteOptions()
        options.gracePeriodSeconds = now ? 1 : gracePeriod
        options.propagationPolicy =
            switch cascade {
            case .background: .background
            case .foreground: .foreground
            case .orphan: .orphan
            }
        var request = cluster.request(.delete, target.resource, namespace: target.namespace, name: target.name)
        request.body = options.json
        let answer = try await cluster.transport.send(request)
        let how = gracePeriod == 0 && force ? "force deleted" : "deleted"
        let group = target.resource.kind.group
        Console.line(
            "\(target.resource.singular)\(group.isEmpty ? "" : "." + group) \"\(target.name)\" \(how)")
        // An object goes on for a while, a Status names what is gone.
        return answer[path: "metadata", "uid"]?.stringValue ?? answer[path: "details", "uid"]?.stringValue
    }

    private static func waitUntilGone(
        _ target: Target, uid: String, _ cluster: Cluster, end: ContinuousClock.Instant
    ) async throws {
        let title = "\(target.resource.singular)/\(target.name)"
        try await Deadline.run(
            until: end, failure: "error: timed out waiting for \(title) to be gone"
        ) {
            while true {
                let present = try await cluster.find(target.resource, target.name, namespace: target.namespace)
                // Another object of the same name is not the one that was deleted.
                guard let present, present[path: "metadata", "uid"]?.stringValue == uid else { return }
                let version = present[path: "metadata", "resourceVersion"]?.stringValue ?? ""
                let watch = cluster.request(
                    .watch, target.resource, namespace: target.namespace,
                    options: ["fieldSelector": "metadata.name=\(target.name)", "resourceVersion": version])
                for try await event in try await cluster.transport.watch(watch) where event.type != "BOOKMARK" {
                    if event.type == "DELETED" || event.type == "ERROR" { break }
                }
            }
        }
    }
}
