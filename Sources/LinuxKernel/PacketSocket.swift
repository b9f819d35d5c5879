internal import CLinux
internal import Glibc

/// A connected SOCK_SEQPACKET unix socket: whole messages, with descriptors beside them (unix(7)).
public enum PacketSocket {
    /// Most descriptors that go with one packet (SCM_MAX_FD is 253).
    public static let maximumDescriptors = 250
    /// Longest packet that is sent here; the kernel's default send buffer holds three of them.
    public static let maximumBytes = 64 * 1024

    public struct Packet: Sendable {
        public let bytes: [UInt8]
        public let descriptors: [FileDescriptor]
    }

    public static func pair() throws(SystemError) -> (FileDescriptor, FileDescriptor) {
        var first: Int32 = -1
        var second: Int32 = -1
        try SystemError.check("socketpair", clx_seqpacket_pair(&first, &second))
        return (FileDescriptor(owning: first), FileDescriptor(owning: second))
    }

    /// A listening socket at `name` in a directory. The directory's descriptor keeps the path below sun_path's 108
    /// bytes, however deep the directory is.
    public static func listen(in directory: FileDescriptor, name: String) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try SystemError.check("bind", name, clx_seqpacket_listen("\(directory.procPath)/\(name)")))
    }

    public static func connect(in directory: FileDescriptor, name: String) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try SystemError.check("connect", name, clx_seqpacket_connect("\(directory.procPath)/\(name)")))
    }

    /// The next connection, not blocking, with its peer's user id (SO_PEERCRED).
    public static func accept(_ listener: FileDescriptor) throws(SystemError) -> (FileDescriptor, peer: UInt32) {
        let connection = FileDescriptor(owning: try SystemError.check("accept4", clx_accept(listener.rawValue)))
        var uid: UInt32 = 0
        try SystemError.check("getsockopt", "SO_PEERCRED", clx_peer_uid(connection.rawValue, &uid))
        return (connection, uid)
    }

    public static func send(
        _ bytes: [UInt8], _ descriptors: [FileDescriptor] = [], to socket: FileDescriptor
    ) throws(SystemError) {
        let numbers = descriptors.map(\.rawValue)
        // The numbers are used after the last mention of the array that keeps them open.
        let result = withExtendedLifetime(descriptors) {
            clx_send(socket.rawValue, bytes, bytes.count, numbers, numbers.count)
        }
        try SystemError.check("sendmsg", result)
    }

    /// The next packet; nil at the end of the stream. EAGAIN is thrown where the socket does not block.
    public static func receive(from socket: FileDescriptor) throws(SystemError) -> Packet? {
        var bytes = [UInt8](repeating: 0, count: maximumBytes)
        var numbers = [Int32](repeating: -1, count: maximumDescriptors)
        var count = 0
        let length = try SystemError.check(
            "recvmsg", clx_receive(socket.rawValue, &bytes, bytes.count, &numbers, numbers.count, &count))
        let descriptors = numbers[..<count].map { FileDescriptor(owning: $0) }
        if length == 0 { return nil }
        bytes.removeLast(bytes.count - Int(length))
        return Packet(bytes: bytes, descriptors: descriptors)
    }
}
