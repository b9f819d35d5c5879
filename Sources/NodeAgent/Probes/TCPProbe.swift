import NIOCore
import NIOPosix

/// A probe that succeeds as soon as a connection is made (kubelet: `pkg/probe/tcp`).
enum TCPProbe {
    static func check(host: String, port: Int, timeout: Duration) async -> ProbeOutcome {
        do {
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connectTimeout(TimeAmount(timeout)).connect(host: host, port: port).get()
            channel.close(promise: nil)
            return .success()
        } catch {
            return .failure(
                ConnectFailure(error).words(host: host, port: port), isRefused: ConnectFailure(error).isRefused)
        }
    }
}

/// Why no connection was made, in the words of Go's net package.
struct ConnectFailure {
    private let code: CInt?
    private let text: String

    init(_ error: any Error) {
        var error = error
        if let connection = error as? NIOConnectionError, let first = connection.connectionErrors.first {
            error = first.error
        }
        if let error = error as? IOError {
            code = error.errnoCode
            text = ""
        } else if let error = error as? ChannelError, case .connectTimeout = error {
            code = nil
            text = "i/o timeout"
        } else {
            code = nil
            text = (error as? NIOConnectionError).map { "lookup \($0.host): no such host" } ?? "\(error)"
        }
    }

    var isRefused: Bool { code == Self.refused }
    var isTimeout: Bool { text == "i/o timeout" }

    func words(host: String, port: Int) -> String {
        let target = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        return "dial tcp \(target): \(code.map { "connect: \(Self.words($0))" } ?? text)"
    }

    private static let refused: CInt = 111

    /// Go's spelling of what strerror(3) says, for the errors that connecting and reading bring (Linux numbers).
    static func words(_ code: CInt) -> String {
        switch code {
        case refused: "connection refused"
        case 104: "connection reset by peer"
        case 110: "connection timed out"
        case 113: "no route to host"
        case 101: "network is unreachable"
        case 32: "broken pipe"
        default: "errno \(code)"
        }
    }
}
