import Foundation
import InternetAddress
import LinuxKernel
import Testing

@testable import PodRuntime

extension NetworkThread {
    /// Runs a shell's commands inside, and returns what they write.
    @discardableResult
    func shell(_ script: String) async throws -> String {
        try await run {
            // The shell is in the namespace of the thread that starts it.
            guard let stream = popen("exec 2>&1; set -e; PATH=/usr/sbin:/usr/bin:/sbin:/bin\n\(script)", "r") else {
                throw SystemError(call: "popen", errno: errno)
            }
            var text = ""
            var line = [CChar](repeating: 0, count: 4096)
            while fgets(&line, Int32(line.count), stream) != nil {
                text += String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            }
            guard pclose(stream) == 0 else { throw ScriptFailure(script: script, output: text) }
            return text
        }
    }

    func text(_ path: String) async throws -> String { try await run { try FileAccess.readText(path) } }

    func links() async throws -> [RouteMessage.Link] {
        try await run {
            try NetlinkSocket(.route).request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
        }
    }

    /// Nil where there is no such device.
    func mtu(of device: String) async throws -> UInt32? { try await links().first { $0.name == device }?.mtu }

    func addresses() async throws -> [RouteMessage.Address] {
        try await run {
            try NetlinkSocket(.route).request([RouteMessage.listAddresses()]).compactMap(RouteMessage.Address.init)
        }
    }

    /// A TCP socket inside that listens on every address of both families.
    func listen(port: UInt16) async throws -> FileDescriptor {
        try await run {
            let listener = FileDescriptor(owning: socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0))
            var off: Int32 = 0
            setsockopt(listener.rawValue, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, 4)
            let status = SocketAddress(IPAddress(.v6, 0), port).with { bind(listener.rawValue, $0, $1) }
            guard status == 0, Glibc.listen(listener.rawValue, 16) == 0 else {
                throw SystemError(call: "listen", errno: errno)
            }
            return listener
        }
    }

    /// Connects from inside; `connected`, `refused`, or the errno's words.
    func connects(to address: IPAddress, port: UInt16) async throws -> String {
        try await run {
            let family = address.family == .v4 ? AF_INET : AF_INET6
            let fd = FileDescriptor(owning: socket(family, Int32(SOCK_STREAM.rawValue), 0))
            var limit = timeval(tv_sec: 2, tv_usec: 0)
            setsockopt(fd.rawValue, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            if SocketAddress(address, port).with({ connect(fd.rawValue, $0, $1) }) == 0 { return "connected" }
            return errno == ECONNREFUSED ? "refused" : String(cString: strerror(errno))
        }
    }
}

struct ScriptFailure: Error, CustomStringConvertible {
    let script: String
    let output: String
    var description: String { "\(script): \(output)" }
}

/// Who is at the other end of the next connection that a listening socket gets, within two seconds.
func nextPeer(of listener: FileDescriptor) throws -> IPAddress? {
    guard try Poll.wait(listener, for: Int16(POLLIN), milliseconds: 2000) else { return nil }
    var peer = sockaddr_in6()
    var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
    let fd = withUnsafeMutablePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { accept(listener.rawValue, $0, &length) }
    }
    guard fd >= 0 else { throw SystemError(call: "accept", errno: errno) }
    close(fd)
    let bytes = withUnsafeBytes(of: peer.sin6_addr) { Array($0) }
    // ::ffff:a.b.c.d
    let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
    return IPAddress(bytes: isMapped ? Array(bytes.suffix(4)) : bytes)
}

/// An address and a port as system calls take them.
struct SocketAddress {
    private let bytes: [UInt8]

    init(_ address: IPAddress, _ port: UInt16) {
        let number = [UInt8(port >> 8), UInt8(port & 0xff)]
        var bytes: [UInt8] = []
        bytes.append(native: UInt16(address.family == .v4 ? AF_INET : AF_INET6))
        bytes += number
        bytes +=
            address.family == .v4
            ? address.bytes + [UInt8](repeating: 0, count: 8) : [0, 0, 0, 0] + address.bytes + [0, 0, 0, 0]
        self.bytes = bytes
    }

    func with(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        bytes.withUnsafeBytes { buffer in
            // Never empty.
            body(buffer.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(buffer.count))
        }
    }
}
