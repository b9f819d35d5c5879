/// How a command ended that was run in a container (`Runtime.run`).
public struct CommandOutcome: Sendable, Hashable {
    /// Exit code of the command's own process, or 128 + signal where a signal ended it.
    public var exitCode: Int32
    /// The deadline passed before it ended: it was killed with all that it had started, and `exitCode` is 137.
    public var timedOut: Bool
    /// stdout and stderr in the order in which they were written, up to the limit that was asked for.
    public var output: [UInt8]
    /// There was more output than the limit.
    public var truncated: Bool

    public init(exitCode: Int32, timedOut: Bool = false, output: [UInt8] = [], truncated: Bool = false) {
        self.exitCode = exitCode
        self.timedOut = timedOut
        self.output = output
        self.truncated = truncated
    }
}
