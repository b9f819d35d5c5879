import ArgumentParser
import Foundation
import KubernetesAPI
import LinuxKernel

/// The API as clients meet it: over TLS, from the same cores.
struct APICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api", abstract: "Measure the API of a running node: needs wrk.")

    @Option(help: "Kubeconfig of the node.")
    var kubeconfig: String
    @Option(help: "Process id of the node.")
    var node: Int32
    @Option(help: "The node's database; the disk below it is measured too.")
    var database: String
    @Option(help: "Objects of 1 KiB that are listed.")
    var objects = 10_000
    @Option(help: "Watches that are open at once.")
    var watchers = 1000
    @Option(help: "Updates that the database's size is measured after.")
    var updates = 100_000
    @Option(help: "Seconds of one run.")
    var seconds = 3

    func run() async throws {
        try DescriptorLimit.raise()
        let cluster = try Kubeconfig.load(path: kubeconfig)
        let transport = try HTTPSTransport(cluster: cluster)
        let result: Result<[Figure], any Error>
        do {
            let measurements = APIMeasurements(
                cluster: cluster, client: APIClient(transport: transport), process: node, database: database,
                objects: objects, watchers: watchers, updates: updates, seconds: seconds)
            result = .success(try await measurements.all())
        } catch { result = .failure(error) }
        try? await transport.shutdown()
        for figure in try result.get() { print(figure.row) }
    }
}
