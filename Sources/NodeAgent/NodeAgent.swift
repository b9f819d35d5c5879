public import KubernetesAPI
public import Logging
public import PodRuntime
public import ServiceLifecycle

/// The mini-kubelet: makes the node's pods real and tells the API how they are.
public final class NodeAgent: ServiceLifecycle.Service, PodLogSource {
    private let client: APIClient
    private let runtime: any Runtime
    private let configuration: NodeConfiguration
    private let logger: Logger

    public init(client: APIClient, runtime: any Runtime, configuration: NodeConfiguration, logger: Logger) {
        self.client = client
        self.runtime = runtime
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs until it is cancelled or a graceful shutdown begins. Pods go on without it.
    public func run() async throws {
        try await gracefulShutdown()
    }

    public func logs(
        namespace: String, pod: String, options: PodLogQuery
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        throw APIError(code: 503, reason: .serviceUnavailable, message: "the node's logs are not served yet")
    }
}
