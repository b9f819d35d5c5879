/// A pod, as Linux is told about it.
public struct SandboxConfiguration: Sendable, Hashable, Codable {
    /// The pod's uid: names its cgroup, its folder and its shim.
    public var id: String
    public var name: String
    public var namespace: String
    public var hostname: String
    /// Where its cgroup stands in the tree.
    public var qos: QualityOfService
    /// Limits of the pod as a whole (the sums over its containers where all have them).
    public var resources: CgroupResources
    /// The pod shares the host's network, PID or IPC namespace.
    public var hostNetwork: Bool
    public var hostPID: Bool
    public var hostIPC: Bool
    /// One PID namespace for all containers, with a pause as PID 1.
    public var shareProcessNamespace: Bool
    /// `hostUsers: false`: the pod gets a user namespace with a range of host ids of its own.
    public var userNamespace: Bool
    public var resolvConf: String
    /// Whole content of /etc/hosts after the pod's own line, which the runtime writes when it knows the address.
    public var hostAliases: [HostAlias]
    /// Fully qualified name for /etc/hosts (`hostname.subdomain.ns.svc.domain`), where the pod has one.
    public var fqdn: String?
    /// The name beside it in /etc/hosts; nil for `hostname`, which may be the whole name itself.
    public var shortName: String?
    public var sysctls: [String: String]
    /// Folder of the pod's logs: `/var/log/pods/<namespace>_<name>_<uid>`.
    public var logDirectory: String
    /// Free text kept with the facts and given back by `recover`.
    public var labels: [String: String]

    public init(
        id: String, name: String, namespace: String, hostname: String, qos: QualityOfService,
        resources: CgroupResources = CgroupResources(), hostNetwork: Bool = false, hostPID: Bool = false,
        hostIPC: Bool = false, shareProcessNamespace: Bool = false, userNamespace: Bool = false,
        resolvConf: String = "", hostAliases: [HostAlias] = [], fqdn: String? = nil, shortName: String? = nil,
        sysctls: [String: String] = [:], logDirectory: String, labels: [String: String] = [:]
    ) {
        self.id = id
        self.name = name
        self.namespace = namespace
        self.hostname = hostname
        self.qos = qos
        self.resources = resources
        self.hostNetwork = hostNetwork
        self.hostPID = hostPID
        self.hostIPC = hostIPC
        self.shareProcessNamespace = shareProcessNamespace
        self.userNamespace = userNamespace
        self.resolvConf = resolvConf
        self.hostAliases = hostAliases
        self.fqdn = fqdn
        self.shortName = shortName
        self.sysctls = sysctls
        self.logDirectory = logDirectory
        self.labels = labels
    }
}

public struct HostAlias: Sendable, Hashable, Codable {
    public var ip: String
    public var hostnames: [String]

    public init(ip: String, hostnames: [String]) {
        self.ip = ip
        self.hostnames = hostnames
    }
}

/// The pod's place in the cgroup tree, after the kubelet's: guaranteed pods stand directly below the parent.
public enum QualityOfService: String, Sendable, Hashable, Codable, CaseIterable {
    case guaranteed = "Guaranteed"
    case burstable = "Burstable"
    case bestEffort = "BestEffort"
}
