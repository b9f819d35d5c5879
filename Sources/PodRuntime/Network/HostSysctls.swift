import Foundation
import InternetAddress
import LinuxKernel

/// The host's settings that pod networking needs, and what they were before.
///
/// Forwarding has to be on. Redirects have to be off, on the bridge and for `all` (the kernel takes the OR of the two):
/// a pod that followed one would go around the routing hooks, and with them around services. IPv6 has no such switch at
/// the sender; pods do not accept them there.
struct HostSysctls {
    /// Where the former values are kept.
    let path: String
    private static let root = "/proc/sys/net"

    /// - Parameter uplinks: devices by which this host learns of its IPv6 routers.
    /// - Returns: what was changed for the whole host, in words.
    func apply(bridge: String, families: [IPAddress.Family], uplinks: [String]) throws -> [String] {
        var wanted: [(name: String, value: String)] = []
        if families.contains(.v4) {
            try FileAccess.writeOnce("\(Self.root)/ipv4/conf/\(bridge)/send_redirects", "0")
            wanted += [("ipv4/ip_forward", "1"), ("ipv4/conf/all/send_redirects", "0")]
        }
        if families.contains(.v6) {
            // The inherited default may be off. What a pod announces as a router is nobody's business. And the bridge asks
            // for its neighbours from its link-local address, which duplicate address detection would hold back for the
            // first two seconds.
            for (name, value) in [("disable_ipv6", "0"), ("accept_ra", "0"), ("accept_dad", "0")] {
                try FileAccess.writeOnce("\(Self.root)/ipv6/conf/\(bridge)/\(name)", value)
            }
            if try FileAccess.readText("\(Self.root)/ipv6/conf/all/forwarding") != "1" {
                // A machine that forwards ignores routers' advertisements where accept_ra is 1, and forgets at once what
                // it had learned from them; 2 says that it is to listen nevertheless. So that comes first.
                wanted += uplinks.map { "ipv6/conf/\($0)/accept_ra" }
                    .filter { (try? FileAccess.readText("\(Self.root)/\($0)")) == "1" }
                    .map { ($0, "2") }
                wanted.append(("ipv6/conf/all/forwarding", "1"))
            }
        }
        var before = read()
        var changed: [String] = []
        for (name, value) in wanted {
            let present = try FileAccess.readText("\(Self.root)/\(name)")
            guard present != value else { continue }
            // Written down first: a kill in between must not lose what the host had.
            if before[name] == nil {
                before[name] = present
                try FileAccess.replace(path, with: Array(try JSONEncoder().encode(before)))
            }
            try FileAccess.writeOnce("\(Self.root)/\(name)", value)
            changed.append("net.\(name.replacingOccurrences(of: "/", with: ".")) changed from \(present) to \(value)")
        }
        return changed
    }

    /// Gives the host back what it had, unless another node of ours needs it.
    func restore(othersRemain: Bool) {
        guard !othersRemain else { return }
        for (name, value) in read() { try? FileAccess.writeOnce("\(Self.root)/\(name)", value) }
        try? FileAccess.remove(path)
    }

    private func read() -> [String: String] {
        guard let bytes = try? FileAccess.read(path),
            let values = try? JSONDecoder().decode([String: String].self, from: Data(bytes))
        else { return [:] }
        // An earlier version had only settings of IPv4, and did not say so.
        return Dictionary(
            values.map { ($0.key.hasPrefix("ipv") ? $0.key : "ipv4/\($0.key)", $0.value) }, uniquingKeysWith: { $1 })
    }
}
