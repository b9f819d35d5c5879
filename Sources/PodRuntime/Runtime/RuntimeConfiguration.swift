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
    /// IPv4 range of the pods, e.g. `10.244.0.0/24`; its first address is the bridge's.
    public var podCIDR: String
    /// Run pods whose limits cannot be enforced here, instead of refusing them.
    public var bestEffort: Bool
    /// The static supervisor, loaded into a sealed memfd.
    public var shimExecutable: String
    /// The jailed helper that unpacks archives.
    public var unpackerExecutable: String

    public init(
        runDirectory: String, dataDirectory: String, cgroupParent: String, bridge: String, podCIDR: String,
        bestEffort: Bool, shimExecutable: String, unpackerExecutable: String
    ) {
        self.runDirectory = runDirectory
        self.dataDirectory = dataDirectory
        self.cgroupParent = cgroupParent
        self.bridge = bridge
        self.podCIDR = podCIDR
        self.bestEffort = bestEffort
        self.shimExecutable = shimExecutable
        self.unpackerExecutable = unpackerExecutable
    }
}
