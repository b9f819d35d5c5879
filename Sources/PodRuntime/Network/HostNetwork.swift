import InternetAddress
import LinuxKernel

/// What this machine's network is when the pods' is set up: its devices, addresses and routes.
struct HostNetwork {
    let links: [RouteMessage.Link]
    let addresses: [RouteMessage.Address]
    let routes: [RouteMessage.Route]

    init(_ socket: NetlinkSocket) throws(NetlinkError) {
        links = try socket.request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
        addresses = try socket.request([RouteMessage.listAddresses()]).compactMap(RouteMessage.Address.init)
        routes = try socket.request([RouteMessage.listRoutes()]).compactMap(RouteMessage.Route.init)
    }

    func name(_ index: Int32) -> String { links.first { $0.index == index }?.name ?? "device \(index)" }

    /// The first network of this machine that has addresses in common with a range.
    ///
    /// - Parameter own: the index of a device that does not count.
    func overlap(with range: IPRange, except own: Int32?) -> (network: IPRange, device: String)? {
        let connected = addresses.filter { $0.index != own }.map { ($0.network, $0.index) }
        let routed = routes.filter { $0.index != own && $0.destination.prefixLength > 0 && $0.table == 254 }
            .map { ($0.destination, $0.index) }
        return (connected + routed).first { range.overlaps($0.0) }.map { ($0.0, name($0.1)) }
    }

    /// The device of a family's default route.
    func uplink(_ family: IPAddress.Family) -> RouteMessage.Link? {
        routes.filter { $0.isDefault && $0.destination.family == family }.sorted { $0.metric < $1.metric }
            .lazy.compactMap { route in links.first { $0.index == route.index } }.first
    }

    /// The largest packet that leaves the machine whole, by the default routes of `families`; an Ethernet's where there
    /// are none.
    func mtu(_ families: [IPAddress.Family]) -> UInt32 {
        let mtu = min(families.compactMap { uplink($0)?.mtu }.min() ?? 1500, 65_535)
        // RFC 8200, section 5: without it a device has no IPv6.
        return families.contains(.v6) ? max(mtu, 1280) : mtu
    }

    /// Devices by which this machine has, or has learned of, an IPv6 router. Of no others: a container's device must not
    /// begin to believe what the container says.
    var routerDevices: [String] {
        let advertised: UInt8 = 9
        let indices = routes.filter { $0.destination.family == .v6 && ($0.isDefault || $0.origin == advertised) }
            .map(\.index)
        return links.filter { indices.contains($0.index) && $0.name != "lo" }.map(\.name)
    }
}
