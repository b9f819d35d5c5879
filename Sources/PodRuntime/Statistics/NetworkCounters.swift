import LinuxKernel

/// Counters of network devices over one netlink socket: no file of /sys is opened per pod.
///
/// Not for use by several threads at once: it belongs to the pool of one thread that samples.
final class NetworkCounters: Sendable {
    private let socket: NetlinkSocket

    init() throws(NetlinkError) { socket = try NetlinkSocket(.route) }

    /// What a pod has received and sent, from the host's end of its veth: what that receives, the pod has sent.
    func pod(device: String) -> NetworkStatistics? {
        guard let counters = find(RouteMessage.getLink(device)) else { return nil }
        return NetworkStatistics(
            interface: "eth0", receivedBytes: counters.sentBytes, sentBytes: counters.receivedBytes,
            receivedPackets: counters.sentPackets, sentPackets: counters.receivedPackets,
            receiveErrors: counters.sendErrors, sendErrors: counters.receiveErrors,
            receiveDropped: counters.sendDropped, sendDropped: counters.receiveDropped)
    }

    /// The device of the default route.
    func machine() -> NetworkStatistics? {
        guard
            let route = (try? socket.request([RouteMessage.listRoutes()]))?.lazy
                .compactMap(RouteMessage.Route.init).first(where: \.isDefault),
            let counters = find(RouteMessage.getLink(index: route.index))
        else { return nil }
        return NetworkStatistics(
            interface: counters.name, receivedBytes: counters.receivedBytes, sentBytes: counters.sentBytes,
            receivedPackets: counters.receivedPackets, sentPackets: counters.sentPackets,
            receiveErrors: counters.receiveErrors, sendErrors: counters.sendErrors,
            receiveDropped: counters.receiveDropped, sendDropped: counters.sendDropped)
    }

    /// Nil where there is no such device any more.
    private func find(_ message: NetlinkMessage) -> RouteMessage.LinkCounters? {
        (try? socket.request([message]))?.lazy.compactMap(RouteMessage.LinkCounters.init).first
    }
}
