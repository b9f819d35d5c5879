internal import CLinux
internal import Glibc

/// An epoll(7) instance. Not for use by several threads at once, except for `wait`, which one thread may be in.
public final class Epoll: Sendable {
    public struct Interest: OptionSet, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let readable = Interest(rawValue: 0x001)
        /// Exceptional conditions: a change of a cgroup or kernfs file.
        public static let priority = Interest(rawValue: 0x002)
        public static let writable = Interest(rawValue: 0x004)
        /// Told without being asked for.
        public static let error = Interest(rawValue: 0x008)
        public static let hangup = Interest(rawValue: 0x010)
        public static let peerClosed = Interest(rawValue: 0x2000)
    }

    public struct Event: Sendable {
        /// What `add` was given.
        public let token: UInt64
        public let ready: Interest
    }

    private let descriptor: FileDescriptor

    public init() throws(SystemError) {
        descriptor = FileDescriptor(owning: try SystemError.check("epoll_create1", clx_epoll_create()))
    }

    public func add(_ fd: FileDescriptor, _ interest: Interest, token: UInt64) throws(SystemError) {
        try SystemError.check(
            "epoll_ctl", clx_epoll_control(descriptor.rawValue, 1, fd.rawValue, interest.rawValue, token))
    }

    public func modify(_ fd: FileDescriptor, _ interest: Interest, token: UInt64) throws(SystemError) {
        try SystemError.check(
            "epoll_ctl", clx_epoll_control(descriptor.rawValue, 3, fd.rawValue, interest.rawValue, token))
    }

    public func remove(_ fd: FileDescriptor) {
        // The only failure is that it was not there.
        _ = clx_epoll_control(descriptor.rawValue, 2, fd.rawValue, 0, 0)
    }

    /// Waits for events; `timeout` in milliseconds, -1 for ever. An interrupted wait is an empty one.
    public func wait(timeout: Int32) throws(SystemError) -> [Event] {
        var raw = [clx_event](repeating: clx_event(), count: 32)
        let count = try SystemError.check("epoll_wait", clx_epoll_wait(descriptor.rawValue, &raw, 32, timeout))
        return raw[..<Int(count)].map { Event(token: $0.data, ready: Interest(rawValue: $0.events)) }
    }
}
