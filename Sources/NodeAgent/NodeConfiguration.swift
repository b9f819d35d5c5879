public import InternetAddress
import KubernetesAPI

/// How one node runs its pods: what the kubelet has in its flags and its configuration file.
public struct NodeConfiguration: Sendable {
    /// The name of the Node object, and of the pods' `spec.nodeName`.
    public var nodeName: String
    /// Durable state: the node's volumes are in `volumes/` below it.
    public var dataDirectory: String
    /// State that a reboot may take away, on a tmpfs: volumes from Secrets and ConfigMaps are in `volumes/` below it.
    public var runDirectory: String
    /// Logs are at `<logDirectory>/<namespace>_<name>_<uid>/<container>/<restart>.log`.
    public var logDirectory: String
    /// The cgroup below which pods run, as metrics name it: from the mount of cgroup2 on, e.g. `/minikube-lite`.
    public var cgroupParent: String
    /// The same cgroup's absolute path; nil where it is not known. The kernel tells there that pods are short of memory.
    public var cgroupPath: String?
    /// Ranges of the pods, one or one of each family, as shown in `Node.spec.podCIDRs`.
    public var podCIDRs: [IPRange]
    /// The node's own addresses, at most one per family, the one that it is known by first; empty takes the first of each
    /// of the pods' families that is not a loopback's or a bridge's.
    public var nodeAddresses: [IPAddress]
    /// Devices that are never asked for the node's address.
    public var ignoredDevices: [String]
    /// How many pods the node takes.
    public var maxPods: Int
    /// What is withheld from pods, and when they have to give back what they have.
    public var pressure: PressureOptions
    /// The longest wait between two starts of a crashing container. The kubelet's is 300 s.
    public var crashBackoffCap: Duration
    /// Run pods whose limits this host cannot enforce (with a condition and an event), instead of refusing them.
    public var bestEffortLimits: Bool
    /// How requests and limits become values of cgroup files.
    public var limits = LimitOptions()
    /// Name servers for pods with dnsPolicy ClusterFirst; empty: such pods get the host's own.
    public var clusterDNS: [String]
    /// The domain of services.
    public var clusterDomain: String
    /// The resolv.conf(5) that pods with dnsPolicy Default get, and whose search domains the others get, too; empty: none.
    public var resolverFile: String
    /// Rotation of container logs: bytes of one file, and how many files are kept.
    public var logMaxBytes: Int64
    public var logMaxFiles: Int
    /// What the node calls itself in `nodeInfo`: the Kubernetes version whose behaviour it has.
    public var kubernetesVersion: String
    /// Our own version, in `containerRuntimeVersion` and the ids of containers.
    public var runtimeVersion: String
    /// How often every pod is looked at again though nothing happened. A safety net, not a way to learn of things.
    public var resyncPeriod: Duration
    /// The kernel parameters that pods may set.
    public var sysctls = SysctlAllowlist()
    /// More labels of the Node object.
    public var labels: [String: String]

    public init(
        nodeName: String, dataDirectory: String, runDirectory: String, logDirectory: String = "/var/log/pods",
        podCIDRs: [IPRange]
    ) {
        self.nodeName = nodeName
        self.dataDirectory = dataDirectory
        self.runDirectory = runDirectory
        self.logDirectory = logDirectory
        self.podCIDRs = podCIDRs
        cgroupParent = "/minikube-lite"
        cgroupPath = nil
        nodeAddresses = []
        ignoredDevices = []
        maxPods = 110
        pressure = PressureOptions()
        crashBackoffCap = .seconds(300)
        bestEffortLimits = false
        clusterDNS = []
        clusterDomain = "cluster.local"
        resolverFile = "/etc/resolv.conf"
        logMaxBytes = 10 << 20
        logMaxFiles = 5
        kubernetesVersion = KubernetesVersion.text
        runtimeVersion = "0.1.0"
        resyncPeriod = .seconds(60)
        labels = [:]
    }
}
