public import KubernetesAPI
public import Logging
public import ServiceLifecycle

/// The store, the API server and the controllers of one cluster, as one service.
///
/// After `init` the objects are readable and writable through `transport`; `run` serves HTTPS and runs the
/// controllers until the service group shuts down gracefully (the API stops first).
public final class ControlPlane: ServiceLifecycle.Service {
    private let configuration: ControlPlaneConfiguration
    private let logger: Logger

    /// Opens the store, makes or renews the certificates, and ensures the system namespaces.
    public init(configuration: ControlPlaneConfiguration, logger: Logger) async throws {
        self.configuration = configuration
        self.logger = logger
    }

    /// The API in this process: the same pipeline as over HTTPS, as a member of `system:masters`.
    public var transport: any APITransport { UnreachableTransport() }

    /// The port that the API listens on; 0 until it does where any port was asked for.
    public var port: Int { configuration.listenPort }

    /// Waits until the API answers over HTTPS; the administrator's kubeconfig is written by then.
    public func waitUntilListening() async throws {}

    /// Says where `GET .../pods/{name}/log` gets its bytes from.
    public func setLogSource(_ source: any PodLogSource) {}

    public func run() async throws {
        try await gracefulShutdown()
    }
}

private struct UnreachableTransport: APITransport {
    func send(_ request: APIRequest) async throws -> JSONValue {
        throw APIError(code: 503, reason: .serviceUnavailable, message: "the server is not serving yet")
    }
    func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        throw APIError(code: 503, reason: .serviceUnavailable, message: "the server is not serving yet")
    }
}
