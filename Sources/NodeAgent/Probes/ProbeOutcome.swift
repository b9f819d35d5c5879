/// How one try of a probe ended.
enum ProbeOutcome: Sendable, Hashable {
    /// A warning is told as an event and counts for nothing.
    case success(warning: String? = nil)
    /// In the kubelet's words, without `Readiness probe failed: `.
    /// - Parameter isRefused: nobody listens there (yet).
    case failure(String, isRefused: Bool = false)
    /// The probe could not be tried; this says nothing about the container.
    case unknown(String)

    var isSuccess: Bool { if case .success = self { true } else { false } }
}

/// What a probe asks, with names and defaults put in.
enum ProbeTarget: Sendable, Hashable {
    case http(HTTPProbeRequest)
    case tcp(host: String, port: Int)
    /// To be run in the container: see `ExecProbe`.
    case command([String])

    /// Tries once, for at most `timeout`, what is asked over the network.
    func check(timeout: Duration) async -> ProbeOutcome {
        switch self {
        case .command: .unknown("a command is run in its container")
        case .http(let request): await HTTPProbe.check(request, timeout: timeout)
        case .tcp(let host, let port): await TCPProbe.check(host: host, port: port, timeout: timeout)
        }
    }
}
