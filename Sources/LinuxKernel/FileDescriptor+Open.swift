internal import CLinux
internal import Glibc

extension FileDescriptor {
    /// Opens a path, close-on-exec (open(2)). `flags` are O_*; `mode` counts where a file is created.
    public static func open(_ path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try SystemError.check("open", path, clx_open(AT_FDCWD, path, flags | O_CLOEXEC, mode)))
    }

    /// Opens a path relative to this directory, close-on-exec (openat(2)).
    public func open(at path: String, _ flags: Int32, mode: UInt32 = 0) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try SystemError.check("openat", path, clx_open(rawValue, path, flags | O_CLOEXEC, mode)))
    }

    /// How openat2(2) may resolve a path.
    public enum Resolution: Sendable {
        /// The path may not leave the directory: `..`, absolute paths and links that lead out are errors (EXDEV).
        case beneath
        /// The directory is taken as `/`: nothing leads out of it.
        case inRoot
        /// No symbolic links at all, and beneath.
        case beneathWithoutLinks

        var flags: UInt64 {
            // From linux/openat2.h: NO_MAGICLINKS 2, NO_SYMLINKS 4, BENEATH 8, IN_ROOT 16.
            switch self {
            case .beneath: 0x08 | 0x02
            case .inRoot: 0x10 | 0x02
            case .beneathWithoutLinks: 0x08 | 0x04
            }
        }
    }

    /// Opens a path in this directory under a rule that the kernel enforces, close-on-exec (openat2(2)).
    public func open(
        _ resolution: Resolution, _ path: String, _ flags: Int32, mode: UInt32 = 0
    ) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try SystemError.check(
                "openat2", path,
                clx_openat2(
                    rawValue, path, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), UInt64(mode), resolution.flags)))
    }

    /// An anonymous file (memfd_create(2)), close-on-exec; `sealable` allows `seal()`, `executable` execveat on it.
    public static func memory(_ name: String, sealable: Bool = false) throws(SystemError) -> FileDescriptor {
        // MFD_CLOEXEC 1, MFD_ALLOW_SEALING 2
        FileDescriptor(
            owning: try SystemError.check("memfd_create", name, clx_memfd_create(name, sealable ? 3 : 1)))
    }

    /// No more writing, growing, shrinking or sealing of this memory file.
    public func seal() throws(SystemError) {
        try SystemError.check("fcntl", "F_ADD_SEALS", clx_seal(rawValue))
    }

    /// A second descriptor of the same open file, close-on-exec.
    public func duplicate() throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try SystemError.check("dup", clx_dup(rawValue)))
    }

    public func setNonBlocking(_ on: Bool) throws(SystemError) {
        try SystemError.check("fcntl", "O_NONBLOCK", clx_set_nonblocking(rawValue, on))
    }

    /// An exclusive lock without waiting: false where another process has it (flock(2)).
    public func tryLock() throws(SystemError) -> Bool {
        let result = clx_flock_exclusive_nonblocking(rawValue)
        if result == -EWOULDBLOCK { return false }
        try SystemError.check("flock", result)
        return true
    }

    /// A pipe, close-on-exec on both ends: (reading, writing).
    public static func pipe() throws(SystemError) -> (reading: FileDescriptor, writing: FileDescriptor) {
        var reading: Int32 = -1
        var writing: Int32 = -1
        try SystemError.check("pipe2", clx_pipe(&reading, &writing))
        return (FileDescriptor(owning: reading), FileDescriptor(owning: writing))
    }

    /// A counter that wakes an epoll (eventfd(2)), not blocking.
    public static func event() throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try SystemError.check("eventfd", clx_eventfd()))
    }

    /// The path under which any process of ours can open this again.
    public var procPath: String { "/proc/self/fd/\(rawValue)" }
}
