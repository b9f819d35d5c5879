import Glibc
import LinuxKernel

/// Control groups by descriptor.
enum ControlGroup {
    /// cgroup.kill: every process in it and below.
    static func kill(_ directory: FileDescriptor) throws(SystemError) {
        let file = try FileAccess.open(at: directory, "cgroup.kill", O_WRONLY)
        try FileAccess.write(Array("1".utf8), to: file, object: "cgroup.kill")
    }

    /// Readable as an exceptional condition (`Epoll.Interest.priority`) when processes come or go for the first or last
    /// time; to be read each time, which arms it again.
    static func events(_ directory: FileDescriptor) throws(SystemError) -> FileDescriptor {
        try FileAccess.open(at: directory, "cgroup.events", O_RDONLY)
    }
}
