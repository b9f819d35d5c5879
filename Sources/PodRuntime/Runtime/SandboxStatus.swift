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
    /// What its cgroup has: as it was started, or as it was updated since. Nil from facts of an earlier version.
    public var resources: CgroupResources?

    public init(
        name: String, attempt: Int, id: String, image: String, imageID: String, pid: Int32, createdAt: Int64,
        startedAt: Int64?, exit: ContainerExit?, logPath: String, resources: CgroupResources? = nil
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
        self.resources = resources
    }
}

/// How a container ended; the shim writes it to disk before it tells anyone.
public struct ContainerExit: Sendable, Hashable, Codable {
    /// Exit code, or 128 + signal.
    public var code: Int32
    /// 0 where it exited by itself.
    public var signal: Int32
    public var finishedAt: Int64
    /// A process of the container was killed by the OOM killer, at any time in the life of this attempt.
    public var oomKilled: Bool
    /// What is known about that: nil where nothing was killed, or where the cgroup was gone before it could be read.
    public var oom: OOMKill?
    /// Up to 4096 bytes of the termination message file.
    public var message: String

    public init(
        code: Int32, signal: Int32, finishedAt: Int64, oomKilled: Bool, oom: OOMKill? = nil, message: String = ""
    ) {
        self.code = code
        self.signal = signal
        self.finishedAt = finishedAt
        self.oomKilled = oomKilled
        self.oom = oom
        self.message = message
    }
}

/// Kills of the OOM killer in one container, and the limit that brought it.
public struct OOMKill: Sendable, Hashable, Codable {
    /// Whose limit was reached. With several kills, that of the last one.
    public enum Level: String, Sendable, Hashable, Codable {
        case container
        case pod
        /// Of all pods of a quality-of-service class, or of all pods of the node.
        case node
        /// No limit of ours: the machine had no memory left.
        case machine
    }
    public var level: Level
    /// `memory.max` of that level; the machine's memory where the level is `machine`.
    public var limitBytes: Int64?
    /// The most that the level's cgroup used (`memory.peak`; before Linux 5.19 what it used when the kill was seen).
    /// Nil where the level is `machine`.
    public var usageBytes: Int64?
    /// The most that the container itself used.
    public var containerBytes: Int64?
    /// Processes of the container that were killed, as `memory.events` counts them: where the container was killed as a
    /// group (`memory.oom.group`), the first victim counts twice.
    public var kills: Int

    public init(level: Level, limitBytes: Int64?, usageBytes: Int64?, containerBytes: Int64? = nil, kills: Int) {
        self.level = level
        self.limitBytes = limitBytes
        self.usageBytes = usageBytes
        self.containerBytes = containerBytes
        self.kills = kills
    }
}

/// What happens without having been asked for.
public enum RuntimeEvent: Sendable, Hashable {
    case containerExited(sandbox: String, ContainerStatus)
    /// The OOM killer ended processes of a container that goes on running; `kills` counts those since the last event.
    case oomKilled(sandbox: String, container: String, OOMKill)
    /// The shim died: every process of the sandbox has been killed, and it has to be made anew.
    case sandboxLost(id: String, reason: String)
}
