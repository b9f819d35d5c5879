import KubernetesAPI
import PodRuntime

/// What a container's hook does, with names and defaults put in (kubelet: `pkg/kubelet/lifecycle/handlers.go`).
enum LifecycleHook: Sendable, Hashable {
    case command([String])
    case http(HTTPProbeRequest)
    case sleep(seconds: Int64)

    /// The longest that a hook may take, and a command in a container may run; the kubelet sets a hook after a start no
    /// limit at all.
    static let longest = Duration.seconds(86_400)
    /// Nobody reads it, but a command must not be stopped by a full pipe.
    private static let outputLimit = 10 << 10

    /// A hook that did not succeed, with a sentence for the log.
    struct Failure: Error, Hashable, CustomStringConvertible {
        var description: String
    }

    /// - Throws: where the hook names a port that there is not, or is of a kind that was never possible: the API takes
    ///   `tcpSocket`, and it fails when it is due.
    init(
        _ handler: LifecycleHandler, of container: Container, podAddress: String, version: String
    ) throws(ReferenceError) {
        if let action = handler.exec {
            self = .command(action.command)
        } else if let action = handler.httpGet {
            self = .http(
                try HTTPProbeRequest(
                    action, container: container, podAddress: podAddress, agent: "kube-lifecycle/\(version)"))
        } else if let action = handler.sleep {
            self = .sleep(seconds: action.seconds)
        } else {
            throw ReferenceError(message: "Invalid handler: neither exec nor httpGet nor sleep")
        }
    }

    /// Runs the hook; returns when it has succeeded.
    /// - Throws: `Failure`, `RuntimeError`, `CancellationError`.
    func run(in container: String, of sandbox: String, within limit: Duration, _ around: PodSurroundings) async throws {
        switch self {
        case .command(let command):
            let outcome = try await around.runtime.run(
                command, in: container, of: sandbox, deadline: min(limit, Self.longest), outputLimit: Self.outputLimit)
            if outcome.timedOut { throw Failure(description: "command \(command) took longer than \(limit)") }
            if outcome.exitCode != 0 {
                let output = String(decoding: outcome.output, as: UTF8.self)
                throw Failure(description: "command \(command) exited with \(outcome.exitCode): \(output)")
            }
        case .http(let request):
            // Any answer is one: a hook is told to, and not asked.
            if case .failure(let error) = await HTTPProbe.get(request, timeout: limit) {
                throw Failure(description: error.message)
            }
        case .sleep(let seconds): try await around.time.sleep(for: min(.seconds(seconds), limit))
        }
    }
}
