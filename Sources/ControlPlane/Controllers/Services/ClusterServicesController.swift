import KubernetesAPI
import Logging

/// Keeps the Services that every cluster has, and the API's endpoints, whatever anybody does to them.
final class ClusterServicesController: Sendable {
    private let client: APIClient
    private let wanted: ClusterServices
    private let logger: Logger
    /// There is one thing to do: all of it.
    private let queue: WorkQueue<Bool>

    init(
        client: APIClient, wanted: ClusterServices, services: Informer<Service>, endpoints: Informer<Endpoints>,
        slices: Informer<EndpointSlice>, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.wanted = wanted
        self.logger = logger
        queue = WorkQueue(time: time, maxDelay: .seconds(30))
        let keys: Set = [ClusterServices.api, ClusterServices.names]
        services.onChange { [weak self] in if let key = $0.object?.key, keys.contains(key) { self?.queue.add(true) } }
        endpoints.onChange { [weak self] in if $0.object?.key == ClusterServices.api { self?.queue.add(true) } }
        let names = Set(wanted.apiSlices.map(\.key))
        slices.onChange { [weak self] in if let key = $0.object?.key, names.contains(key) { self?.queue.add(true) } }
    }

    /// Works until the task is cancelled.
    func run() async {
        queue.add(true)
        await queue.run { [self] _ in
            do {
                try await wanted.ensureServices(client)
                try await wanted.ensureEndpoints(client)
                return .done
            } catch {
                if !(error is CancellationError) {
                    logger.debug("the cluster's own services are not in order yet", metadata: ["error": "\(error)"])
                }
                return .failed
            }
        }
    }
}
