internal import CLinux
internal import Glibc

/// How a helper process locks itself in before it reads bytes that someone else wrote. In this order, each once, on the
/// only thread of the process.
public enum Jail {
    /// Own mount, network, IPC and UTS namespaces, with `root` as the whole file system; nil is an empty read-only one.
    public static func enter(root: String?) throws(SystemError) {
        try SystemError.check("pivot_root", root ?? "", clx_jail_enter(root))
    }

    /// No more memory than `memory` bytes, no core file, no more than `files` open descriptors, `cpuSeconds` of CPU time.
    public static func limit(memory: UInt64, files: UInt64, cpuSeconds: UInt64) throws(SystemError) {
        for (resource, value) in [
            (RLIMIT_AS, memory), (RLIMIT_CORE, 0), (RLIMIT_NOFILE, files), (RLIMIT_CPU, cpuSeconds),
        ] {
            try SystemError.check("setrlimit", clx_jail_limit(Int32(resource.rawValue), value))
        }
    }

    /// Keeps only the capabilities in `mask`, and gains none by exec any more.
    public static func restrict(capabilities mask: UInt64) throws(SystemError) {
        try SystemError.check("capset", clx_jail_capabilities(mask))
    }

    /// Installs a filter that was made with `SeccompFilter`.
    public static func install(seccomp program: [UInt8]) throws(SystemError) {
        try SystemError.check("seccomp", clx_jail_seccomp(program, program.count))
    }
}
