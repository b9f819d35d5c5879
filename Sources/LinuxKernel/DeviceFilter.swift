internal import CLinux

/// The BPF program that keeps a cgroup's processes from devices other than the usual nodes (`null`, `zero`, `full`,
/// `random`, `urandom`, `tty`, `console`, `ptmx`, `pts/*`). mknod itself is allowed; what it makes cannot be opened.
public struct DeviceFilter: Sendable {
    private let program: FileDescriptor

    /// Loads the program; one serves any number of cgroups.
    public init() throws(SystemError) {
        program = FileDescriptor(owning: try SystemError.check("bpf", "device filter", clx_device_filter_load()))
    }

    /// From now on the processes of this cgroup, and of those below it, are held to the filter.
    public func attach(to cgroup: FileDescriptor) throws(SystemError) {
        try SystemError.check(
            "bpf", "attach device filter", clx_device_filter_attach(program.rawValue, cgroup.rawValue))
    }
}
