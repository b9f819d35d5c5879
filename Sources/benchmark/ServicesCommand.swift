import ArgumentParser
import Foundation
import KubernetesAPI

/// Services as clients meet them: what a cluster address costs, and how soon a change is in force.
struct ServicesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "services", abstract: "Measure services of a running node: needs root, wrk and nsenter.")

    @Option(help: "Kubeconfig of the node.")
    var kubeconfig: String
    @Option(help: "Folder of the pods' logs.")
    var logDirectory: String
    @Option(help: "Path of the node's cgroup parent.")
    var cgroupParent: String
    @Option(help: "Process id of the node.")
    var node: Int32
    @Option(help: "Image of a server that listens on port 8000.")
    var image = "myapp:1.4.2"
    @Option(help: "Flips of readiness, and writes of a slice, each way.")
    var samples = 30
    @Option(help: "Pairs of runs through the cluster address and straight to the pod.")
    var pairs = 7
    @Option(help: "Seconds of one run.")
    var seconds = 3

    func run() async throws {
        let transport = try HTTPSTransport(cluster: Kubeconfig.load(path: kubeconfig))
        let measured = Node(
            client: APIClient(transport: transport), logDirectory: logDirectory, cgroupParent: cgroupParent,
            agentProcess: node, image: image)
        let measurements = ServiceMeasurements(node: measured, samples: samples, pairs: pairs, seconds: seconds)
        let result: Result<[Figure], any Error>
        do { result = .success(try await measurements.all()) } catch { result = .failure(error) }
        try? await transport.shutdown()
        for figure in try result.get() { print(figure.row) }
    }
}
