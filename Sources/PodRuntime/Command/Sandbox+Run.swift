import Glibc
import LinuxKernel
import ShimProtocol

extension Sandbox {
    /// The longest time that a command may take, and the most that is kept of its output.
    private static let longest: Duration = .seconds(24 * 3600)
    private static let outputLimit = 16 << 20

    /// See `Runtime.run`.
    func run(
        _ command: [String], in name: String, deadline: Duration, outputLimit: Int
    ) async throws -> CommandOutcome {
        guard let program = command.first, !program.isEmpty else {
            throw RuntimeError(.configuration, step: "run", object: name, message: "no command specified")
        }
        try Task.checkCancellation()
        let client = try ready()
        guard let container = running(name) else {
            throw RuntimeError(
                .notFound, step: "run", object: name, message: "container \(name) of sandbox \(id) does not run")
        }
        guard features & Hello.commands != 0 else { throw cannotRunCommands(name) }
        let due = ContinuousClock.now + min(max(deadline, .milliseconds(1)), Self.longest)
        let process = try await process(of: container.key)
        let plan = try CommandPlan(sandbox: record.configuration, process: process, arguments: command).build()
        let limit = min(max(outputLimit, 0), Self.outputLimit)
        let (file, output) = try await host.starts.run {
            try RuntimeError.wrapping(.create, step: "run") {
                let file = try FileDescriptor.memory("launch-plan")
                try FileAccess.write(plan.encoded(), to: file)
                return (file, try CommandOutput(limit: limit))
            }
        }
        let token = try RuntimeError.wrapping(.create, step: "run") { try output.start(on: host.poller) }
        defer { output.stop(token, on: host.poller) }

        let left = max(due - ContinuousClock.now, .milliseconds(1))
        let request = RunRequest(
            container: "\(container.key)", deadlineMilliseconds: UInt32(clamping: left.nanoseconds / 1_000_000))
        let answer: ShimClient.Answer
        do {
            answer = try await client.request(
                .run(request), [file, output.writing], kind: .create, step: "run",
                // The supervisor answers a second after the deadline at the latest.
                deadline: left + .seconds(10), cancellation: { .cancel(run: $0) })
        } catch let error as RuntimeError {
            throw refusal(error, name)
        }
        try Task.checkCancellation()
        switch answer.message {
        case .ran(let outcome):
            let (bytes, truncated) = output.finish()
            return CommandOutcome(
                exitCode: outcome.code, timedOut: outcome.timedOut, output: bytes, truncated: truncated)
        case .launchFailed(let failure):
            throw RuntimeError(launch: failure, of: plan, container: name)
        default:
            throw RuntimeError(
                .create, step: "run", object: name, message: "the supervisor gave no answer to a command")
        }
    }

    /// What the shim's errno says.
    private func refusal(_ error: RuntimeError, _ name: String) -> RuntimeError {
        var error = error
        guard error.kind == .create else { return error }
        switch error.errno {
        case ESRCH, ENOENT: error.kind = .notFound
        case EBUSY: error.kind = .busy
        case ENOSYS: return cannotRunCommands(name)
        default: break
        }
        error.object = name
        return error
    }

    private func cannotRunCommands(_ name: String) -> RuntimeError {
        RuntimeError(
            .start, step: "run", object: name,
            message:
                "container \(name) was started by an earlier version of this node, which cannot run commands in it: "
                + "delete the pod to have it made anew")
    }

    /// Who an attempt's main process is; read when it is first asked for.
    private func process(of key: ContainerKey) async throws -> ContainerProcess {
        if let known = processes[key] { return known }
        let path = paths.process(key)
        let found: ContainerProcess
        do { found = try await host.starts.run { try Facts.read(ContainerProcess.self, from: path) } } catch {
            guard FileAccess.exists(path) else { throw cannotRunCommands(key.name) }
            throw RuntimeError(
                .create, step: "run", object: path, message: "cannot read who container \(key.name) runs as: \(error)")
        }
        if containers[key] != nil { processes[key] = found }
        return found
    }
}
