/// What runs pods: the one protocol between the node agent and Linux.
///
/// `PodRuntime` is the real one; the node agent's tests have another. All identifiers are opaque to it: a sandbox's
/// `id` is the pod's uid. Every call has a deadline of its own and throws `RuntimeError`, and a call that throws has
/// undone what it had made.
public protocol Runtime: Sendable {
    /// Makes the pod's cgroup, its namespaces, its network and its shim, and returns what was given to it.
    /// Starting an `id` that is up already is an error (`.alreadyExists`).
    func startSandbox(_ configuration: SandboxConfiguration) async throws -> SandboxStatus

    /// Starts one container in a running sandbox and returns when its process has been exec'd.
    ///
    /// A failure names the step, the object and the errno; `RuntimeError.kind` tells a container that cannot be made
    /// (`CreateContainerError`) from one whose command cannot be run (`StartError`).
    func startContainer(_ configuration: ContainerConfiguration, in sandbox: String) async throws -> ContainerStatus

    /// Sends `signal` (the image's stop signal where nil), waits for at most `grace`, then kills the container's
    /// cgroup as a whole. Returns when the process is gone and its exit is recorded. Stopping a container that is
    /// gone already is no error.
    func stopContainer(_ name: String, in sandbox: String, signal: String?, grace: Duration) async throws

    /// Sends a signal to the main process of a running container without waiting for anything.
    func signalContainer(_ name: String, in sandbox: String, signal: String) async throws

    /// Ends every process of the sandbox (cgroup.kill), then removes all that belongs to it: shim, namespaces,
    /// mounts, address, cgroups, run-time folder. Idempotent. Logs are kept unless `removeLogs` is set.
    func removeSandbox(_ id: String, removeLogs: Bool) async throws

    /// Every sandbox that this runtime knows, from facts on disk and from what the shims answer. Called once after
    /// a start of the agent, before anything else: it finds what runs, and what ended while no agent was there.
    func recover() async throws -> [SandboxStatus]

    /// The present state of one sandbox, or nil where there is none.
    func status(of id: String) async -> SandboxStatus?

    /// Everything that happens without having been asked for. One consumer; buffered without loss.
    var events: AsyncStream<RuntimeEvent> { get }

    /// The images of this node.
    var images: any ImageProvider { get }

    /// What this host can enforce, found once at the start.
    var capabilities: HostCapabilities { get }
}

/// The node's images, as the agent sees them.
public protocol ImageProvider: Sendable {
    /// Finds an image by reference (`name[:tag]`, `name@sha256:...`); nil where it is not in the store.
    func resolve(_ reference: String) async throws -> ImageInfo?
    func list() async throws -> [ImageInfo]
    /// Where an image was looked for, for the message of `ErrImagePull`.
    var location: String { get }
}

/// An image's facts, after the OCI image configuration (image-spec, config.md).
public struct ImageInfo: Sendable, Hashable, Codable {
    /// The names that lead to it, e.g. `docker.io/library/nginx:latest` in its familiar form `nginx:latest`.
    public var references: [String]
    /// `sha256:...` of its configuration: the image's ID.
    public var id: String
    /// `sha256:...` of its manifest.
    public var digest: String
    /// Bytes of its layers, unpacked.
    public var size: Int64
    public var created: Int64
    public var configuration: ImageConfiguration

    public init(
        references: [String], id: String, digest: String, size: Int64, created: Int64,
        configuration: ImageConfiguration
    ) {
        self.references = references
        self.id = id
        self.digest = digest
        self.size = size
        self.created = created
        self.configuration = configuration
    }
}

/// The part of the OCI image configuration that a container starts from.
public struct ImageConfiguration: Sendable, Hashable, Codable {
    public var entrypoint: [String]
    public var cmd: [String]
    /// `KEY=value`.
    public var env: [String]
    /// `user`, `uid`, `user:group` or `uid:gid`; empty is root.
    public var user: String
    public var workingDir: String
    /// A name (`SIGQUIT`) or a number; empty is SIGTERM.
    public var stopSignal: String
    public var labels: [String: String]
    public var exposedPorts: [String]

