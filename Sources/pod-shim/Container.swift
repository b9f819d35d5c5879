import Glibc
import LinuxKernel
import ShimProtocol

/// One container of the pod, from the clone of step A until the agent forgets it.
///
/// ```
///   starting --(end of the record pipe, no failure)--> running --(reaped)--> exited --(forget)--> gone
///      \--(failure told, or killed)--> gone
/// ```
final class Container {
    enum State {
        /// `failure` is what came through the record pipe; `helper` is step A.
        case starting(helper: Int32, failure: Launch.Failure?)
        case running
        case exited(ExitRecord)
    }

    let request: LaunchRequest
    /// Sequence number of the launch, which is answered when exec has succeeded or failed.
    let sequence: UInt32
    let cgroup: FileDescriptor
    var state: State
    /// Step B; 0 until it is known.
    var pid: Int32 = 0
    var startedAt: Int64 = 0
    /// Reaped before the record pipe had ended.
    var earlyExit: Process.Exit?

    var records: FileDescriptor?
    /// stdout and stderr.
    var streams: [FileDescriptor?]
    var log: LogWriter?

    init(
        request: LaunchRequest, sequence: UInt32, cgroup: FileDescriptor, helper: Int32, records: FileDescriptor,
        streams: [FileDescriptor?], log: LogWriter?
    ) {
        self.request = request
        self.sequence = sequence
        self.cgroup = cgroup
        self.state = .starting(helper: helper, failure: nil)
        self.records = records
        self.streams = streams
        self.log = log
    }

    /// Whether it may still have processes.
    var isAlive: Bool {
        if case .exited = state { false } else { true }
    }

    var facts: ContainerFacts {
        var exit: ExitRecord?
        if case .exited(let record) = state { exit = record }
        return ContainerFacts(container: request.container, pid: pid, startedAt: startedAt, exit: exit)
    }

    /// cgroup.kill: every process in the container's cgroup and below.
    func killAll() throws(SystemError) {
        let file = try FileAccess.open(at: cgroup, "cgroup.kill", O_WRONLY)
        try FileAccess.write(Array("1".utf8), to: file, object: "cgroup.kill")
    }

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
