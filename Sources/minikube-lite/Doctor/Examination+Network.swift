import InternetAddress
import LinuxKernel
import PodRuntime

extension Examination {
    private var record: NodeRecord? { (try? NodeRecord.read(layout)) ?? nil }

    /// Of the instance, or as it would be named.
    var bridgeName: String {
        let words = layout.root.map { ["--root", $0] } ?? []
        return record?.bridge ?? (try? NodeOptions.parse(words).bridgeName) ?? "mkl0"
    }

    /// Whether the pods' network fits this machine: the instance's, or the default one where there is no instance.
    func network() -> [Finding] { [obstacles(), packetForwarding(), bridgeFilter()] }

    private func obstacles() -> Finding {
        let subject = "pod network"
        let defaults = NetworkFlags.defaults
        let pods = record?.podCIDRs ?? defaults?.podRanges ?? []
        let services = record?.serviceRanges ?? defaults?.serviceRanges ?? []
        do throws(NetlinkError) {
            let found = try PodNetwork.obstacles(bridge: bridgeName, ranges: pods, services: services)
            guard !found.isEmpty else {
                let words = (pods + services).map(\.description).joined(separator: ", ")
                return Finding(subject, .ok, "nothing else has \(bridgeName) or addresses of \(words)")
            }
            // Each says what to do.
            return Finding(subject, .broken, found.map(\.message).joined(separator: "; "))
        } catch {
            return Finding(subject, .degraded, "\(error)", remedy: "run doctor as root")
        }
    }

    private func packetForwarding() -> Finding {
        let subject = "ip_forward"
        let families = Set((record?.podCIDRs ?? NetworkFlags.defaults?.podRanges ?? []).map(\.family))
        let switches = [
            (IPAddress.Family.v4, "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
            (.v6, "net.ipv6.conf.all.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding"),
        ]
        let off = switches.filter { family, _, path in
            families.contains(family) && (try? FileAccess.readText(path)) != "1"
        }
        guard !off.isEmpty else { return Finding(subject, .ok, "on") }
        guard AgentLock.holder(layout) != nil else { return Finding(subject, .ok, "off; the node switches it on") }
        return Finding(
            subject, .degraded, "off: someone has switched it off since the node was started, and pods reach nobody",
            remedy: off.map { "sysctl -w \($0.1)=1" }.joined(separator: "; "))
    }

    /// Pods have addresses of /32, so that their packets are routed and not bridged: it need not be there, and does no
    /// harm.
    private func bridgeFilter() -> Finding {
        let path = "/proc/sys/net/bridge/bridge-nf-call-iptables"
        guard let value = try? FileAccess.readText(path) else {
            return Finding("br_netfilter", .ok, "not loaded; it is not needed")
        }
        return Finding("br_netfilter", .ok, "loaded, bridge-nf-call-iptables is \(value); it is not needed")
    }
}

extension NetworkFlags {
    /// What an instance has that is started without any flag.
    static var defaults: NetworkFlags? { try? NetworkFlags.parse([]) }
}
