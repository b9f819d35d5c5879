/// A command to be run in a container (`Message.run`).
///
/// The supervisor puts the container's own namespaces into the plan's table of descriptors: the PID namespace at its
/// place, the others as `LaunchPlan.Descriptor.mountNamespace` and `.cgroupNamespace`. What the command prints goes to
/// the descriptor that came with the request, as stdout and stderr.
public struct RunRequest: Sendable, Hashable {
    /// As in `LaunchRequest`. It has to run.
    public var container: String
    /// From the request on: then the command is killed with all that it has started, whether the agent lives or not.
    public var deadlineMilliseconds: UInt32

    public init(container: String, deadlineMilliseconds: UInt32) {
        self.container = container
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// How a command ended (`Message.ran`).
public struct RunOutcome: Sendable, Hashable {
    /// Exit code, or 128 + signal.
    public var code: Int32
    /// The deadline passed first.
    public var timedOut: Bool

    public init(code: Int32, timedOut: Bool) {
        self.code = code
        self.timedOut = timedOut
    }
}

extension LaunchPlan.Descriptor {
    /// In the plan of a command: those of the container's main process.
    public static let mountNamespace = LaunchPlan.Descriptor.attached(0)
    public static let cgroupNamespace = LaunchPlan.Descriptor.attached(1)
}
