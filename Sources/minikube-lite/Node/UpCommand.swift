import ArgumentParser
import Foundation
import Logging

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Start the node on this machine.",
        discussion: """
            Runs until SIGTERM or SIGINT; pods go on without it and are found again by the next start. "down" stops \
            it, "down --pods" ends the pods, too.
            """)

    @OptionGroup var node: NodeOptions

    @Flag(name: .shortAndLong, help: "Run in the background, and return when the API answers.")
    var detach = false

    // A first start makes keys and certificates; on a slow machine that takes its time.
    @Option(help: "How long --detach waits for the API, e.g. 60s or 5m.")
    var timeout = "60s"

    mutating func run() async throws {
        guard geteuid() == 0 else {
            throw CommandFailure("error: the node makes namespaces, cgroups and mounts: start it as root")
        }
        guard let level = Logger.Level(rawValue: node.logLevel) else {
            throw CommandFailure("error: --log-level \"\(node.logLevel)\" is none", code: .usage)
        }
        if detach {
            guard let patience = DurationText.seconds(timeout), patience > 0 else {
                throw CommandFailure(
                    "error: --timeout \"\(timeout)\" is not a duration such as 60s or 5m", code: .usage)
            }
            try await DetachedStart(options: node, patience: .seconds(patience)).run()
        } else {
            LoggingSystem.bootstrap { label in
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = level
                return handler
            }
            try await NodeService(options: node).run()
        }
    }
}
