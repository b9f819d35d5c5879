/// What the agent and a pod's supervisor say to each other: one message per packet of a SOCK_SEQPACKET unix socket,
/// descriptors beside it (SCM_RIGHTS).
///
/// | agent says                | shim answers                             | descriptors                            |
/// | ------------------------- | ---------------------------------------- | -------------------------------------- |
/// | `hello`                   | `welcome`                                |                                        |
/// | `makeSandbox`             | `sandboxReady`, `refused`                | back: network namespace, netlink       |
/// | `launch`                  | `launched`, `launchFailed`, `refused`    | plan, cgroup, stamps, the plan's own   |
/// | `signal`, `kill`, `forget`| `done`, `refused`                        |                                        |
/// | `list`                    | `containers`                             |                                        |
/// | `run`                     | `ran`, `launchFailed`, `refused`         | plan, output                           |
/// | `cancel`                  | `done`                                   |                                        |
/// | `shutdown`                | `done`, then the end of the stream       |                                        |
///
/// An answer carries the sequence number of its request. `exited` comes without having been asked for, after the exit
/// is on disk, with the sequence number 0. `launch` is answered when exec has succeeded or failed, and `list` when no
/// launch is under way; `run` is answered when the command has ended and its cgroup is gone. Other requests may be
/// answered before them. An answer goes to the agent that asked: a command whose agent is gone is ended at once.
public enum Message: Sendable, Hashable {
    case hello(Hello)
    case makeSandbox(SandboxRequest)
    case launch(LaunchRequest)
    case signal(container: String, signal: Int32)
    /// cgroup.kill of the container.
    case kill(container: String)
    /// The agent has taken note of a container's end.
    case forget(container: String)
    case list
    /// Kills what runs, waits for it and ends.
    case shutdown
    /// Only to a supervisor with `Hello.commands`.
    case run(RunRequest)
    /// Ends the command that the request with this number has started. One that has ended already is no error.
    case cancel(run: UInt32)

    case welcome(Hello)
    case sandboxReady(hasNetwork: Bool)
    case launched(pid: Int32, startedAt: Int64)
    case launchFailed(LaunchFailure)
    case containers([ContainerFacts])
    case ran(RunOutcome)
    case done
    /// Positive errno and what it was about.
    case refused(errno: Int32, reason: String)

    case exited(ContainerFacts)
}

/// Who speaks, and what it can do.
public struct Hello: Sendable, Hashable {
    /// Raised where old and new cannot understand each other.
    public static let currentVersion: UInt32 = 1
    public var version: UInt32
    /// What was added since within a version: the bits below.
    public var features: UInt64
    public var pid: Int32

    public static let sharedProcessNamespace: UInt64 = 1
    /// `run` and `cancel`.
    public static let commands: UInt64 = 2
    /// What this version of the sources can do.
    public static let allFeatures = sharedProcessNamespace | commands

    public init(version: UInt32 = Hello.currentVersion, features: UInt64 = Hello.allFeatures, pid: Int32) {
        self.version = version
        self.features = features
        self.pid = pid
    }
}

public struct SandboxRequest: Sendable, Hashable {
    /// `Namespaces.Kinds`
    public var kinds: UInt32
    public var hostname: String
    /// Paths below /proc/sys with values.
    public var sysctls: [Sysctl]

    public struct Sysctl: Sendable, Hashable {
        public var path: String
        public var value: String
        public init(path: String, value: String) {
            self.path = path
            self.value = value
        }
    }

    public init(kinds: UInt32, hostname: String, sysctls: [Sysctl]) {
        self.kinds = kinds
        self.hostname = hostname
        self.sysctls = sysctls
    }
}

public struct LaunchRequest: Sendable, Hashable {
    /// Names it in later messages: `<name>/<attempt>`.
    public var container: String
    /// Where the exit is recorded.
    public var recordPath: String
    /// Empty: output is thrown away.
    public var logPath: String
    public var logMaxBytes: Int64
    public var logMaxFiles: UInt32
    /// Kill the container's cgroup when its main process ends: where it is not PID 1 of a namespace of its own.
    public var killsCgroup: Bool
    /// The process's PID namespace becomes the pod's.
    public var providesProcessNamespace: Bool

    public init(
        container: String, recordPath: String, logPath: String, logMaxBytes: Int64, logMaxFiles: UInt32,
        killsCgroup: Bool, providesProcessNamespace: Bool
    ) {
        self.container = container
        self.recordPath = recordPath
        self.logPath = logPath
        self.logMaxBytes = logMaxBytes
        self.logMaxFiles = logMaxFiles
        self.killsCgroup = killsCgroup
        self.providesProcessNamespace = providesProcessNamespace
    }
}

/// A launch that ended before exec did.
public struct LaunchFailure: Sendable, Hashable {
    /// As `Launch.Failure`.
    public var code: Int32
    public var index: UInt32
    public var kind: UInt16
    /// The process ended without a word: it was killed.
    public var wasKilled: Bool

    public init(code: Int32, index: UInt32, kind: UInt16, wasKilled: Bool) {
        self.code = code
        self.index = index
        self.kind = kind
        self.wasKilled = wasKilled
    }
}

/// What the shim knows of a container.
public struct ContainerFacts: Sendable, Hashable {
    public var container: String
    public var pid: Int32
    /// Nanoseconds since 1970; 0 while it starts.
    public var startedAt: Int64
    public var exit: ExitRecord?

    public init(container: String, pid: Int32, startedAt: Int64, exit: ExitRecord?) {
        self.container = container
        self.pid = pid
        self.startedAt = startedAt
        self.exit = exit
    }
}

/// How a container ended: what is on disk and what is told.
public struct ExitRecord: Sendable, Hashable {
    public var pid: Int32
    public var startedAt: Int64
    public var finishedAt: Int64
    /// Exit code, or 128 + signal.
    public var code: Int32
    /// 0 where it exited by itself.
    public var signal: Int32
    public var oomKilled: Bool

    public init(pid: Int32, startedAt: Int64, finishedAt: Int64, code: Int32, signal: Int32, oomKilled: Bool) {
        self.pid = pid
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.code = code
        self.signal = signal
        self.oomKilled = oomKilled
    }

    /// The file's text: one `key value` per line.
    public var text: String {
        "version 1\npid \(pid)\nstartedAt \(startedAt)\nfinishedAt \(finishedAt)\ncode \(code)\nsignal \(signal)\n"
            + "oomKilled \(oomKilled ? 1 : 0)\n"
    }

    /// nil where the text is not a whole record. Unknown keys are fine.
    public init?(text: String) {
        var values: [Substring: Int64] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, let value = Int64(parts[1]) else { return nil }
            values[parts[0]] = value
        }
        guard values["version"] == 1, let pid = values["pid"], let startedAt = values["startedAt"],
            let finishedAt = values["finishedAt"], let code = values["code"], let signal = values["signal"],
            let oomKilled = values["oomKilled"]
        else { return nil }
        self.init(
            pid: Int32(truncatingIfNeeded: pid), startedAt: startedAt, finishedAt: finishedAt,
            code: Int32(truncatingIfNeeded: code), signal: Int32(truncatingIfNeeded: signal), oomKilled: oomKilled != 0)
    }
}
