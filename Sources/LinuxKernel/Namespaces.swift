internal import CLinux
internal import Glibc

/// A pod's namespaces, held as descriptors.
public struct Namespaces: Sendable {
    /// nil: the host's.
    public let network: FileDescriptor?
    public let uts: FileDescriptor?
    public let ipc: FileDescriptor?
    /// A NETLINK_ROUTE socket that was made inside the network namespace.
    public var netlink: FileDescriptor?

    /// CLONE_NEW* of sched.h, which Swift's Glibc module leaves out; also the type that setns(2) is given.
    public static let cloneNetwork: UInt64 = 0x4000_0000
    public static let cloneUTS: UInt64 = 0x0400_0000
    public static let cloneIPC: UInt64 = 0x0800_0000
    public static let cloneUser: UInt64 = 0x1000_0000
    public static let clonePID: UInt64 = 0x2000_0000

    /// Which namespaces a pod has of its own.
    public struct Kinds: OptionSet, Sendable, Hashable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let network = Kinds(rawValue: 1)
        public static let uts = Kinds(rawValue: 2)
        public static let ipc = Kinds(rawValue: 4)
    }

    /// Makes new namespaces in a short-lived child; for a single-threaded process.
    ///
    /// - Parameters:
    ///   - hostname: of the UTS namespace.
    ///   - sysctls: paths below /proc/sys with values, written from inside.
    public static func make(
        _ kinds: Kinds, hostname: String, sysctls: [(path: String, value: String)]
    ) throws(SystemError) -> Namespaces {
        let strings = CStringArray(sysctls.flatMap { [$0.path, $0.value] })
        var raw = clx_namespaces()
        raw.flags =
            (kinds.contains(.network) ? Self.cloneNetwork : 0) | (kinds.contains(.uts) ? Self.cloneUTS : 0)
            | (kinds.contains(.ipc) ? Self.cloneIPC : 0)
        raw.sysctl_count = sysctls.count
        let result = hostname.withCString { name in
            raw.hostname = name
            return strings.pointers.withMemoryRebound(
                to: UnsafePointer<CChar>?.self, capacity: sysctls.count * 2 + 1
            ) { pointers in
                raw.sysctls = UnsafePointer(pointers)
                return withExtendedLifetime(strings) { clx_make_namespaces(&raw) }
            }
        }
        if result < 0 {
            let failed = Int(raw.failed_sysctl)
            let object = sysctls.indices.contains(failed) ? sysctls[failed].path : "namespaces"
            throw SystemError(
                call: failed >= 0 ? "write" : "clone3", object: object, errno: -result)
        }
        func own(_ fd: Int32) -> FileDescriptor? { fd >= 0 ? FileDescriptor(owning: fd) : nil }
        return Namespaces(network: own(raw.net), uts: own(raw.uts), ipc: own(raw.ipc), netlink: own(raw.netlink))
    }
}
