internal import CLinux
internal import Glibc

/// Processes: spawn, wait, signal by descriptor.
public enum Process {
    /// How a child ended.
    public struct Exit: Sendable, Hashable {
        public let pid: Int32
        /// The signal that ended it; 0 where it exited by itself.
        public let signal: Int32
        /// Its exit code, or 128 + signal.
        public let code: Int32

        init(_ raw: clx_exit) {
            pid = raw.pid
            signal = raw.signaled ? raw.status : 0
            code = raw.signaled ? 128 + raw.status : raw.status
        }
    }

    /// Starts a program that is given as a descriptor, in a session and (where given) a cgroup of its own, with
    /// nothing of this process but `descriptors` (which become 0, 1, 2, ...). Answers when exec has succeeded.
    /// All signals are at their defaults there. It is a child of this process: wait for its pidfd.
    public static func spawn(
        executable: FileDescriptor, arguments: [String], environment: [String], descriptors: [FileDescriptor],
        cgroup: FileDescriptor?
    ) throws(SystemError) -> (pid: Int32, pidfd: FileDescriptor) {
        let argv = CStringArray(arguments)
        let envp = CStringArray(environment)
        let numbers = descriptors.map(\.rawValue)
        var spawn = clx_spawn()
        let result = numbers.withUnsafeBufferPointer { numbers in
            spawn.executable = executable.rawValue
            spawn.argv = UnsafePointer(argv.pointers)
            spawn.envp = UnsafePointer(envp.pointers)
            spawn.fds = numbers.baseAddress
            spawn.fd_count = numbers.count
            spawn.cgroup = cgroup?.rawValue ?? -1
            return withExtendedLifetime((argv, envp, descriptors)) { clx_spawn_process(&spawn) }
        }
        try SystemError.check("clone3", arguments.first ?? "", result)
        return (spawn.pid, FileDescriptor(owning: spawn.pidfd))
    }

    /// A descriptor for a process (pidfd_open(2)): readable when it has ended.
    public static func open(_ pid: Int32) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try SystemError.check("pidfd_open", "\(pid)", clx_pidfd_open(pid)))
    }

    public static func signal(_ pidfd: FileDescriptor, _ signal: Int32) throws(SystemError) {
        try SystemError.check("pidfd_send_signal", clx_pidfd_send_signal(pidfd.rawValue, signal))
    }

    /// Kills the process group of a session's leader that was started by `spawn` (kill(2)); that it is gone is no error.
    /// Only until the leader was waited for, and right after: later its number may be another's.
    public static func killSession(_ leader: Int32) { _ = Glibc.kill(-leader, SIGKILL) }

    /// Reaps one child; nil where it still runs and `blocking` is false.
    public static func wait(_ pidfd: FileDescriptor, blocking: Bool) throws(SystemError) -> Exit? {
        var exit = clx_exit()
        let result = try SystemError.check("waitid", clx_wait_pidfd(pidfd.rawValue, blocking, &exit))
        return result == 1 ? Exit(exit) : nil
    }

    /// Reaps any child that has ended; nil where there is none. Only for a supervisor: elsewhere it would take other
    /// code's children away.
    public static func waitAny() throws(SystemError) -> Exit? {
        var exit = clx_exit()
        let result = clx_wait_any(&exit)
        if result == -ECHILD { return nil }
        try SystemError.check("waitid", result)
        return result == 1 ? Exit(exit) : nil
    }

    /// Field 22 of /proc/PID/stat: when a process began, in clock ticks since boot. With the pid and the boot id it
    /// names a process for ever. Nil where there is no such process.
    public static func startTime(of pid: Int32) -> UInt64? {
        guard let line = try? FileAccess.readText("/proc/\(pid)/stat"),
            let end = line.lastIndex(of: ")")
        else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    /// The boot that this is (/proc/sys/kernel/random/boot_id).
    public static func bootID() throws(SystemError) -> String {
        try FileAccess.readText("/proc/sys/kernel/random/boot_id")
    }

    /// Others may not ptrace this process or read what /proc/PID shows of its memory, unless they are root with
    /// CAP_SYS_PTRACE (PR_SET_DUMPABLE).
    public static func setDumpable(_ on: Bool) throws(SystemError) {
        try SystemError.check("prctl", "PR_SET_DUMPABLE", clx_set_dumpable(on))
    }

    /// Orphans below this process become its children (PR_SET_CHILD_SUBREAPER).
    public static func becomeSubreaper() throws(SystemError) {
        try SystemError.check("prctl", "PR_SET_CHILD_SUBREAPER", clx_set_child_subreaper())
    }

    /// CPU time that all threads of this process have used, in nanoseconds (CLOCK_PROCESS_CPUTIME_ID).
    public static var ownCPUTime: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Bytes of a page of memory.
    public static let pageSize = Int64(sysconf(Int32(_SC_PAGESIZE)))

    /// The name that `ps` shows, up to 15 bytes.
    public static func setName(_ name: String) { _ = clx_set_name(name) }
}

/// `char **` with its strings, freed together.
final class CStringArray {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() { pointers[index] = strdup(string) }
        pointers[count] = nil
    }

    deinit {
        for index in 0..<count { free(pointers[index]) }
        pointers.deallocate()
    }
}
