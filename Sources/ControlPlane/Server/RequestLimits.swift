import Glibc
import NIOCore

/// Bounds on what a request may bring.
enum RequestLimits {
    /// As the Kubernetes API server's (3 MiB).
    static let bodyBytes = 3 << 20
    /// After which a connection is closed that asks for nothing, and is not being answered.
    static let idleTime = TimeAmount.minutes(3)
    /// From here on a body is compressed for who takes gzip; the Kubernetes API server's threshold.
    static let compressedBytes = 128 << 10

    /// Connections at the same time; more wait to be accepted. Half of the file descriptors that the process may have:
    /// the rest is for pods, and for what the store and the controllers open.
    static var connections: Int {
        var files = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0 else { return 512 }
        return Int(clamping: min(files.rlim_cur / 2, 8192))
    }
}

/// How long a slow client is waited for.
public struct ConnectionLimits: Sendable {
    /// From a request's head to the end of its body.
    public var requestTime: Duration
    /// For which a client may leave unread what it was sent.
    public var stallTime: Duration

    public init(requestTime: Duration = .seconds(60), stallTime: Duration = .seconds(60)) {
        self.requestTime = requestTime
        self.stallTime = stallTime
    }
}
