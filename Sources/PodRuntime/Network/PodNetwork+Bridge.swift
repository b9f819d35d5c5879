import Glibc
public import InternetAddress
public import LinuxKernel

extension PodNetwork {
    /// The chain of our table that is the pod network's; the others are routing's. No message here touches them.
    static let masqueradeChain = "postrouting"

    private var families: [IPAddress.Family] { ranges.map(\.family) }

    private var mark: BridgeMark { BridgeMark(bridge: bridge, pods: ranges, services: services) }

    private var sysctls: HostSysctls { HostSysctls(path: stateDirectory + "/sysctls.json") }

    /// Makes the bridge with its addresses, switches forwarding on and redirects off, and installs the masquerading.
    /// Harmless where all that is there already. Then begins to watch devices come and go.
    ///
    /// - Returns: what was changed on the host beyond our own objects, in words.
    /// - Throws: where a device of that name is not ours, or a range overlaps a network that the host is in, or another
    ///   node's services.
    @discardableResult
    public func setUpBridge() async throws -> [String] {
        try await workers.run { try self.setUpBridgeBlocking() }
    }

    private func setUpBridgeBlocking() throws -> [String] {
        try describing("bridge") {
            let socket = try NetlinkSocket(.route)
            let host = try HostNetwork(socket)
            let known = host.links.first { $0.name == bridge }
            if let problem = mark.familyProblem ?? known.flatMap(mark.problem(of:))
                ?? mark.problem(in: host, except: known?.index)
            {
                throw problem
            }
            if known == nil {
                try socket.request([
                    RouteMessage.addBridge(
                        bridge, hardwareAddress: Self.hardwareAddress(gateways[0]), mtu: host.mtu(families))
                ])
            }
            guard
                let link = try socket.request([RouteMessage.getLink(bridge)])
                    .lazy.compactMap(RouteMessage.Link.init).first
            else { throw NetlinkError(purpose: "find device \(bridge)", errno: ENODEV) }
            try socket.request([
                RouteMessage.setAlias(bridge, mark.text), RouteMessage.setUp(index: link.index, name: bridge),
            ])
            // Before the addresses: an IPv6 address is refused by a device that has IPv6 switched off.
            let changed = try sysctls.apply(
                bridge: bridge, families: families, uplinks: host.routerDevices)
            try setAddresses(socket, host, link.index)
            try installMasquerade()
            let monitor = try NetworkMonitor(owner: self)
            state.withLock {
                $0.bridgeIndex = link.index
                $0.monitor?.stop()
                $0.monitor = monitor
            }
            try followUplink()
            try resync()
            monitor.start()
            return changed
        }
    }

    /// What would keep a node from having such a network on this machine as it is now; empty where nothing does. Changes
    /// nothing. A bridge that is the node's own is no obstacle.
    public static func obstacles(
        bridge: String, ranges: [IPRange], services: [IPRange]
    ) throws(NetlinkError) -> [RuntimeError] {
        let mark = BridgeMark(bridge: bridge, pods: ranges, services: services)
        let host = try HostNetwork(NetlinkSocket(.route))
        let known = host.links.first { $0.name == bridge }
        return [
            mark.familyProblem, known.flatMap(mark.problem(of:)), mark.problem(in: host, except: known?.index),
        ].compactMap { $0 }
    }

    // MARK: Parts

    /// The bridge has exactly the gateways' addresses, beside its link-local one.
    private func setAddresses(_ socket: NetlinkSocket, _ host: HostNetwork, _ index: Int32) throws(NetlinkError) {
        let stale = host.addresses.filter {
            $0.index == index && !$0.address.isLinkLocal && !gateways.contains($0.address)
        }
        try socket.request(
            stale.map { RouteMessage.deleteAddress($0.address, prefixLength: $0.prefixLength, index: index) }
                + zip(gateways, ranges).map { gateway, range in
                    RouteMessage.addAddress(gateway, prefixLength: range.prefixLength, index: index)
                })
    }

    /// Gives the bridge, the host's ends of the pods' devices and all new pods the MTU of the default route's device. The
    /// far end of a device of a pod that is there already stays as it was made: nobody of ours is in its namespace. What
    /// it sends that is too large is answered by the host, as on any path (RFC 1191, RFC 8201).
    func followUplink() throws {
        let socket = try NetlinkSocket(.route)
        let host = try HostNetwork(socket)
        let mtu = host.mtu(families)
        state.withLock {
            $0.mtu = mtu
            $0.uplinks = Set(families.compactMap { host.uplink($0)?.index })
        }
        let ours = host.links.filter {
            ($0.name == bridge || $0.name.hasPrefix(devicePrefix)) && $0.mtu != mtu
        }
        // The bridge first: it is never smaller than what a pod sends.
        for link in ours.sorted(by: { $0.name == bridge && $1.name != bridge }) {
            try ignoring(ENODEV) {
                try socket.request([RouteMessage.setMTU(mtu, index: link.index, name: link.name)])
            }
        }
    }

    /// Our chain is made anew in one transaction with the table where there is none; the rest of the table is left alone.
    /// A family that pods do not have any more has no table either.
    private func installMasquerade() throws {
        let chain = Self.masqueradeChain
        try NetlinkSocket(.netfilter).commit(
            ranges.flatMap { range in
                [
                    TablesMessage.addTable(tableName, range.family),
                    TablesMessage.addPostroutingChain(chain, table: tableName, range.family),
                    TablesMessage.flushChain(chain, table: tableName, range.family),
                    TablesMessage.addMasquerade(source: range, unlessOut: bridge, chain: chain, table: tableName),
                ]
            })
        try deleteTables(except: families)
    }

    private func deleteTables(except kept: [IPAddress.Family]) throws {
        for family in IPAddress.Family.allCases where !kept.contains(family) {
            try ignoring(ENOENT) {
                try NetlinkSocket(.netfilter).commit([TablesMessage.deleteTable(tableName, family)])
            }
        }
    }

    // MARK: Tear down

    /// Removes the bridge, the pods' devices that are left, the nftables tables and, where no other node of ours is
    /// on this machine, gives the host its settings back. Idempotent.
    public func tearDown() async throws {
        state.withLock {
            $0.monitor?.stop()
            $0.monitor = nil
        }
        try await workers.run { try self.tearDownBlocking() }
    }

    private func tearDownBlocking() throws {
        try describing("bridge") {
            let socket = try NetlinkSocket(.route)
            let links = try socket.request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
            for link in links where link.name.hasPrefix(devicePrefix) {
                try ignoring(ENODEV) { try socket.request([RouteMessage.deleteLink(link.name)]) }
            }
            if let link = links.first(where: { $0.name == bridge }) {
                if let problem = mark.problem(of: link) { throw problem }
                try ignoring(ENODEV) { try socket.request([RouteMessage.deleteLink(bridge)]) }
            }
            try deleteTables(except: [])
            let others = links.contains { BridgeMark($0.alias) != nil && $0.name != bridge }
            sysctls.restore(othersRemain: others)
            try state.withLock { state in
                state.leaving = [:]
                state.vanished = []
                state.vanishedDue = nil
                for number in state.addresses.leases.keys { try state.addresses.free(number) }
            }
            try FileAccess.removeTree(stateDirectory)
        }
    }
}
