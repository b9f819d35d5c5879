import InternetAddress
import LinuxKernel

/// What keeps a node from having its network on a machine: nil where nothing does.
extension BridgeMark {
    var familyProblem: RuntimeError? {
        guard pods.contains(where: { $0.family == .v6 }), !FileAccess.exists("/proc/sys/net/ipv6/conf/all") else {
            return nil
        }
        return RuntimeError(
            .sandbox, step: "cidr", object: text,
            message: "the pod CIDR asks for IPv6, which this kernel does not have; start the node without it")
    }

    /// - Parameter link: the device that has the bridge's name.
    func problem(of link: RouteMessage.Link) -> RuntimeError? {
        // A start that was cut short has not written the mark yet.
        let isUnmarked = link.alias.isEmpty && link.hardwareAddress == PodNetwork.bridgeHardwareAddress(pods)
        let other = BridgeMark(link.alias)
        if link.kind == "bridge", isUnmarked || other?.isSameNode(self) == true { return nil }
        let reason = other == nil ? "was not made by minikube-lite" : "belongs to another node (\(link.alias))"
        return RuntimeError(
            .sandbox, step: "bridge", object: bridge,
            message: "the device \(bridge) \(reason); remove it or start the node with another --bridge")
    }

    /// - Parameter own: the index of the bridge.
    func problem(in host: HostNetwork, except own: Int32?) -> RuntimeError? {
        for (what, flag, ranges) in [("pod", "--pod-cidr", pods), ("service", "--service-cidr", services)] {
            for range in ranges {
                guard let other = host.overlap(with: range, except: own) else { continue }
                return RuntimeError(
                    .sandbox, step: "cidr", object: range.description,
                    message: """
                        the \(what) CIDR \(range) overlaps \(other.network) on \(other.device); start the node with another \
                        \(flag)
                        """)
            }
        }
        // A cluster address is on no device: two nodes that have the same would answer for each other's.
        for other in host.links.lazy.filter({ $0.index != own }).compactMap({ BridgeMark($0.alias) }) {
            for range in services {
                guard let taken = other.services.first(where: range.overlaps) else { continue }
                return RuntimeError(
                    .sandbox, step: "cidr", object: range.description,
                    message: """
                        the service CIDR \(range) overlaps \(taken) of another node (bridge \(other.bridge)); start the \
                        node with another --service-cidr
                        """)
            }
        }
        return nil
    }
}
