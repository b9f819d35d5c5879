import Glibc
import LinuxKernel
import ShimProtocol

/// One command in a container, from the clone of step A until its control group is gone.
///
/// ```
///   starting --(end of the record pipe, no failure)--> running --(reaped)----> ended --(its cgroup is removed)--> gone
///      \--(failure told, or killed)---------------------------------------------^
/// ```
/// The agent is answered when the cgroup is gone, or `patience` after a kill that some process has not obeyed: one
/// that hangs in the kernel.
final class Command: Child {
    /// How long what was killed is waited for, in nanoseconds.
    static let patience: Int64 = 1_000_000_000
    /// Commands at the same time, of all containers of a pod.
    static let limit = 64

    /// The container's cgroup, and the command's own below it.
    let parent: FileDescriptor
    let name: String
    let cgroup: FileDescriptor
    /// CLOCK_MONOTONIC, nanoseconds: when it is killed, and after that when the agent is answered all the same.
    var due: Int64
    var isKilled = false
    var timedOut = false
    /// What the agent is told; nil until it has ended.
    var outcome: Message?
    var isAnswered = false
    /// cgroup.events, while something lives in the cgroup of a command that has ended.
    var events: FileDescriptor?

    init(
        number: UInt64, asker: Asker, records: FileDescriptor, parent: FileDescriptor, name: String,
        cgroup: FileDescriptor, due: Int64
    ) {
        self.parent = parent
        self.name = name
        self.cgroup = cgroup
        self.due = due
        super.init(number: number, asker: asker, records: records)
    }

    /// Ends all that it has started; `due` is when that is not waited for any more.
    func kill() {
        guard !isKilled else { return }
        isKilled = true
        due = Monotonic.nanoseconds() + Self.patience
        // Gone with its container, if it fails.
        try? ControlGroup.kill(cgroup)
    }

    /// Whether its cgroup is removed; false while a process lives in it.
    func removeCgroup() -> Bool {
        do throws(SystemError) {
            try FileAccess.removeDirectory(at: parent, name)
            return true
        } catch {
            // Any other error says that it is not there any more.
            return error.errno != EBUSY
        }
    }
}
