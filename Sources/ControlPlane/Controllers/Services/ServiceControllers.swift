import KubernetesAPI
import Logging

/// What runs for Services: their endpoints, the node's addresses for load balancers, and those that every cluster has.
struct ServiceControllers: Controller {
    private let slices: EndpointSliceController
    private let endpoints: EndpointsController
    private let mirror: EndpointMirrorController
    private let balancers: LoadBalancerController
    private let cluster: ClusterServicesController?

    /// - Parameter clusterServices: nil keeps none.
    init(
        client: APIClient, services: Informer<Service>, endpoints: Informer<Endpoints>, slices: Informer<EndpointSlice>,
        pods: Informer<Pod>, nodes: Informer<Node>, clusterServices: ClusterServices?, serviceEvents: EventRecorder,
        endpointEvents: EventRecorder, time: TimeSource, logger: Logger
    ) {
        // The order of the handlers is that of the calls: what is known of pods, slices and Endpoints comes first.
        let selected = SelectedPods(services: services, pods: pods, time: time)
        let writer = SliceWriter(client: client, slices: FreshObjects(slices: slices))
        let freshEndpoints = FreshObjects(endpoints)
        self.slices = EndpointSliceController(
            selected: selected, services: services, writer: writer, events: endpointEvents, time: time, logger: logger)
        self.endpoints = EndpointsController(
            client: client, selected: selected, services: services, endpoints: freshEndpoints, events: endpointEvents,
            time: time, logger: logger)
        mirror = EndpointMirrorController(
            services: services, endpoints: freshEndpoints, writer: writer, time: time, logger: logger)
        balancers = LoadBalancerController(
            client: client, services: services, nodes: nodes, events: serviceEvents, time: time, logger: logger)
        cluster = clusterServices.map {
            ClusterServicesController(
                client: client, wanted: $0, services: services, endpoints: endpoints, slices: slices, time: time,
                logger: logger)
        }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await slices.run() }
            group.addTask { await endpoints.run() }
            group.addTask { await mirror.run() }
            group.addTask { await balancers.run() }
            if let cluster { group.addTask { await cluster.run() } }
        }
    }
}
