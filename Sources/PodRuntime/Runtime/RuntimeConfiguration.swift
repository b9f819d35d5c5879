public import InternetAddress

/// Everything by which one node instance differs from another on the same machine (DESIGN: one prefix for all).
public struct RuntimeConfiguration: Sendable, Hashable {
    /// Live facts: a folder per pod, sockets, the agent's lock. A tmpfs; gone after a reboot.
    public var runDirectory: String
    /// Durable: `images/`, `volumes/`.
    public var dataDirectory: String
    /// Absolute path of the cgroup that is ours, e.g. `/sys/fs/cgroup/unified/minikube-lite`. Pods are below it;
    /// shims are in the sibling `<parent>-system`.
    public var cgroupParent: String
    /// Name of the bridge, at most 15 bytes; pod devices are named after it.
    public var bridge: String
    /// Ranges of the pods: one, or one of each family; the first is the family that a pod is known by. The first address
    /// of a range is the bridge's, e.g. 10.244.0.1 of `10.244.0.0/24`.
    public var podCIDRs: [IPRange]
    /// Ranges of services' cluster addresses, of families that pods have. Nothing else on this machine may be in them.
    public var serviceRanges: [IPRange]
    /// Run pods whose limits cannot be enforced here, instead of refusing them.
    public var bestEffort: Bool
    /// The static supervisor, loaded into a sealed memfd.
    public var shimExecutable: String
    /// The jailed helper that unpacks archives.
    public var unpackerExecutable: String

    public init(
        runDirectory: String, dataDirectory: String, cgroupParent: String, bridge: String,
        podCIDRs: [IPRange], serviceRanges: [IPRange] = [], bestEffort: Bool, shimExecutable: String,
        unpackerExecutable: String
    ) {
        self.runDirectory = runDirectory
        self.dataDirectory = dataDirectory
        self.cgroupParent = cgroupParent
        self.bridge = bridge
        self.podCIDRs = podCIDRs
        self.serviceRanges = serviceRanges
        self.bestEffort = bestEffort
        self.shimExecutable = shimExecutable
        self.unpackerExecutable = unpackerExecutable
    }
}
