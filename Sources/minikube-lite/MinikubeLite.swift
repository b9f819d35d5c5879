import ArgumentParser
import Foundation
import KubernetesAPI
import LinuxKernel
import PodRuntime

/// The command line.
@main
struct MinikubeLite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "minikube-lite",
        abstract: "A one-node Kubernetes on this Linux machine: real processes, namespaces and cgroups.",
        discussion: """
            Exit codes: 0 done; 1 refused or failed; 64 wrong usage; 69 the API server cannot be reached; \
            75 a deadline passed; \
            130 interrupted.
            """,
        version: Version.current,
        groupedSubcommands: [
            CommandGroup(
                name: "The node",
                subcommands: [
                    UpCommand.self, DownCommand.self, StatusCommand.self, DoctorCommand.self, ImageCommand.self,
                    TraceCommand.self,
                ]),
            CommandGroup(
                name: "The API",
                subcommands: [
                    ApplyCommand.self, GetCommand.self, LogsCommand.self, DeleteCommand.self, ScaleCommand.self,
                    SetCommand.self, RolloutCommand.self, RunCommand.self, CreateCommand.self, TopCommand.self,
                    SupportedCommand.self,
                ]),
            CommandGroup(name: "The laboratory", subcommands: [ExperimentCommand.self]),
        ])

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            if !failure.message.isEmpty { Console.error(failure.message) }
            Self.exit(withError: ExitCode(failure.code.rawValue))
        } catch let error as APIError {
            Console.error(CommandFailure.sentence(error))
            Self.exit(withError: ExitCode((error.isUnreachable ? CommandFailure.Code.unreachable : .failed).rawValue))
        } catch is CancellationError {
            Self.exit(withError: ExitCode(CommandFailure.Code.failed.rawValue))
        } catch let error as KubeconfigError {
            Console.error("\(error); start the node with \"minikube-lite up\", or name a file with --kubeconfig")
            Self.exit(withError: ExitCode(CommandFailure.Code.unreachable.rawValue))
        } catch let error as RuntimeError {
            Console.error("error: \(error.message)")
            Self.exit(withError: ExitCode(CommandFailure.Code.failed.rawValue))
        } catch let error as SystemError {
            Console.error("error: \(error)")
            Self.exit(withError: ExitCode(CommandFailure.Code.failed.rawValue))
        } catch {
            // Usage errors, requests for help and exit codes of the parser go through here, too.
            Self.exit(withError: error)
        }
    }
}

/// What this program calls itself.
enum Version {
    static let current = "0.1.0"
}
