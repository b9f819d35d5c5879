import ArgumentParser
import Foundation
import KubernetesAPI
import LinuxKernel

struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Watch what containers use of what they may use.",
        discussion: """
            A live table: CPU and memory against request and limit, throttling, peak, pressure, processes, disk \
            and OOM kills of each container. Keys: q quit, c m n sort by CPU, memory, name, space pause, ? help. Where \
            standard output is no terminal, or with --once, one table is printed.
            """)

    enum Subject: String, ExpressibleByArgument, CaseIterable {
        case pods, node

        init?(argument: String) {
            switch argument {
            case "pods", "pod", "po": self = .pods
            case "node", "nodes", "no": self = .node
            default: return nil
            }
        }
    }

    @OptionGroup var cluster: ClusterOptions

    @Argument(help: "pods or node.")
    var subject: Subject = .pods

    @Option(name: [.customShort("n"), .long], help: "Only pods of this namespace. Default: all.")
    var namespace: String?

    @Option(help: "The node. Default: the only one, or the first by name.")
    var node: String?

    @Option(help: "Seconds between two looks, 0.2 to 60.")
    var interval = 1.0

    @Option(help: "cpu, memory or name.")
    var sort: TopTable.Order = .cpu

    @Flag(help: "Print one table and end.")
    var once = false

    mutating func validate() throws {
        guard (0.2...60).contains(interval) else {
            throw ValidationError("--interval has to be between 0.2 and 60 seconds.")
        }
    }

    mutating func run() async throws {
        let command = self
        try await cluster.withCluster { cluster in
            let source = try await TopSource(cluster, node: command.node, namespace: command.namespace)
            guard !command.once, Terminal.isInteractive else { return try await command.printOnce(source) }
            try await TopSession(source, subject: command.subject, order: command.sort, interval: command.interval)
                .run()
        }
    }

    /// Two looks, for rates, and one table.
    private func printOnce(_ source: TopSource) async throws {
        let first = try await source.look()
        try await Task.sleep(for: .seconds(interval))
        let second = try await source.look()
        let table = TopTable(second, since: first, order: sort)
        let screen = TopScreen()
        let now = TimeSource.system.now
        for line in screen.header(second, table.node, now: now, note: "") + [""] { Console.line(line) }
        let lines =
            subject == .pods
            ? screen.table(table.rows, columns: TopScreen.podColumns, width: nil)
            : screen.table(TopTable.ofNode(second, since: first), columns: TopScreen.nodeColumns, width: nil)
        for line in lines { Console.line(line) }
    }
}

extension TopTable.Order: ExpressibleByArgument {}

/// Where snapshots come from: the node's statistics through the API server, and the pods' objects.
struct TopSource: Sendable {
    private let cluster: Cluster
    private let node: APINode
    private let namespace: String?

    /// Throws `CommandFailure` where there is no node (of the name).
    init(_ cluster: Cluster, node name: String?, namespace: String?) async throws {
        self.cluster = cluster
        self.namespace = namespace
        if let name {
            node = try await cluster.client.get(APINode.self, name)
            return
        }
        let all = try await cluster.client.list(APINode.self).items
        guard let first = all.min(by: { $0.metadata.name < $1.metadata.name }) else {
            throw CommandFailure("error: there is no node")
        }
        node = first
    }

    func look() async throws -> TopSnapshot {
        async let summary = cluster.transport.get("/api/v1/nodes/\(node.metadata.name)/proxy/stats/summary")
        async let pods = cluster.client.list(
            Pod.self, namespace: namespace ?? "",
            options: ["fieldSelector": "spec.nodeName=\(node.metadata.name)"])
        let answer = try await summary
        let json: JSONValue
        do { json = try JSONParser.parse(answer) } catch {
            throw CommandFailure("error: the statistics of node \(node.metadata.name) cannot be read: \(error)")
        }
        return TopSnapshot(summary: json, pods: try await pods.items, node: node, namespace: namespace)
    }
}
