import ArgumentParser
import Foundation
import KubernetesAPI
import NodeAgent

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Say whether the node runs and how it is.",
        discussion: "Exit code 0 only where the node runs, answers and is ready.")

    @Option(help: "Folder of the instance, as given to \"up\".")
    var root: String?

    mutating func run() async throws {
        let layout = NodeLayout(root: root)
        let record = try NodeRecord.read(layout)
        guard let holder = AgentLock.holder(layout) else {
            Console.line("node         not running")
            if let record { Console.line("cgroup       \(record.cgroupParent) (pods may run on without the node)") }
            throw CommandFailure("")
        }
        let since = record.map { " since \(Timestamp(seconds: $0.startedAt))" } ?? ""
        Console.line("node         running (process \(holder))\(since)")
        if let record {
            Console.line("name         \(record.nodeName)")
            Console.line("limits       \(record.bestEffort ? "best effort" : "strict")")
            Console.line("cgroup       \(record.cgroupParent)")
            let pods = record.podCIDRs.map(\.description).joined(separator: ",")
            let services = record.serviceRanges.map(\.description).joined(separator: ",")
            Console.line("network      \(pods) on \(record.bridge), services \(services)")
        }
        Console.line("kubeconfig   \(layout.adminKubeconfig)")
        let context = try Kubeconfig.load(path: layout.adminKubeconfig)
        let transport = try HTTPSTransport(cluster: context, deadline: .seconds(5))
        let problem: (any Error)?
        do {
            try await report(transport)
            problem = nil
        } catch let failure as CommandFailure {
            problem = failure
        } catch {
            Console.line("API          \(context.server) \((error as? APIError)?.status.message ?? "\(error)")")
            problem = CommandFailure("")
        }
        try await transport.shutdown()
        if let problem { throw problem }
    }

    private func report(_ transport: HTTPSTransport) async throws {
        _ = try await transport.get("/readyz")
        Console.line("API          \(transport.server) ready")
        let client = APIClient(transport: transport)
        let nodes = try await client.list(Node.self).items
        if nodes.isEmpty { Console.line("condition    not ready: the node has not registered itself yet") }
        for node in nodes {
            let ready = node.status.conditions.first { $0.type == .ready }
            Console.line(
                "condition    \(ready?.status == .true ? "Ready" : "not ready: \(ready?.message ?? "unknown")")")
        }
        let pods = try await client.list(Pod.self).items
        let phases = Dictionary(grouping: pods) { $0.status.phase.rawValue }
        let counts = phases.sorted { $0.key < $1.key }.map { "\($0.value.count) \($0.key)" }
        Console.line("pods         \(counts.isEmpty ? "none" : counts.joined(separator: ", "))")
        let metrics = String(decoding: try await transport.get("/metrics"), as: UTF8.self)
        Console.line("services     \(Self.routedServices(metrics).map { "\($0) routed" } ?? "not routed yet")")
        let isReady = nodes.contains { node in
            node.status.conditions.contains { $0.type == .ready && $0.status == .true }
        }
        guard isReady else { throw CommandFailure("") }
    }

    /// What the agent's gauge says; nil where nothing has been put in force yet.
    static func routedServices(_ metrics: String) -> Int? {
        for line in metrics.split(separator: "\n") where line.hasPrefix("\(NodeAgent.routedServicesMetric) ") {
            return line.split(separator: " ").last.flatMap { Double($0) }.map { Int($0) }
        }
        return nil
    }
}
