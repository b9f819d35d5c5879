public import KubernetesAPI

/// What the node keeps for itself, and when it takes resources back from pods: the kubelet's reservations and eviction
/// settings, under its names.
public struct PressureOptions: Sendable, Hashable {
    /// The kubelet's defaults but one: images are on the node's own file system, so that `imagefs.available<15%` would
    /// only raise the threshold of `nodefs.available`.
    public static let defaultThresholds = [
        EvictionThreshold(.memoryAvailable, .quantity("100Mi")), EvictionThreshold(.nodefsAvailable, .share(0.1)),
        EvictionThreshold(.nodefsInodesFree, .share(0.05)),
    ]
    /// For the agent, the API and the pods' supervisors, where nothing else is said.
    public static let defaultSystemReserved: [String: Quantity] = ["memory": "256Mi"]
    /// What can be reserved.
    public static let reservable = ["cpu", "memory", "ephemeral-storage", "pid"]

    /// `--system-reserved`, by resource.
    public var systemReserved: [String: Quantity]
    /// `--kube-reserved`, by resource; added to the system's.
    public var kubeReserved: [String: Quantity]
    /// Hard and soft ones.
    public var thresholds: [EvictionThreshold]
    /// Seconds that a soft threshold leaves a pod at most; the pod's own grace where that is less.
    public var maxPodGracePeriod: Int64
    /// How long a condition stays after its last threshold was met.
    public var transitionPeriod: Duration
    /// How often the signals are looked at though nothing tells that they have changed.
    public var monitoringPeriod: Duration

    public init() {
        systemReserved = Self.defaultSystemReserved
        kubeReserved = [:]
        thresholds = Self.defaultThresholds
        maxPodGracePeriod = 0
        transitionPeriod = .seconds(300)
        monitoringPeriod = .seconds(10)
    }

    /// What system and Kubernetes keep together of a resource.
    func reserved(_ resource: String) -> Quantity {
        (systemReserved[resource] ?? "0") + (kubeReserved[resource] ?? "0")
    }

    /// All thresholds that are watched: where all pods together have a limit, the hard one of the machine's memory
    /// counts for what is left below that limit, too (kubelet: `addAllocatableThresholds`).
    var watched: [EvictionThreshold] {
        thresholds
            + thresholds.filter { $0.signal == .memoryAvailable && $0.isHard }.map {
                EvictionThreshold(.allocatableMemoryAvailable, $0.amount, minimumReclaim: $0.minimumReclaim)
            }
    }
}
