import Glibc
import LinuxKernel
import ShimProtocol

/// A process that is launched from a plan: a container's or a command's, from the clone of step A on.
class Child {
    /// Names it in the tokens of epoll.
    let number: UInt64
    /// Who is answered.
    let asker: Asker
    /// The end of this pipe decides whether the launch has succeeded; nil from then on.
    var records: FileDescriptor?
    /// Step B; 0 until it is known.
    var pid: Int32 = 0
    /// What came through the record pipe.
    var failure: Launch.Failure?
    /// Reaped before the record pipe had ended.
    var earlyExit: Process.Exit?

    init(number: UInt64, asker: Asker, records: FileDescriptor) {
        self.number = number
        self.asker = asker
        self.records = records
    }

    var isStarting: Bool { records != nil }

    /// As it is told to the agent.
    var launchFailure: LaunchFailure {
        LaunchFailure(
            code: failure?.code ?? ECHILD, index: UInt32(failure?.index ?? 0), kind: failure?.kind ?? 0,
            wasKilled: failure == nil)
    }
}
