import Foundation
import LinuxKernel

/// The host's settings that pod networking needs, and what they were before.
///
/// Forwarding has to be on. Redirects have to be off, on the bridge and for `all` (the kernel takes the OR of the two):
/// a pod that followed one would go around the routing hooks, and with them around services.
struct HostSysctls {
    /// Where the former values are kept.
    let path: String
    private static let root = "/proc/sys/net/ipv4"

    /// - Returns: what was changed for the whole host, in words.
    func apply(bridge: String) throws -> [String] {
        try FileAccess.writeOnce("\(Self.root)/conf/\(bridge)/send_redirects", "0")
        var before = read()
        var changed: [String] = []
        for (name, value) in [("ip_forward", "1"), ("conf/all/send_redirects", "0")] {
            let present = try FileAccess.readText("\(Self.root)/\(name)")
            guard present != value else { continue }
            // Written down first: a kill in between must not lose what the host had.
            if before[name] == nil {
                before[name] = present
                try FileAccess.replace(path, with: Array(try JSONEncoder().encode(before)))
            }
            try FileAccess.writeOnce("\(Self.root)/\(name)", value)
            changed.append(
                "net.ipv4.\(name.replacingOccurrences(of: "/", with: ".")) changed from \(present) to \(value)")
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
        guard let bytes = try? FileAccess.read(path) else { return [:] }
        return (try? JSONDecoder().decode([String: String].self, from: Data(bytes))) ?? [:]
    }
}
