/// The labels and annotations of Endpoints and EndpointSlices, exactly.
enum EndpointLabels {
    /// Of a slice: the Service that it belongs to.
    static let serviceName = "kubernetes.io/service-name"
    /// Of a slice: who writes it.
    static let managedBy = "endpointslice.kubernetes.io/managed-by"
    /// `managedBy` of slices that follow a Service's selector.
    static let sliceController = "endpointslice-controller.k8s.io"
    /// `managedBy` of slices that follow Endpoints which somebody made.
    static let mirroringController = "endpointslicemirroring-controller.k8s.io"
    /// Of Endpoints: written by the endpoints controller.
    static let endpointsManagedBy = "endpoints.kubernetes.io/managed-by"
    static let endpointsController = "endpoint-controller"
    /// Of Endpoints that are not to be mirrored, with the value `true`.
    static let skipMirror = "endpointslice.kubernetes.io/skip-mirror"
    /// Of what belongs to a Service without an address of its own.
    static let headless = "service.kubernetes.io/headless"

    /// When the change came that the last write was about.
    static let lastChange = "endpoints.kubernetes.io/last-change-trigger-time"
    /// Of Endpoints: `truncated` where not all addresses have room.
    static let overCapacity = "endpoints.kubernetes.io/over-capacity"
    /// Of Endpoints that are a lock of somebody's.
    static let leader = "control-plane.alpha.kubernetes.io/leader"
    static let lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

    /// Those that controllers set, whatever the Service or the Endpoints have.
    static let own: Set<String> = [serviceName, managedBy, endpointsManagedBy, skipMirror, headless]
}
