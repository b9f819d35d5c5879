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
        /// An update would set `memory.max` below what is in use; nothing was changed (KEP-1287).
        case memoryInUse
        /// As many commands run in the sandbox as may at the same time.
        case busy
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
