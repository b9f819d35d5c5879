import Glibc
import LinuxKernel
import ShimProtocol

/// One container of the pod, from the clone of step A until the agent forgets it.
///
/// ```
///   starting --(end of the record pipe, no failure)--> running --(reaped)--> exited --(forget)--> gone
///      \--(failure told, or killed)--> gone
/// ```
final class Container: Child {
    let request: LaunchRequest
    let cgroup: FileDescriptor
    /// When exec succeeded, nanoseconds since 1970; 0 while it starts.
    var startedAt: Int64 = 0
    var exit: ExitRecord?

    /// stdout and stderr.
    var streams: [FileDescriptor?]
    var log: LogWriter?

    init(
        number: UInt64, request: LaunchRequest, asker: Asker, cgroup: FileDescriptor, records: FileDescriptor,
        streams: [FileDescriptor?], log: LogWriter?
    ) {
        self.request = request
        self.cgroup = cgroup
        self.streams = streams
        self.log = log
        super.init(number: number, asker: asker, records: records)
    }

    /// Whether it may still have processes.
    var isAlive: Bool { exit == nil }

    var isRunning: Bool { !isStarting && isAlive }

    var facts: ContainerFacts {
        ContainerFacts(container: request.container, pid: pid, startedAt: startedAt, exit: exit)
    }

    /// cgroup.kill: every process in the container's cgroup and below.
    func killAll() throws(SystemError) { try ControlGroup.kill(cgroup) }

    /// Whether the OOM killer ended a process of this cgroup. The cgroup is fresh, so any count is this attempt's;
    /// without a memory controller there is no such file.
    var wasOutOfMemory: Bool {
        guard let file = try? FileAccess.open(at: cgroup, "memory.events", O_RDONLY),
            let bytes = try? FileAccess.read(file, limit: 4096)
        else { return false }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("oom_kill ") {
            return line != "oom_kill 0"
        }
        return false
    }
}
