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
