import InternetAddress
import Testing

@testable import LinuxKernel
@testable import PodRuntime

@Suite struct RouteTableTests {
    let range = IPRange("10.99.0.0/16")!

    func table() -> RouteTable {
        RouteTable(family: .v4, name: "test", bridge: "br0", serviceRanges: [range])
    }

    func route(_ number: Int, backends: Int, udp: Bool = false) -> ServiceRoute {
        ServiceRoute(
            id: "ns/service-\(number):port/tcp", transport: udp ? .udp : .tcp,
            frontends: [
                .cluster(range.address(at: UInt128(number + 1))!, 80), .nodePort(UInt16(30_000 + number), .v4),
            ],
            backends: (0..<backends).map { backend($0, port: UInt16(1000 + number)) })
    }

    func backend(_ number: Int, port: UInt16) -> ServiceRoute.Backend {
        ServiceRoute.Backend(address: IPAddress("10.77.0.2")!.advanced(by: UInt128(number))!, port: port)
    }

    @Test(arguments: [1, 1000])
    func aChangeCostsWhatItChanges(services: Int) {
        var table = table()
        var first = RouteBatch(bridge: "br0")
        _ = table.change((0..<services).map { route($0, backends: 10) }, removed: [], in: &first)
        var batch = RouteBatch(bridge: "br0")
        let changes = table.change([route(0, backends: 9)], removed: ["unknown"], in: &batch)
        #expect(changes.count == 1)
        // The tenth backend is that of other services too, where there are any.
        let hairpin = services == 1 ? ["delete from nftables set hairpins"] : []
        #expect(
            batch.messages.map(\.purpose) == hairpin + [
                "empty nftables chain route-ns/service-0.port/tcp-\(hash(0))", "add nftables set __map%d",
                // One by the map, and one for packets that are between two rules.
                "add to nftables set __map%d", "route ns/service-0:port/tcp", "route ns/service-0:port/tcp",
            ])
        var again = RouteBatch(bridge: "br0")
        var same = route(0, backends: 9)
        same.backends.reverse()
        same.backends.append(same.backends[0])
        #expect(table.change([same], removed: [], in: &again).isEmpty && again.messages.isEmpty)
    }

    private func hash(_ number: Int) -> String {
        String(RouteNames("ns/service-\(number):port/tcp").route.split(separator: "-").last ?? "")
    }

    @Test func whatIsRemovedLeavesNothing() {
        var table = table()
        var batch = RouteBatch(bridge: "br0")
        var sticky = route(1, backends: 2)
        sticky.affinitySeconds = 10
        sticky.sourceRanges = [IPRange("192.0.2.0/24")!]
        _ = table.change([sticky], removed: [], in: &batch)
        var removal = RouteBatch(bridge: "br0")
        _ = table.change([], removed: [sticky.id], in: &removal)
        let names = RouteNames(sticky.id)
        #expect(
            removal.messages.map(\.purpose) == [
                "delete from nftables set services", "delete from nftables set node-ports",
                "delete from nftables set hairpins", "delete nftables chain \(names.ranges)",
                "delete nftables chain \(names.outside)", "delete nftables chain \(names.route)",
                "delete nftables set \(names.affinity)",
            ])
        #expect(table.routes.isEmpty)
    }

    @Test func namesAreLegalAndApart() {
        let long = String(repeating: "x", count: 300)
        let ids = ["a/b:c/tcp", "a/b.c/tcp", "a/b c/tcp", "ä{};\n\"", "", long, long + "y"]
        let names = ids.map(RouteNames.init)
        #expect(Set(names.map(\.route)).count == ids.count)
        for name in names.flatMap({ [$0.route, $0.outside, $0.ranges, $0.affinity] }) {
            // NFT_CHAIN_MAXNAMELEN has been 128 with its NUL.
            #expect(name.utf8.count < 128)
            #expect(name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/.-".contains($0)) }, "\(name)")
        }
    }

    @Test func onlyOnesOwnFamilyIsRouted() {
        var mixed = route(1, backends: 2)
        mixed.backends.append(ServiceRoute.Backend(address: IPAddress("fd00::1")!, port: 1))
        mixed.frontends.append(.external(IPAddress("2001:db8::1")!, 80))
        mixed.sourceRanges = [IPRange("2001:db8::/32")!]
        let route = mixed.normalised(.v4)
        #expect(route.backends.count == 2 && route.frontends.count == 2)
        // Not: everybody.
        #expect(route.sourceRanges == [IPRange("0.0.0.0/32")!])
        #expect(ServiceRoute(id: "", transport: .tcp, frontends: [.hostPort(nil, 1)], backends: []).family == nil)
    }
}

