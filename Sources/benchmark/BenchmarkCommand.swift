import ArgumentParser
import Foundation
import KubernetesAPI

/// `make bench`: measures, and writes the figures as Markdown.
@main
struct BenchmarkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measure a running node, and its parts.",
        subcommands: [
            NodeCommand.self, APICommand.self, SamplingCommand.self, ServicesCommand.self, NamesCommand.self,
            RoutingCommand.self,
        ],
        defaultSubcommand: NodeCommand.self)
}

/// Progress goes to standard error, so that standard output is the table.
func progress(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Measure a running node through its API.")

    @Option(help: "Kubeconfig of the node. Without a node only the peer is measured, and its row is printed.")
    var kubeconfig: String?
    @Option(help: "Folder of the pods' logs.")
    var logDirectory: String?
    @Option(help: "Path of the node's cgroup parent.")
    var cgroupParent: String?
    @Option(help: "Process id of the node.")
    var node: Int32?
    @Option(help: "Image with the containers' program.")
    var image = "payload:latest"
    @Option(help: "The containers' program on this machine, for the peer's bundle.")
    var payload: String
    @Option(help: "Samples of each start, removal and restart.")
    var samples = 30
    @Option(help: "Pods that are up at once.")
    var pods = 100

    func run() async throws {
        guard let node, let kubeconfig, let logDirectory, let cgroupParent else {
            if let peer = try Peer(payload: payload, samples: samples).crun() { print(peer.row) }
            return
        }
        let transport = try HTTPSTransport(cluster: Kubeconfig.load(path: kubeconfig))
        let measured = Node(
            client: APIClient(transport: transport), logDirectory: logDirectory, cgroupParent: cgroupParent,
            agentProcess: node, image: image)
        let measurements = Measurements(node: measured, samples: samples, pods: pods)
        var figures: [Figure] = []
        do {
            for step in [
                measurements.startAndRemoval, { [try await measurements.restart()] },
                { [try await measurements.deployment()] }, measurements.many,
            ] as [() async throws -> [Figure]] {
                let made = try await step()
                for figure in made { progress("\(figure.name): \(Figure.text(figure.median)) \(figure.unit)") }
                figures += made
            }
        } catch {
            try? await transport.shutdown()
            throw error
        }
        try await transport.shutdown()
        print(Figure.header)
        for figure in figures { print(figure.row) }
    }
}