    public init(
        entrypoint: [String] = [], cmd: [String] = [], env: [String] = [], user: String = "",
        workingDir: String = "", stopSignal: String = "", labels: [String: String] = [:], exposedPorts: [String] = []
    ) {
        self.entrypoint = entrypoint
        self.cmd = cmd
        self.env = env
        self.user = user
        self.workingDir = workingDir
        self.stopSignal = stopSignal
        self.labels = labels
        self.exposedPorts = exposedPorts
    }
}

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
    public var sysctls: [String: String]
    /// Folder of the pod's logs: `/var/log/pods/<namespace>_<name>_<uid>`.
    public var logDirectory: String
    /// Free text kept with the facts and given back by `recover`.
    public var labels: [String: String]

    public init(
        id: String, name: String, namespace: String, hostname: String, qos: QualityOfService,
        resources: CgroupResources = CgroupResources(), hostNetwork: Bool = false, hostPID: Bool = false,
        hostIPC: Bool = false, shareProcessNamespace: Bool = false, userNamespace: Bool = false,
        resolvConf: String = "", hostAliases: [HostAlias] = [], fqdn: String? = nil, sysctls: [String: String] = [:],
        logDirectory: String, labels: [String: String] = [:]
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

/// Limits in the kernel's own terms; nil leaves the kernel's default.
public struct CgroupResources: Sendable, Hashable, Codable {
    /// `cpu.max`: microseconds of CPU time in each period.
    public var cpuQuota: Int64?
    /// `cpu.max`: the period in microseconds, 1,000 to 1,000,000.
    public var cpuPeriod: Int64
    /// `cpu.weight`: 1 to 10,000.
    public var cpuWeight: Int64?
    /// `memory.max`, bytes.
    public var memoryMax: Int64?
    /// `pids.max`.
    public var pidsMax: Int64?
    /// `memory.oom.group`: an OOM kill ends the whole container.
    public var oomGroup: Bool

    public init(
        cpuQuota: Int64? = nil, cpuPeriod: Int64 = 100_000, cpuWeight: Int64? = nil, memoryMax: Int64? = nil,
        pidsMax: Int64? = nil, oomGroup: Bool = false
    ) {
        self.cpuQuota = cpuQuota
        self.cpuPeriod = cpuPeriod
        self.cpuWeight = cpuWeight
        self.memoryMax = memoryMax
        self.pidsMax = pidsMax
        self.oomGroup = oomGroup
    }
}

/// A container, as Linux is told about it. Values that come from the image are filled in by the runtime where they
/// are nil here.
public struct ContainerConfiguration: Sendable, Hashable, Codable {
    public var name: String
    /// Restart count: names the log file and the cgroup of this attempt.
    public var attempt: Int
    /// As the pod names it.
    public var image: String
    /// Replaces the image's entrypoint (and drops its cmd) where not nil.
    public var command: [String]?
    /// Replaces the image's cmd where not nil.
    public var args: [String]?
    /// `(name, value)` in order; a later one of the same name wins. The image's come first.
    public var environment: [EnvironmentVariable]
    public var workingDirectory: String?
    public var user: ContainerUser
    public var mounts: [ContainerMount]
    public var resources: CgroupResources
    public var security: ContainerSecurity
    /// Path inside the container; the runtime binds a file of the pod's folder there.
    public var terminationMessagePath: String?
    public var oomScoreAdjust: Int
    public var tty: Bool
    public var stdin: Bool
    /// Rotation of the log: bytes of one file, and how many files are kept.
    public var logMaxBytes: Int64
    public var logMaxFiles: Int

    public init(
        name: String, attempt: Int, image: String, command: [String]? = nil, args: [String]? = nil,
        environment: [EnvironmentVariable] = [], workingDirectory: String? = nil,
        user: ContainerUser = ContainerUser(), mounts: [ContainerMount] = [],
        resources: CgroupResources = CgroupResources(), security: ContainerSecurity = ContainerSecurity(),
        terminationMessagePath: String? = nil, oomScoreAdjust: Int = 0, tty: Bool = false, stdin: Bool = false,
        logMaxBytes: Int64 = 10 << 20, logMaxFiles: Int = 5
    ) {
        self.name = name
        self.attempt = attempt
        self.image = image
        self.command = command
        self.args = args
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.user = user
        self.mounts = mounts
        self.resources = resources
        self.security = security
        self.terminationMessagePath = terminationMessagePath
        self.oomScoreAdjust = oomScoreAdjust
        self.tty = tty
        self.stdin = stdin
        self.logMaxBytes = logMaxBytes
        self.logMaxFiles = logMaxFiles
    }
}

public struct EnvironmentVariable: Sendable, Hashable, Codable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// Who the process runs as; nil takes the image's user (root where it names none).
public struct ContainerUser: Sendable, Hashable, Codable {
    public var uid: UInt32?
    public var gid: UInt32?
    public var supplementalGroups: [UInt32]
    /// Refuse to start where the effective uid would be 0 (`runAsNonRoot`).
    public var mustNotBeRoot: Bool

    public init(uid: UInt32? = nil, gid: UInt32? = nil, supplementalGroups: [UInt32] = [], mustNotBeRoot: Bool = false)
    {
        self.uid = uid
        self.gid = gid
        self.supplementalGroups = supplementalGroups
        self.mustNotBeRoot = mustNotBeRoot
    }
}

/// A bind mount of a host path that the agent prepared (a volume), or a tmpfs.
public struct ContainerMount: Sendable, Hashable, Codable {
    public enum Source: Sendable, Hashable, Codable {
        /// A directory or file on the host. `subPath` is resolved beneath it and may not leave it.
        case host(path: String, subPath: String?)
    }
    public var source: Source
    public var target: String
    public var readOnly: Bool
    /// `None` (private), `HostToContainer` (slave), `Bidirectional` (shared).
    public var propagation: String

    public init(source: Source, target: String, readOnly: Bool = false, propagation: String = "None") {
        self.source = source
        self.target = target
        self.readOnly = readOnly
        self.propagation = propagation
    }
}

public struct ContainerSecurity: Sendable, Hashable, Codable {
    public var privileged: Bool
    /// `NET_ADMIN` or `CAP_NET_ADMIN`; `ALL` stands for every one.
    public var addCapabilities: [String]
    public var dropCapabilities: [String]
    public var noNewPrivileges: Bool
    public var readOnlyRootFilesystem: Bool
    public var seccomp: Seccomp
    public var unmaskedProc: Bool

    public enum Seccomp: String, Sendable, Hashable, Codable {
        case runtimeDefault = "RuntimeDefault"
        case unconfined = "Unconfined"
    }

    public init(
        privileged: Bool = false, addCapabilities: [String] = [], dropCapabilities: [String] = [],
        noNewPrivileges: Bool = false, readOnlyRootFilesystem: Bool = false, seccomp: Seccomp = .runtimeDefault,
        unmaskedProc: Bool = false
    ) {
        self.privileged = privileged
        self.addCapabilities = addCapabilities
        self.dropCapabilities = dropCapabilities
        self.noNewPrivileges = noNewPrivileges
        self.readOnlyRootFilesystem = readOnlyRootFilesystem
        self.seccomp = seccomp
        self.unmaskedProc = unmaskedProc
    }
}

/// Facts about one sandbox. Times are nanoseconds since 1970 (CLOCK_REALTIME).
public struct SandboxStatus: Sendable, Hashable, Codable {
    public enum State: String, Sendable, Hashable, Codable {
        case ready
        /// Its shim is gone, or it is of another boot: it has to be made anew.
        case notReady
    }
    public var id: String
    public var state: State
    public var createdAt: Int64
    /// The boot it belongs to (/proc/sys/kernel/random/boot_id).
    public var bootID: String
    /// Addresses of the pod; the host's own are not told for `hostNetwork`.
    public var addresses: [String]
    public var configuration: SandboxConfiguration
    /// Every attempt that is known, oldest first, for each container.
    public var containers: [ContainerStatus]

    public init(
        id: String, state: State, createdAt: Int64, bootID: String, addresses: [String],
        configuration: SandboxConfiguration, containers: [ContainerStatus]
    ) {
        self.id = id
        self.state = state
        self.createdAt = createdAt
        self.bootID = bootID
        self.addresses = addresses
        self.configuration = configuration
        self.containers = containers
    }
}

/// Facts about one attempt of one container.
public struct ContainerStatus: Sendable, Hashable, Codable {
    public var name: String
    public var attempt: Int
    /// Unique per attempt; shown as `containerID: minikube-lite://<id>`.
    public var id: String
    public var image: String
    /// `sha256:...`
    public var imageID: String
    public var pid: Int32
    public var createdAt: Int64
    /// When exec succeeded; nil where it never did.
    public var startedAt: Int64?
    /// Nil while it runs.
    public var exit: ContainerExit?
    public var logPath: String

    public init(
        name: String, attempt: Int, id: String, image: String, imageID: String, pid: Int32, createdAt: Int64,
        startedAt: Int64?, exit: ContainerExit?, logPath: String
    ) {
        self.name = name
        self.attempt = attempt
        self.id = id
        self.image = image
        self.imageID = imageID
        self.pid = pid
        self.createdAt = createdAt
        self.startedAt = startedAt
        self.exit = exit
        self.logPath = logPath
    }
}

/// How a container ended; the shim writes it to disk before it tells anyone.
public struct ContainerExit: Sendable, Hashable, Codable {
    /// Exit code, or 128 + signal.
    public var code: Int32
    /// 0 where it exited by itself.
    public var signal: Int32
    public var finishedAt: Int64
    /// A process of the container was killed by the OOM killer at the container's or the pod's limit.
    public var oomKilled: Bool
    /// Up to 4096 bytes of the termination message file.
    public var message: String

    public init(code: Int32, signal: Int32, finishedAt: Int64, oomKilled: Bool, message: String = "") {
        self.code = code
        self.signal = signal
        self.finishedAt = finishedAt
        self.oomKilled = oomKilled
        self.message = message
    }
}

public enum RuntimeEvent: Sendable, Hashable {
    case containerExited(sandbox: String, ContainerStatus)
    /// The shim died: every process of the sandbox has been killed, and it has to be made anew.
    case sandboxLost(id: String, reason: String)
}

/// What the host can and cannot do, with the remedy in words where it cannot.
public struct HostCapabilities: Sendable, Hashable, Codable {
    /// Controllers that can be enabled below the cgroup parent: `cpu`, `memory`, `pids`, ...
    public var controllers: Set<String>
    /// Controller (or other ability) to why it is missing and what to do.
    public var missing: [String: String]
    public var memoryBytes: Int64
    public var cpuCount: Int
    public var kernelRelease: String
    public var bootID: String

    public init(
        controllers: Set<String>, missing: [String: String], memoryBytes: Int64, cpuCount: Int, kernelRelease: String,
        bootID: String
    ) {
        self.controllers = controllers
        self.missing = missing
        self.memoryBytes = memoryBytes
        self.cpuCount = cpuCount
        self.kernelRelease = kernelRelease
        self.bootID = bootID
    }
}

/// What went wrong below, with the facts kept apart from the words.
public struct RuntimeError: Error, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// The image is not in the store, or a part of it is gone.
        case imageNotFound
        /// The sandbox could not be made: `FailedCreatePodSandBox`.
        case sandbox
        /// A container's surroundings could not be made: `CreateContainerError`.
        case create
        /// Its configuration cannot work (user, working directory): `CreateContainerConfigError`.
        case configuration
        /// exec failed: `StartError` / `RunContainerError`, exit code 128.
        case start
        /// The host cannot enforce a limit that was asked for.
        case unenforceable
        case alreadyExists
        case notFound
        case timeout
        case shimLost
    }
    public var kind: Kind
    /// The step of the plan, e.g. `mount`, `clone`, `exec`.
    public var step: String
    /// What it was about: a path, a cgroup, a device.
    public var object: String
    /// Positive errno, or 0.
    public var errno: Int32
    public var message: String

    public init(_ kind: Kind, step: String, object: String, errno: Int32 = 0, message: String) {
        self.kind = kind
        self.step = step
        self.object = object
        self.errno = errno
        self.message = message
    }

    public var description: String { message }
}
