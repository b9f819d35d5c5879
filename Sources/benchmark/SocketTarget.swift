import Foundation
import InternetAddress

/// Where a socket of either family is connected to.
struct SocketTarget: Sendable {
    let family: Int32
    /// A `sockaddr_in` or a `sockaddr_in6`.
    private let bytes: [UInt8]

    /// Nil where it is no address.
    init?(address: String, port: UInt16) {
        guard let address = IPAddress(address) else { return nil }
        family = address.family == .v4 ? AF_INET : AF_INET6
        let head = withUnsafeBytes(of: sa_family_t(family)) { [UInt8]($0) } + [UInt8(port >> 8), UInt8(port & 0xff)]
        let zeros = [UInt8](repeating: 0, count: 8)
        // After an IPv4 address there is padding; before an IPv6 address its flow, after it its scope.
        bytes = address.family == .v4 ? head + address.bytes + zeros : head + zeros[..<4] + address.bytes + zeros[..<4]
    }

    /// Whether the socket is connected now.
    func connects(_ descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            return connect(descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
        }
    }
}
