import ArgumentParser
import Foundation
import LinuxKernel

struct DownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stop the node; with --pods, end its pods and take away all that it has made.",
        discussion: "What is not there is no error: \"down\" twice is as good as once.")

    @Option(help: "Folder of the instance, as given to \"up\".")
    var root: String?

    @Flag(help: "End all pods, and remove cgroups, network, mounts and the files in the run folder.")
    var pods = false

    @Flag(help: "With --pods: remove stored objects, images, volumes, logs and the kubeconfig as well.")
    var purge = false

    @Option(help: "Seconds that the node gets to stop.")
    var timeout = 30

    mutating func validate() throws {
        guard pods || !purge else { throw ValidationError("--purge needs --pods.") }
    }

    mutating func run() async throws {
        guard geteuid() == 0 else { throw CommandFailure("error: only root can stop the node") }
        let layout = NodeLayout(root: root)
        try await stopAgent(layout)
        guard pods else { return }
        guard FileAccess.exists(layout.run) || FileAccess.exists(layout.data) else {
            Console.line("There is nothing of a node.")
            return
        }
        let lock = try await AgentLock.take(layout)
        defer { withExtendedLifetime(lock) {} }
        try await NodeRemoval(layout: layout, purge: purge).run()
        Console.line(
            purge
                ? "The node and all that it had are gone."
                : "The pods are gone; objects and images stay in \(layout.data).")
    }

    private func stopAgent(_ layout: NodeLayout) async throws {
        guard let pid = AgentLock.holder(layout), let process = try? LinuxKernel.Process.open(pid),
            // The descriptor stands for that process for ever; whether it is the agent is asked after it was made.
            AgentLock.holder(layout) == pid
        else {
            Console.line("The node is not running.")
            return
        }
        try LinuxKernel.Process.signal(process, SIGTERM)
        let end = ContinuousClock.now + .seconds(timeout)
        while AgentLock.holder(layout) == pid {
            guard ContinuousClock.now < end else {
                throw CommandFailure(
                    "error: the node (process \(pid)) has not stopped within \(timeout) s; see \(layout.agentLog)",
                    code: .deadline)
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        Console.line("The node has stopped.")
    }
}
