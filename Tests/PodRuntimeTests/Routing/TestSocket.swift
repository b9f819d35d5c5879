import Foundation
import Glibc
import InternetAddress
import LinuxKernel
import PodRuntime
import Synchronization

/// A socket of a test, in the network namespace of the thread that makes it.
struct TestSocket: Sendable {
    let descriptor: FileDescriptor
    let family: IPAddress.Family

    /// - Parameter patience: of sending, connecting and receiving, in milliseconds.
    init(_ transport: Transport, _ family: IPAddress.Family, patience: Int = 2000) throws {
        let type = transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        let fd = socket(family == .v4 ? AF_INET : AF_INET6, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fd >= 0 else { throw SystemError(call: "socket", errno: errno) }
        descriptor = FileDescriptor(owning: fd)
        self.family = family
        var limit = timeval(tv_sec: patience / 1000, tv_usec: patience % 1000 * 1000)
        for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
            setsockopt(fd, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// Connects a stream; of a datagram socket, says where datagrams go.
    func connect(_ address: IPAddress, _ port: UInt16) throws {
        let result = Self.with(address, port) { Glibc.connect(descriptor.rawValue, $0, $1) }
        guard result == 0 else { throw SystemError(call: "connect", object: "\(address):\(port)", errno: errno) }
    }

    func bind(_ address: IPAddress, _ port: UInt16) throws {
        var yes: Int32 = 1
        setsockopt(descriptor.rawValue, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let result = Self.with(address, port) { Glibc.bind(descriptor.rawValue, $0, $1) }
        guard result == 0 else { throw SystemError(call: "bind", object: "\(address):\(port)", errno: errno) }
    }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.send(descriptor.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) >= 0 else {
            throw SystemError(call: "send", errno: errno)
        }
    }

    /// What comes at once, as text.
    func receive() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let got = recv(descriptor.rawValue, &buffer, buffer.count, 0)
        guard got >= 0 else { throw SystemError(call: "recv", errno: errno) }
        return String(decoding: buffer[..<got], as: UTF8.self)
    }

    /// A connection, or a datagram, to a `TestServer`.
    ///
    /// - Returns: the server's name, and what it takes for the client's address.
    static func ask(
        _ transport: Transport, _ address: IPAddress, _ port: UInt16, patience: Int = 2000
    ) throws -> (server: String, client: String) {
        let socket = try TestSocket(transport, address.family, patience: patience)
        try socket.connect(address, port)
        if transport == .udp { try socket.send("?") }
        return try socket.answer()
    }

    /// By TCP.
    static func ask(
        _ address: IPAddress, _ port: UInt16, patience: Int = 2000
    ) throws -> (server: String, client: String) {
        try ask(.tcp, address, port, patience: patience)
    }

    func answer() throws -> (server: String, client: String) {
        let words = try receive().split(separator: " ").map(String.init)
        guard words.count == 2 else { throw SystemError(call: "recv", object: "\(words)", errno: EPROTO) }
        return (words[0], words[1])
    }

    static func with<T>(
        _ address: IPAddress, _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T
    ) -> T {
        var bytes = [UInt8](repeating: 0, count: address.family == .v4 ? 16 : 28)
        withUnsafeBytes(of: UInt16(address.family == .v4 ? AF_INET : AF_INET6)) {
            bytes.replaceSubrange(0..<2, with: $0)
        }
        bytes.replaceSubrange(2..<4, with: [UInt8(port >> 8), UInt8(port & 0xff)])
        let start = address.family == .v4 ? 4 : 8
        bytes.replaceSubrange(start..<(start + address.bytes.count), with: address.bytes)
        return bytes.withUnsafeBytes { raw in
            raw.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress!, socklen_t(raw.count)) }  // it is not empty
        }
    }
}

/// Answers each connection and each datagram with its own name and the client's address, on many ports.
final class TestServer: Sendable {
    private let stopped = Atomic<Bool>(false)
    private let wakeup: FileDescriptor
    private let finished = DispatchSemaphore(value: 0)

    /// Listens when this returns; in the namespace of the calling thread.
    ///
    /// - Parameter name: of the server; with `%` the port takes its place.
    init(_ name: String, _ transport: Transport = .tcp, on address: IPAddress, ports: some Collection<UInt16>) throws {
        wakeup = try FileDescriptor.event()
        let sockets = try ports.map { port in
            let socket = try TestSocket(transport, address.family)
            try socket.bind(address, port)
            if transport == .tcp, listen(socket.descriptor.rawValue, 1024) != 0 {
                throw SystemError(call: "listen", errno: errno)
            }
            return (socket, name.replacingOccurrences(of: "%", with: "\(port)"))
        }
        Thread { [self, wakeup] in
            var watched = sockets.map { pollfd(fd: $0.0.descriptor.rawValue, events: Int16(POLLIN), revents: 0) }
            watched.append(pollfd(fd: wakeup.rawValue, events: Int16(POLLIN), revents: 0))
            while !stopped.load(ordering: .acquiring), poll(&watched, nfds_t(watched.count), -1) >= 0 || errno == EINTR
            {
                for (index, entry) in sockets.enumerated() where watched[index].revents != 0 {
                    Self.serve(entry.0.descriptor.rawValue, transport, entry.1)
                }
            }
            finished.signal()
        }.start()
    }

    func stop() {
        stopped.store(true, ordering: .releasing)
        try? wakeup.writeAll([1, 0, 0, 0, 0, 0, 0, 0])
        finished.wait()
    }

    private static func serve(_ fd: Int32, _ transport: Transport, _ name: String) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { peer in
                if transport == .udp {
                    var buffer = [UInt8](repeating: 0, count: 64)
                    guard recvfrom(fd, &buffer, 64, Int32(MSG_DONTWAIT), peer, &length) >= 0 else { return }
                    let answer = Array("\(name) \(text(peer))".utf8)
                    sendto(fd, answer, answer.count, 0, peer, length)
                } else {
                    let connection = accept(fd, peer, &length)
                    guard connection >= 0 else { return }
                    let answer = Array("\(name) \(text(peer))".utf8)
                    Glibc.send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
                    close(connection)
                }
            }
        }
    }

    private static func text(_ peer: UnsafePointer<sockaddr>) -> String {
        let raw = UnsafeRawBufferPointer(start: peer, count: 28)
        let isFour = Int32(peer.pointee.sa_family) == AF_INET
        return IPAddress(bytes: Array(isFour ? raw[4..<8] : raw[8..<24]))?.description ?? "?"
    }
}