@Suite struct StaleFlowTests {
    let service = IPAddress("10.99.0.20")!
    let local: Set<IPAddress> = [IPAddress("192.0.2.1")!]

    func route(_ backends: [String], udp: Bool = true) -> ServiceRoute {
        ServiceRoute(
            id: "dns", transport: udp ? .udp : .tcp, frontends: [.cluster(service, 53), .nodePort(30053, .v4)],
            backends: backends.map { ServiceRoute.Backend(address: IPAddress($0)!, port: 53) })
    }

    func flow(_ destination: String, _ port: UInt16, answerer: String, _ answererPort: UInt16) throws -> ConnectionFlow
    {
        func tuple(_ source: String, _ sourcePort: UInt16, _ destination: String, _ port: UInt16) -> NetlinkMessage {
            var message = NetlinkMessage(type: 0, purpose: "", header: [])
            message.nested(1) {
                $0.attribute(1, IPAddress(source)!.bytes)
                $0.attribute(2, IPAddress(destination)!.bytes)
            }
            message.nested(2) {
                $0.attribute(1, [17])
                $0.attribute(2, [UInt8(sourcePort >> 8), UInt8(sourcePort & 0xff)])
                $0.attribute(3, [UInt8(port >> 8), UInt8(port & 0xff)])
            }
            return message
        }
        var message = NetlinkMessage(type: 0, purpose: "", header: [2, 0, 0, 0])
        message.attribute(1, tuple("10.77.0.9", 5000, destination, port).payload)
        message.attribute(2, tuple(answerer, answererPort, "10.77.0.9", 5000).payload)
        return try #require(
            ConnectionFlow(NetlinkReply(type: 256, flags: 0, sequence: 0, payload: message.payload)))
    }

    @Test func aFlowOfABackendThatHasLeftIsStale() throws {
        let stale = StaleFlows(after: [.init(old: route(["10.77.0.2", "10.77.0.3"]), new: route(["10.77.0.3"]))])
        #expect(stale.contains(try flow("10.99.0.20", 53, answerer: "10.77.0.2", 53), local: local))
        #expect(stale.contains(try flow("192.0.2.1", 30053, answerer: "10.77.0.2", 53), local: local))
        #expect(!stale.contains(try flow("10.99.0.20", 53, answerer: "10.77.0.3", 53), local: local))
        // Straight to the backend, another service, another machine's port of that number.
        #expect(!stale.contains(try flow("10.77.0.2", 53, answerer: "10.77.0.2", 53), local: local))
        #expect(!stale.contains(try flow("10.99.0.21", 53, answerer: "10.77.0.2", 53), local: local))
        #expect(!stale.contains(try flow("198.51.100.1", 30053, answerer: "198.51.100.1", 30053), local: local))
        #expect(stale.queries.count == 2)
    }

    @Test func whatCannotMakeAFlowStaleIsNotLookedFor() {
        #expect(
            StaleFlows(after: [.init(old: route(["10.77.0.2"]), new: route(["10.77.0.2", "10.77.0.3"]))]).queries
                .isEmpty)
        #expect(StaleFlows(after: [.init(old: route(["10.77.0.2"], udp: false), new: nil)]).queries.isEmpty)
        #expect(StaleFlows(after: []).queries.isEmpty)
    }

    @Test func withoutKnowledgeWhatDisagreesIsStale() throws {
        let stale = StaleFlows(beside: [route(["10.77.0.2"])], serviceRanges: [IPRange("10.99.0.0/16")!])
        #expect(stale.contains(try flow("10.99.0.20", 53, answerer: "10.77.0.9", 53), local: local))
        #expect(!stale.contains(try flow("10.99.0.20", 53, answerer: "10.77.0.2", 53), local: local))
        #expect(stale.contains(try flow("10.99.0.77", 53, answerer: "10.77.0.9", 53), local: local))
        #expect(stale.contains(try flow("192.0.2.1", 30053, answerer: "192.0.2.1", 30053), local: local))
        #expect(!stale.contains(try flow("192.0.2.9", 30053, answerer: "192.0.2.9", 30053), local: local))
        #expect(stale.queries == [ConnectionFlow.Query(family: .v4, transport: 17)])
    }
}
