import KubernetesAPI

/// Why a command ends, for the user and for scripts.
struct CommandFailure: Error, CustomStringConvertible {
    /// Exit codes, those above 1 after sysexits.h.
    enum Code: Int32 {
        case failed = 1
        case usage = 64
        case unreachable = 69
        case deadline = 75
        /// By SIGINT, as a shell tells it.
        case interrupted = 130
    }

    let message: String
    let code: Code

    init(_ message: String, code: Code = .failed) {
        self.message = message
        self.code = code
    }

    var description: String { message }

    /// A refusal as kubectl words it.
    static func sentence(_ error: APIError) -> String {
        if error.isUnreachable {
            return "error: \(error.status.message); is the node up (minikube-lite status)?"
        }
        if error.reason.isEmpty { return "error: \(error.status.message)" }
        return "Error from server (\(error.reason)): \(error.status.message)"
    }
}
