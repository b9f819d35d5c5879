import ArgumentParser
import KubernetesAPI

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Start one pod from an image.",
        usage: "minikube-lite run NAME --image IMAGE [options] [-- ARGUMENT...]")

    enum Restart: String, ExpressibleByArgument, CaseIterable {
        case always = "Always"
        case onFailure = "OnFailure"
        case never = "Never"
    }

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "The pod's name.")
    var name: String

    @Option(help: "The image.")
    var image: String

    @Option(help: "The port that the container listens on.")
    var port: Int32?

    @Option(help: "NAME=VALUE; may be given several times.")
    var env: [String] = []

    @Option(name: [.customShort("l"), .long], help: "Labels, e.g. app=web,tier=test. Default: run=NAME.")
    var labels: String?

    @Option(help: "Always, OnFailure or Never.")
    var restart: Restart = .always

    @Flag(help: "The words after -- are the command, not its arguments.")
    var command = false

    @Argument(parsing: .postTerminator, help: "Arguments of the container's program.")
    var arguments: [String] = []

    mutating func run() async throws {
        var container = Container()
        container.name = name
        container.image = image
        if command { container.command = arguments } else { container.args = arguments }
        if let port {
            var entry = ContainerPort()
            entry.containerPort = port
            container.ports = [entry]
        }
        container.env = try env.map { word in
            let (key, value) = try KeyValue.parse(word, option: "--env")
            var variable = EnvVar()
            variable.name = key
            variable.value = value
            return variable
        }
        var pod = Pod()
        pod.metadata.name = name
        pod.metadata.labels =
            try labels.map { text in
                try Dictionary(
                    text.split(separator: ",").map { try KeyValue.parse(String($0), option: "--labels") },
                    uniquingKeysWith: { $1 })
            } ?? ["run": name]
        pod.spec.containers = [container]
        pod.spec.restartPolicy = RestartPolicy(rawValue: restart.rawValue)
        let object = pod
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            try await Creation.create(object.json, cluster)
        }
    }
}

/// `KEY=VALUE` of a command line.
enum KeyValue {
    static func parse(_ word: String, option: String) throws(CommandFailure) -> (String, String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw CommandFailure("error: \(option) \"\(word)\" has to be KEY=VALUE", code: .usage)
        }
        return (parts[0], parts[1])
    }
}

/// Creates objects that commands have put together.
enum Creation {
    static func create(_ object: JSONValue, _ cluster: Cluster) async throws {
        let kind = GroupVersionKind(
            apiVersion: object["apiVersion"]?.stringValue ?? "", kind: object["kind"]?.stringValue ?? "")
        guard let resource = Schema.shared.resource(of: kind) else {
            throw CommandFailure("error: no matches for kind \"\(kind.kind)\" in version \"\(kind.apiVersion)\"")
        }
        var request = cluster.request(.create, resource, options: ["fieldValidation": "Strict"])
        request.body = object
        if resource.namespaced { request.body?["metadata"]?["namespace"] = .string(cluster.namespace) }
        let answer = try await cluster.transport.send(request)
        let name = answer[path: "metadata", "name"]?.stringValue ?? ""
        Console.line("\(ResourceNames.prefix(kind))/\(name) created")
    }
}
