import Foundation
import InternetAddress
import LinuxKernel
import Logging
import Testing

@testable import PodRuntime

/// A machine in a network namespace of its own, with the pods' network and the services' routing, and a client outside:
///
/// ```
///   client (192.0.2.2) ---- uplink (192.0.2.1) node [bridge] ---- pods, a namespace each
/// ```
final class RoutingNode: Sendable {
    let node: NetworkThread
    let client: NetworkThread
    let network: PodNetwork
    let router: ServiceRouter
    let directory: TemporaryDirectory
    static let bridge = "mlroute0"
    static let podRanges = [IPRange("10.77.0.0/24")!, IPRange("fd77::/64")!]
    static let serviceRanges = [IPRange("10.99.0.0/16")!, IPRange("fd99::/112")!]
    static let table = PodNetwork.tableName(of: bridge)
    /// The machine, as the client knows it.
    static let uplink = [IPAddress.Family.v4: IPAddress("192.0.2.1")!, .v6: IPAddress("2001:db8::1")!]
    static let outside = [IPAddress.Family.v4: IPAddress("192.0.2.2")!, .v6: IPAddress("2001:db8::2")!]

    private init() async throws {
        let node = try await NetworkThread()
        let directory = try TemporaryDirectory()
        self.node = node
        self.directory = directory
        client = try await NetworkThread()
        // Their threads are in the namespace that they are started in.
        network = try await node.run {
            try PodNetwork(bridge: Self.bridge, ranges: Self.podRanges, stateDirectory: directory.path + "/network")
        }
        try await network.setUpBridge()
        router = try await Self.makeRouter(node)
        try await node.command(
            """
            ip link add uplink type veth peer name eth0 netns \(client.id)
            ip addr add 192.0.2.1/24 dev uplink; ip addr add 2001:db8::1/64 dev uplink nodad; ip link set uplink up
            # Refusals are counted here, one after the other.
            echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
            """)
        try await client.command(
            """
            ip addr add 192.0.2.2/24 dev eth0; ip addr add 2001:db8::2/64 dev eth0 nodad; ip link set eth0 up
            ip route add default via 192.0.2.1; ip route add default via 2001:db8::1
            """)
    }

    static func makeRouter(_ node: NetworkThread) async throws -> ServiceRouter {
        try await node.run {
            var logger = Logger(label: "routing")
            logger.logLevel = .error
            return ServiceRouter(bridge: bridge, podRanges: podRanges, serviceRanges: serviceRanges, logger: logger)
        }
    }

    /// Nothing of it is left when this returns, in the namespace's nftables either.
    static func with(_ body: (RoutingNode) async throws -> Void) async throws {
        let routing = try await RoutingNode()
        do { try await body(routing) } catch {
            try? await routing.network.tearDown()
            throw error
        }
        try await routing.network.tearDown()
        let left = try await routing.node.command("nft list tables; ip -o link show")
        #expect(!left.contains(RoutingNode.table) && !left.contains(bridge), "\(left)")
    }

    /// A pod, with servers that answer with its name.
    func addPod(
        _ name: String, tcp: some Collection<UInt16> = [], udp: some Collection<UInt16> = []
    ) async throws -> RoutingPod {
        let thread = try await NetworkThread()
        let given = try await network.attach(id: name, netns: thread.namespace, podNetlink: thread.netlink)
        let (tcp, udp) = (Array(tcp), Array(udp))
        let servers = try await thread.run {
            try given.addresses.flatMap { address in
                [
                    try TestServer(name, .tcp, on: address, ports: tcp),
                    try TestServer(name, .udp, on: address, ports: udp),
                ]
            }
        }
        return RoutingPod(name: name, thread: thread, addresses: given.addresses, servers: servers)
    }

    /// Whether the node's table has something, as nft(8) shows it.
    func rules(_ family: String = "ip") async throws -> String {
        try await node.command("nft list table \(family) \(Self.table)")
    }
}

final class RoutingPod: Sendable {
    let name: String
    let thread: NetworkThread
    let addresses: [IPAddress]
    private let servers: [TestServer]

    init(name: String, thread: NetworkThread, addresses: [IPAddress], servers: [TestServer]) {
        self.name = name
        self.thread = thread
        self.addresses = addresses
        self.servers = servers
    }

    deinit { for server in servers { server.stop() } }

    func address(_ family: IPAddress.Family = .v4) -> IPAddress { addresses.first { $0.family == family }! }

    func backend(_ port: UInt16, _ family: IPAddress.Family = .v4) -> ServiceRoute.Backend {
        ServiceRoute.Backend(address: address(family), port: port)
    }
}
