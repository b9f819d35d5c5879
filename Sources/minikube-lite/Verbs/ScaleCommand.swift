import ArgumentParser
import KubernetesAPI

struct ScaleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale", abstract: "Set how many replicas a Deployment or ReplicaSet has.",
        usage: "minikube-lite scale (TYPE NAME... | TYPE/NAME...) --replicas COUNT")

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "TYPE NAME..., or TYPE/NAME...")
    var resources: [String]

    @Option(help: "How many there shall be.")
    var replicas: Int64

    mutating func validate() throws {
        guard replicas >= 0 else { throw ValidationError("--replicas cannot be negative.") }
    }

    mutating func run() async throws {
        let targets = try ResourceSelection(resources).named()
        let replicas = replicas
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            for (resource, name) in targets {
                guard resource.subresources.contains("scale") else {
                    throw CommandFailure("error: cannot scale a \(resource.singular)", code: .usage)
                }
                var request = cluster.request(.patch, resource, name: name)
                request.subresource = "scale"
                request.patchType = .merge
                request.body = ["spec": ["replicas": .integer(replicas)]]
                _ = try await cluster.transport.send(request)
                Console.line("\(ResourceNames.prefix(resource.kind))/\(name) scaled")
            }
        }
    }
}
