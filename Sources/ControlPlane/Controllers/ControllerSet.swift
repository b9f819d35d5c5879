public import KubernetesAPI
public import Logging

/// The controllers of a cluster and its scheduler. They reach the API through the client and nothing else, so that
/// they run beside an API server in this process as well as against one elsewhere; one set per cluster.
public struct ControllerSet: Sendable {
    private let client: APIClient
    private let logger: Logger
    private let time: TimeSource
    private let rootCertificate: String?
    private let nodeGracePeriod: Duration
    private let clusterServices: ClusterServices?

    /// - Parameters:
    ///   - rootCertificate: the API's certificate authority in PEM form, published to every namespace as the
    ///     ConfigMap `kube-root-ca.crt`; nil publishes none.
    ///   - nodeGracePeriod: how long a node may be silent until it counts as not ready.
    ///   - clusterServices: the Services of the API and of names, to be kept; nil keeps none.
    ///   - time: what delays and deadlines are measured by.
    public init(
        client: APIClient, logger: Logger, rootCertificate: String? = nil, nodeGracePeriod: Duration = .seconds(40),
        clusterServices: ClusterServices? = nil, time: TimeSource = .system
    ) {
        self.client = client
        self.logger = logger
        self.time = time
        self.rootCertificate = rootCertificate
        self.nodeGracePeriod = nodeGracePeriod
        self.clusterServices = clusterServices
    }

    /// Runs all of them until the task is cancelled, and returns then. Errors of the API are theirs to deal with:
    /// they are logged and tried again.
    public func run() async throws {
        let parts = ControllerParts(client: client, time: time, logger: logger)
        let controllers = controllers(parts)
        let (tracker, attached) = (parts.tracker, parts.followedKinds)
        try await withThrowingDiscardingTaskGroup { group in
            for informer in parts.informers { group.addTask { await informer.run() } }
            for recorder in parts.recorders { group.addTask { await recorder.run() } }
            group.addTask { await tracker.run(besides: attached) }
            // Nothing is done before everything is known: what a cache has not heard of yet would be made twice.
            for informer in parts.informers { try await informer.waitUntilSynced() }
            for controller in controllers { group.addTask { await controller.run() } }
        }
    }

    /// One line per controller. Their handlers are called in this order.
    private func controllers(_ parts: ControllerParts) -> [any Controller] {
        let (pods, nodes) = (parts.informer(Pod.self), parts.informer(Node.self))
        let sets = parts.informer(ReplicaSet.self)
        let namespaces = parts.informer(Namespace.self)
        let tracker = parts.tracker
        return [
            DeploymentController(
                client: client, deployments: parts.informer(), sets: sets, pods: pods,
                events: parts.recorder("deployment-controller"), time: time, logger: logger),
            ReplicaController<ReplicaSet>(
                client: client, sets: sets, pods: pods, events: parts.recorder("replicaset-controller"), time: time,
                logger: logger),
            ReplicaController<ReplicationController>(
                client: client, sets: parts.informer(), pods: pods, events: parts.recorder("replication-controller"),
                time: time, logger: logger),
            Scheduler(
                client: client, pods: pods, nodes: nodes, events: parts.recorder(Scheduler.name), time: time,
                logger: logger),
            GarbageCollector(
                client: client, tracker: tracker, events: parts.recorder(GarbageCollector.name), time: time,
                logger: logger),
            NamespaceController(client: client, namespaces: namespaces, tracker: tracker, time: time, logger: logger),
            NamespaceDefaultsController(
                client: client, namespaces: namespaces, tracker: tracker, rootCertificate: rootCertificate, time: time,
                logger: logger),
            AccountTokenController(
                client: client, tracker: tracker, rootCertificate: rootCertificate, time: time, logger: logger),
            NodeLifecycleController(
                client: client, nodes: nodes, tracker: tracker, events: parts.recorder("node-controller"),
                gracePeriod: nodeGracePeriod, time: time, logger: logger),
            PodGarbageCollector(client: client, pods: pods, nodes: nodes, time: time, logger: logger),
            ClusterRoleAggregation(client: client, roles: parts.informer(), time: time, logger: logger),
            ServiceControllers(
                client: client, services: parts.informer(), endpoints: parts.informer(), slices: parts.informer(),
                pods: pods, nodes: nodes, clusterServices: clusterServices,
                serviceEvents: parts.recorder("service-controller"),
                endpointEvents: parts.recorder("endpoint-slice-controller"), time: time, logger: logger),
        ]
    }
}
