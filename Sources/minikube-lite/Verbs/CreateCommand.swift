import ArgumentParser
import Foundation
import KubernetesAPI

struct CreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Create an object.",
        subcommands: [
            CreateDeploymentCommand.self, CreateNamespaceCommand.self, CreateSecretCommand.self,
            CreateConfigMapCommand.self,
        ])
}

struct CreateDeploymentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deployment", abstract: "Create a Deployment.",
        usage: "minikube-lite create deployment NAME --image IMAGE [options] [-- COMMAND...]", aliases: ["deploy"])

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "The Deployment's name.")
    var name: String

    @Option(help: "The image.")
    var image: String

    @Option(help: "How many pods.")
    var replicas: Int32 = 1

    @Option(help: "The port that the container listens on.")
    var port: Int32?

    @Argument(parsing: .postTerminator, help: "The container's command.")
    var command: [String] = []

    mutating func run() async throws {
        var container = Container()
        // As kubectl does: the image's last component, without its tag.
        let reference = image.prefix { $0 != "@" }.split(separator: "/").last ?? ""
        container.name = String(reference.prefix { $0 != ":" })
        container.image = image
        container.command = command
        if let port {
            var entry = ContainerPort()
            entry.containerPort = port
            container.ports = [entry]
        }
        var deployment = Deployment()
        deployment.metadata.name = name
        deployment.metadata.labels = ["app": name]
        deployment.spec.replicas = replicas
        var selector = LabelSelector()
        selector.matchLabels = ["app": name]
        deployment.spec.selector = selector
        deployment.spec.template.metadata.labels = ["app": name]
        deployment.spec.template.spec.containers = [container]
        let object = deployment
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            try await Creation.create(object.json, cluster)
        }
    }
}

struct CreateNamespaceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "namespace", abstract: "Create a namespace.", aliases: ["ns"])

    @OptionGroup var cluster: ClusterOptions

    @Argument(help: "The namespace's name.")
    var name: String

    mutating func run() async throws {
        var namespace = Namespace()
        namespace.metadata.name = name
        let object = namespace
        try await cluster.withCluster { cluster in try await Creation.create(object.json, cluster) }
    }
}

/// Keys and values given in words and files.
struct LiteralOptions: ParsableArguments {
    @Option(help: "KEY=VALUE; may be given several times.")
    var fromLiteral: [String] = []

    @Option(help: "KEY=FILE, or FILE (its name is the key); may be given several times.")
    var fromFile: [String] = []

    func values() throws(CommandFailure) -> [String: [UInt8]] {
        var values: [String: [UInt8]] = [:]
        for word in fromLiteral {
            let (key, value) = try KeyValue.parse(word, option: "--from-literal")
            values[key] = Array(value.utf8)
        }
        for word in fromFile {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let path = parts.last ?? ""
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw CommandFailure("error: the file \"\(path)\" cannot be read")
            }
            values[parts.count == 2 ? parts[0] : String(path.split(separator: "/").last ?? "")] = Array(bytes)
        }
        return values
    }
}

struct CreateSecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret", abstract: "Create a Secret.", subcommands: [CreateGenericSecretCommand.self])
}

struct CreateGenericSecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generic", abstract: "Create a Secret from words and files.")

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var literals: LiteralOptions

    @Argument(help: "The Secret's name.")
    var name: String

    mutating func run() async throws {
        var data = JSONObject()
        for (key, value) in try literals.values() { data[key] = .string(Data(value).base64EncodedString()) }
        let object: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "metadata": ["name": .string(name)], "type": "Opaque",
            "data": .object(data),
        ]
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            try await Creation.create(object, cluster)
        }
    }
}

struct CreateConfigMapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configmap", abstract: "Create a ConfigMap from words and files.", aliases: ["cm"])

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption
    @OptionGroup var literals: LiteralOptions

    @Argument(help: "The ConfigMap's name.")
    var name: String

    mutating func run() async throws {
        var data = JSONObject()
        var binary = JSONObject()
        for (key, value) in try literals.values() {
            if let text = String(validating: value, as: UTF8.self) {
                data[key] = .string(text)
            } else {
                binary[key] = .string(Data(value).base64EncodedString())
            }
        }
        var object: JSONValue = [
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name)], "data": .object(data),
        ]
        if !binary.isEmpty { object["binaryData"] = .object(binary) }
        let map = object
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            try await Creation.create(map, cluster)
        }
    }
}
