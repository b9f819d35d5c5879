import ArgumentParser
import KubernetesAPI
import PodRuntime

struct TraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Show where the time of a start went.",
        subcommands: [TracePodCommand.self])
}

struct TracePodCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pod", abstract: "Each phase of a pod's start with its time; on the node only.")

    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var namespace: NamespaceOption

    @Argument(help: "The pod's name.")
    var name: String

    mutating func run() async throws {
        let name = name
        let layout = NodeLayout(root: cluster.root)
        try await cluster.withCluster(namespace: namespace.namespace) { cluster in
            let pod = try await cluster.client.get(Pod.self, name, namespace: cluster.namespace)
            guard let entries = StartTrace.load(runDirectory: layout.run, sandbox: pod.metadata.uid), !entries.isEmpty
            else {
                throw CommandFailure("error: there is no trace of pod \"\(name)\" in \(layout.run) on this machine")
            }
            for line in TraceText.lines(entries.map { (time: $0.time, subject: $0.subject, phase: $0.phase) }) {
                Console.line(line)
            }
        }
    }
}

/// A trace as a table: when each phase began, and how long it took.
enum TraceText {
    /// - Parameter entries: times in nanoseconds of one clock, the oldest first.
    static func lines(_ entries: [(time: Int64, subject: String, phase: String)]) -> [String] {
        guard let first = entries.first else { return [] }
        var rows = [["AT", "TOOK", "OF", "PHASE"]]
        for (index, entry) in entries.enumerated() {
            // The next entry of the same subject ends a phase; its last one is an instant.
            let next = entries[(index + 1)...].first { $0.subject == entry.subject }
            rows.append([
                milliseconds(entry.time - first.time), next.map { milliseconds($0.time - entry.time) } ?? "",
                entry.subject, entry.phase,
            ])
        }
        return TableText.lines(rows)
    }

    private static func milliseconds(_ nanoseconds: Int64) -> String {
        let microseconds = nanoseconds / 1000
        let rest = String(microseconds % 1000)
        return "\(microseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest) ms"
    }
}
