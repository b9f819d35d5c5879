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
        let deployments = informer(Deployment.self)
        let sets = informer(ReplicaSet.self)
        let pods = informer(Pod.self)
        let nodes = informer(Node.self)
        let namespaces = informer(Namespace.self)
        let clusterRoles = informer(ClusterRole.self)
        let services = informer(Service.self)
        let endpoints = informer(Endpoints.self)
        let slices = informer(EndpointSlice.self)
        let tracker = MetadataTracker(
            client: client,
            shared: [
                Deployment.self, ReplicaSet.self, Pod.self, Node.self, Namespace.self, ClusterRole.self, Service.self,
                Endpoints.self, EndpointSlice.self,
            ], time: time, logger: logger)
        tracker.attach(deployments)
        tracker.attach(sets)
        tracker.attach(pods)
        tracker.attach(nodes)
        tracker.attach(namespaces)
        tracker.attach(clusterRoles)
        tracker.attach(services)
        tracker.attach(endpoints)
        tracker.attach(slices)

        let deploymentEvents = recorder("deployment-controller")
        let setEvents = recorder("replicaset-controller")
        let schedulerEvents = recorder(Scheduler.name)
        let nodeEvents = recorder("node-controller")
        let serviceEvents = recorder("service-controller")
        let endpointEvents = recorder("endpoint-slice-controller")

        let deploymentController = DeploymentController(
            client: client, deployments: deployments, sets: sets, pods: pods, events: deploymentEvents, time: time,
            logger: logger)
        let setController = ReplicaSetController(
            client: client, sets: sets, pods: pods, events: setEvents, time: time, logger: logger)
        let scheduler = Scheduler(
            client: client, pods: pods, nodes: nodes, events: schedulerEvents, time: time, logger: logger)
        let garbageCollector = GarbageCollector(client: client, tracker: tracker, time: time, logger: logger)
        let namespaceController = NamespaceController(
            client: client, namespaces: namespaces, tracker: tracker, time: time, logger: logger)
        let defaultsController = NamespaceDefaultsController(
            client: client, namespaces: namespaces, tracker: tracker, rootCertificate: rootCertificate, time: time,
            logger: logger)
        let nodeController = NodeLifecycleController(
            client: client, nodes: nodes, tracker: tracker, events: nodeEvents,
            gracePeriod: nodeGracePeriod, time: time, logger: logger)
        let podCollector = PodGarbageCollector(client: client, pods: pods, nodes: nodes, time: time, logger: logger)
        let aggregation = ClusterRoleAggregation(client: client, roles: clusterRoles, time: time, logger: logger)
        let serviceControllers = ServiceControllers(
            client: client, services: services, endpoints: endpoints, slices: slices, pods: pods, nodes: nodes,
            clusterServices: clusterServices, serviceEvents: serviceEvents, endpointEvents: endpointEvents, time: time,
            logger: logger)

        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await deployments.run() }
            group.addTask { await sets.run() }
            group.addTask { await pods.run() }
            group.addTask { await nodes.run() }
            group.addTask { await namespaces.run() }
            group.addTask { await clusterRoles.run() }
            group.addTask { await services.run() }
            group.addTask { await endpoints.run() }
            group.addTask { await slices.run() }
            group.addTask { await tracker.run() }
            for recorder in [
                deploymentEvents, setEvents, schedulerEvents, nodeEvents, serviceEvents, endpointEvents,
            ] {
                group.addTask { await recorder.run() }
            }

            // Nothing is done before everything is known: what a cache has not heard of yet would be made twice.
            try await deployments.waitUntilSynced()
            try await sets.waitUntilSynced()
            try await pods.waitUntilSynced()
            try await nodes.waitUntilSynced()
            try await namespaces.waitUntilSynced()
            try await clusterRoles.waitUntilSynced()
            try await services.waitUntilSynced()
            try await endpoints.waitUntilSynced()
            try await slices.waitUntilSynced()
            group.addTask { await deploymentController.run() }
            group.addTask { await setController.run() }
            group.addTask { await scheduler.run() }
            group.addTask { await garbageCollector.run() }
            group.addTask { await namespaceController.run() }
            group.addTask { await defaultsController.run() }
            group.addTask { await nodeController.run() }
            group.addTask { await podCollector.run() }
            group.addTask { await aggregation.run() }
            group.addTask { await serviceControllers.run() }
        }
    }

    private func informer<Object: KubernetesObject>(_ type: Object.Type) -> Informer<Object> {
        let logger = logger
        return Informer(type, client: client, time: time) { error in
            logger.warning(
                "cannot follow the API's objects, trying again",
                metadata: ["kind": "\(Object.groupVersionKind.kind)", "error": "\(error)"])
        }
    }

    private func recorder(_ component: String) -> EventRecorder {
        let logger = logger
        return EventRecorder(client: client, component: component, time: time) { error in
            logger.warning("an event was not written", metadata: ["component": "\(component)", "error": "\(error)"])
        }
    }
}
