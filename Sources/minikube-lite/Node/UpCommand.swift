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

    mutating func run() async throws {
        guard geteuid() == 0 else {
            throw CommandFailure("error: the node makes namespaces, cgroups and mounts: start it as root")
        }
        guard let level = Logger.Level(rawValue: node.logLevel) else {
            throw CommandFailure("error: --log-level \"\(node.logLevel)\" is none", code: .usage)
        }
        if detach {
            try await DetachedStart(options: node).run()
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
