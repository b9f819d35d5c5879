import PodRuntime

/// A probe that runs a command in the container; exit code 0 is success (kubelet: `pkg/probe/exec`).
enum ExecProbe {
    /// Of what the command prints so much is in the event.
    static let outputLimit = 10 << 10

    static func check(
        _ command: [String], in container: String, of sandbox: String, runtime: any Runtime, timeout: Duration
    ) async -> ProbeOutcome {
        do {
            let outcome = try await runtime.run(
                command, in: container, of: sandbox, deadline: timeout, outputLimit: outputLimit)
            if outcome.timedOut { return .failure("command \"\(command.joined(separator: " "))\" timed out") }
            return outcome.exitCode == 0 ? .success() : .failure(String(decoding: outcome.output, as: UTF8.self))
        } catch {
            return .unknown(RuntimeError(wrapping: error).message)
        }
    }
}
