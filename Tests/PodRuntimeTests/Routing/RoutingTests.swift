import Foundation
import Glibc
import InternetAddress
import LinuxKernel
import Synchronization
import Testing

@testable import PodRuntime

/// Real connections through the kernel's rules, in network namespaces of the test's own.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct RoutingPrivilegedTests {
    static let service = [IPAddress.Family.v4: IPAddress("10.99.0.20")!, .v6: IPAddress("fd99::20")!]
    let cluster = Self.service[.v4]!
    static let families = IPAddress.Family.allCases

    func route(
        _ id: String, _ transport: Transport, _ frontends: [ServiceRoute.Frontend],
        _ backends: [ServiceRoute.Backend]
    ) -> ServiceRoute {
        ServiceRoute(id: id, transport: transport, frontends: frontends, backends: backends)
    }

    /// The time that a refusal takes, and which it is.
    func refusal(
        _ transport: Transport, _ address: IPAddress, _ port: UInt16, patience: Int = 2000
    ) -> (errno: Int32, milliseconds: Int64) {
        let start = Monotonic.nanoseconds()
        var code: Int32 = 0
        do { _ = try TestSocket.ask(transport, address, port, patience: patience) } catch let error as SystemError {
            code = error.errno
        } catch { code = -1 }
        return (code, (Monotonic.nanoseconds() - start) / 1_000_000)
    }

    @Test(arguments: Self.families)
    func connectionsAreSpreadEvenly(family: IPAddress.Family) async throws {
        try await RoutingNode.with { node in
            var pods: [RoutingPod] = []
            for index in 0..<5 { pods.append(try await node.addPod("pod\(index)", tcp: [8080])) }
            let service = Self.service[family]!
            try await node.router.replaceAll([
                route("default/web:http/tcp", .tcp, [.cluster(service, 80)], pods.map { $0.backend(8080, family) })
            ])
            let rounds = 2000
            for who in [pods[0].thread, node.node] {
                let counts = try await who.run {
                    var counts: [String: Int] = [:]
                    for _ in 0..<rounds { counts[try TestSocket.ask(service, 80).server, default: 0] += 1 }
                    return counts
                }
                #expect(counts.count == 5)
                let expected = Double(rounds) / 5
                let square = counts.values.reduce(0) { $0 + pow(Double($1) - expected, 2) / expected }
                // Chi-square with 4 degrees of freedom: more than 33 happens once in a million.
                #expect(square < 33, "\(counts)")
            }
        }
    }

    @Test(arguments: Self.families)
    func aPodReachesItselfThroughItsService(family: IPAddress.Family) async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("only", tcp: [8080], udp: [8080])
            let service = Self.service[family]!
            try await node.router.replaceAll([
                route("default/web:http/tcp", .tcp, [.cluster(service, 80)], [pod.backend(8080, family)]),
                route("default/web:http/udp", .udp, [.cluster(service, 80)], [pod.backend(8080, family)]),
            ])
            for transport in Transport.allCases {
                let answer = try await pod.thread.run { try TestSocket.ask(transport, service, 80) }
                #expect(answer.server == "only" && answer.client != pod.address(family).description)
            }
            // Others keep their address.
            let other = try await node.addPod("other")
            let answer = try await other.thread.run { try TestSocket.ask(service, 80) }
            #expect(answer.client == other.address(family).description)
        }
    }

    @Test(arguments: Self.families)
    func aNodePortIsOnEveryAddress(family: IPAddress.Family) async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("web", tcp: [8080], udp: [8080])
            let other = try await node.addPod("other")
            try await node.router.replaceAll(
                Transport.allCases.map {
                    route("default/web:\($0)", $0, [.nodePort(30080, family)], [pod.backend(8080, family)])
                })
            let uplink = RoutingNode.uplink[family]!
            let gateway = node.network.gateways.first { $0.family == family }!
            let loopback = IPAddress(family, family == .v4 ? 0x7f00_0001 : 1)
            for transport in Transport.allCases {
                for address in [uplink, gateway] {
                    for thread in [node.client, node.node, other.thread, pod.thread] {
                        let answer = try await thread.run { try TestSocket.ask(transport, address, 30080) }
                        #expect(answer.server == "web")
                    }
                }
                // Who connects from outside is hidden behind this machine; a pod is not.
                let fromOutside = try await node.client.run { try TestSocket.ask(transport, uplink, 30080).client }
                #expect(fromOutside == gateway.description)
                let fromPod = try await other.thread.run { try TestSocket.ask(transport, uplink, 30080).client }
                #expect(fromPod == other.address(family).description)
                if family == .v4 {
                    let answer = try await node.node.run { try TestSocket.ask(transport, loopback, 30080) }
                    #expect(answer.server == "web")
                }
            }
            // Another machine's port of that number is no business of ours.
            let beyond = try await node.client.run {
                try TestServer("beyond", on: RoutingNode.outside[family]!, ports: [30080])
            }
            let answer = try await other.thread.run { try TestSocket.ask(RoutingNode.outside[family]!, 30080) }
            #expect(answer.server == "beyond" && answer.client == uplink.description)
            beyond.stop()
        }
    }

    @Test(arguments: Self.families)
    func withoutBackendsConnectionsAreRefusedAtOnce(family: IPAddress.Family) async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("pod", tcp: [8080])
            let service = Self.service[family]!
            let unused = RoutingNode.serviceRanges.first { $0.family == family }!.address(at: 99)!
            let uplink = RoutingNode.uplink[family]!
            try await node.router.replaceAll(
                Transport.allCases.map {
                    route("default/web:\($0)", $0, [.cluster(service, 80), .nodePort(30080, family)], [])
                })
            for transport in Transport.allCases {
                for thread in [pod.thread, node.node, node.client] {
                    // Sending from this machine itself fails already.
                    let expected = transport == .udp && thread === node.node ? EPERM : ECONNREFUSED
                    // No backends, twice; no port of a service; no service.
                    let places = [(service, UInt16(80)), (uplink, 30080), (service, 81), (unused, 80)]
                    for (address, port) in places {
                        let (code, time) = try await thread.run { refusal(transport, address, port) }
                        #expect(code == expected && time < 100, "\(transport) \(address) \(port): \(code) \(time) ms")
                    }
                }
            }
            // It works as soon as there is one, and is refused again as soon as there is none.
            let id = "default/web:tcp"
            let frontends: [ServiceRoute.Frontend] = [.cluster(service, 80), .nodePort(30080, family)]
            try await node.router.update([route(id, .tcp, frontends, [pod.backend(8080, family)])], removed: [])
            #expect(try await pod.thread.run { try TestSocket.ask(service, 80).server } == "pod")
            #expect(try await node.client.run { try TestSocket.ask(uplink, 30080).server } == "pod")
            try await node.router.update([route(id, .tcp, frontends, [])], removed: [])
            #expect(try await pod.thread.run { refusal(.tcp, service, 80).errno } == ECONNREFUSED)
            try await node.router.update([], removed: [id])
            #expect(try await pod.thread.run { refusal(.tcp, service, 80).errno } == ECONNREFUSED)
            #expect(try await node.rules(family == .v4 ? "ip" : "ip6").contains("tcp") == true)
        }
    }

    @Test func sourcesAreKeptWhereTheyShouldBe() async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("pod", tcp: [8080])
            let external = IPAddress("203.0.113.7")!
            let uplink = RoutingNode.uplink[.v4]!
            let client = RoutingNode.outside[.v4]!
            var local = route(
                "default/web:http/tcp", .tcp, [.nodePort(30080, .v4), .external(external, 80)], [pod.backend(8080)])
            local.keepsSource = true
            try await node.router.replaceAll([local])
            for (address, port) in [(uplink, UInt16(30080)), (external, 80)] {
                let answer = try await node.client.run { try TestSocket.ask(address, port) }
                #expect(answer.server == "pod" && answer.client == client.description)
            }
            #expect(try await node.node.run { try TestSocket.ask(IPAddress("127.0.0.1")!, 30080).server } == "pod")
            // Without backends: dropped, not refused.
            local.backends = []
            try await node.router.update([local], removed: [])
            for (address, port) in [(uplink, UInt16(30080)), (external, 80)] {
                let (code, _) = try await node.client.run { refusal(.tcp, address, port, patience: 300) }
                #expect(code == EINPROGRESS || code == EAGAIN || code == ETIMEDOUT, "\(code)")
            }
            // The other policy hides it.
            local.backends = [pod.backend(8080)]
            local.keepsSource = false
            try await node.router.update([local], removed: [])
            let answer = try await node.client.run { try TestSocket.ask(external, 80) }
            #expect(answer.client == node.network.gateways[0].description)
            // Host ports keep it, whatever that says.
            let host = route("host", .tcp, [.hostPort(nil, 8088), .hostPort(uplink, 8089)], [pod.backend(8080)])
            try await node.router.update([host], removed: [])
            for port in [UInt16(8088), 8089] {
                let answer = try await node.client.run { try TestSocket.ask(uplink, port) }
                #expect(answer.server == "pod" && answer.client == client.description)
            }
            #expect(try await node.node.run { try TestSocket.ask(IPAddress("127.0.0.1")!, 8088).server } == "pod")
            #expect(try await node.node.run { refusal(.tcp, IPAddress("127.0.0.1")!, 8089).errno } == ECONNREFUSED)
        }
    }

    @Test func onlyAllowedSourcesReachExternalAddresses() async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("pod", tcp: [8080])
            let external = IPAddress("203.0.113.7")!
            var web = route(
                "default/web:http/tcp", .tcp, [.external(external, 80), .nodePort(30080, .v4), .cluster(cluster, 80)],
                [pod.backend(8080)])
            web.sourceRanges = [IPRange("198.51.100.0/24")!, IPRange("192.0.2.2/32")!]
            try await node.router.replaceAll([web])
            #expect(try await node.client.run { try TestSocket.ask(external, 80).server } == "pod")
            web.sourceRanges = [IPRange("198.51.100.0/24")!]
            try await node.router.update([web], removed: [])
            let (code, _) = try await node.client.run { refusal(.tcp, external, 80, patience: 300) }
            #expect(code == EINPROGRESS || code == EAGAIN || code == ETIMEDOUT, "\(code)")
            // Other frontends are open.
            #expect(try await node.client.run { try TestSocket.ask(RoutingNode.uplink[.v4]!, 30080).server } == "pod")
            #expect(try await pod.thread.run { try TestSocket.ask(cluster, 80).server } == "pod")
            web.sourceRanges = []
            try await node.router.update([web], removed: [])
            #expect(try await node.client.run { try TestSocket.ask(external, 80).server } == "pod")
        }
    }

    @Test(arguments: Self.families)
    func aSourceStaysWithItsBackend(family: IPAddress.Family) async throws {
        try await RoutingNode.with { node in
            var pods: [RoutingPod] = []
            for index in 0..<5 { pods.append(try await node.addPod("pod\(index)", tcp: [8080])) }
            let service = Self.service[family]!
            var web = route(
                "default/web:http/tcp", .tcp, [.cluster(service, 80)], pods.map { $0.backend(8080, family) })
            web.affinitySeconds = 1
            try await node.router.replaceAll([web])
            func ask(_ rounds: Int) async throws -> Set<String> {
                try await pods[0].thread.run {
                    Set(try (0..<rounds).map { _ in try TestSocket.ask(service, 80).server })
                }
            }
            let first = try await ask(50)
            #expect(first.count == 1)
            // Also through another run of the agent, and other changes of the service.
            let second = try await RoutingNode.makeRouter(node.node)
            try await second.replaceAll([web])
            #expect(try await ask(10) == first)
            var without = web
            without.backends.removeAll {
                first == ["pod\(pods.map { $0.address(family) }.firstIndex(of: $0.address)!)"]
            }
            try await second.update([without], removed: [])
            let next = try await ask(50)
            #expect(next.count == 1 && next != first)
            // The former one is forgotten, not waited for.
            try await second.update([web], removed: [])
            #expect(try await ask(50) == next)
            // Each connection begins the time anew; after it, any backend may be it.
            for _ in 0..<3 {
                try await Task.sleep(for: .milliseconds(600))
                #expect(try await ask(1) == next)
            }
            var others: Set<String> = []
            for _ in 0..<8 {
                try await Task.sleep(for: .milliseconds(1100))
                others.formUnion(try await ask(1))
            }
            // The chance of one and the same is 5^-7.
            #expect(others.count > 1)
            web.affinitySeconds = nil
            try await second.update([web], removed: [])
            #expect(try await ask(100).count == 5)
            #expect(try await !node.rules(family == .v4 ? "ip" : "ip6").contains("affinity-"))
        }
    }

    @Test func aFlowDoesNotFollowABackendThatHasLeft() async throws {
        try await RoutingNode.with { node in
            let first = try await node.addPod("first", udp: [53])
            let second = try await node.addPod("second", udp: [53])
            let bystander = try await node.addPod("bystander", udp: [53])
            let uplink = RoutingNode.uplink[.v4]!
            var dns = route(
                "kube-system/dns", .udp, [.cluster(cluster, 53), .nodePort(30053, .v4)], [first.backend(53)])
            try await node.router.replaceAll([dns])
            // One socket each, so that every datagram is of the same flow.
            let (cluster, bystanding) = (self.cluster, bystander.address())
            let inside = try await second.thread.run {
                let socket = try TestSocket(.udp, .v4)
                try socket.bind(second.address(), 4444)
                try socket.connect(cluster, 53)
                return socket
            }
            let outside = try await node.client.run {
                let socket = try TestSocket(.udp, .v4)
                try socket.bind(RoutingNode.outside[.v4]!, 4445)
                try socket.connect(uplink, 30053)
                return socket
            }
            let other = try await second.thread.run {
                let socket = try TestSocket(.udp, .v4)
                try socket.connect(bystanding, 53)
                return socket
            }
            func ask(_ socket: TestSocket) throws -> String {
                try socket.send("?")
                return try socket.answer().server
            }
            #expect(try ask(inside) == "first" && ask(outside) == "first" && ask(other) == "bystander")
            let before = try flows(try await node.node.run { try NetlinkSocket(.netfilter) })
            dns.backends = [second.backend(53)]
            try await node.router.update([dns], removed: [])
            #expect(try ask(inside) == "second" && ask(outside) == "second" && ask(other) == "bystander")
            let after = try flows(try await node.node.run { try NetlinkSocket(.netfilter) })
            #expect(before.filter { $0.destination == bystanding } == after.filter { $0.destination == bystanding })
            // The route's end ends the flow as well: the next datagram is refused.
            try await node.router.update([], removed: [dns.id])
            #expect(throws: SystemError.self) { try ask(inside) }

            // An agent that did not see the change finds the flow that does not agree with the routes.
            try await node.router.update([dns], removed: [])
            #expect(try ask(inside) == "second")
            dns.backends = [first.backend(53)]
            let later = try await RoutingNode.makeRouter(node.node)
            try await later.replaceAll([dns])
            #expect(try ask(inside) == "first" && ask(other) == "bystander")
        }
    }

    private func flows(_ socket: NetlinkSocket) throws -> [ConnectionFlow] {
        var flows: [ConnectionFlow] = []
        try socket.dump(ConnectionFlow.list(.init(family: .v4, transport: 17))) { reply in
            if let flow = ConnectionFlow(reply) { flows.append(flow) }
        }
        return flows
    }

    /// What a client sends again after its pod's end goes where the rules lead by then. The first SYN is lost on its way.
    @Test(arguments: Self.families)
    func aConnectionThatBeginsAsItsPodEndsIsLedToAnother(_ family: IPAddress.Family) async throws {
        try await RoutingNode.with { node in
            var first: RoutingPod? = try await node.addPod("first", tcp: [80])
            let second = try await node.addPod("second", tcp: [80])
            let uplink = RoutingNode.uplink[family]!
            var web = route(
                "default/web", .tcp, [.nodePort(30080, family)], [try #require(first).backend(80, family)])
            try await node.router.replaceAll([web])
            let answer = try await node.client.run { try TestSocket.ask(uplink, 30080) }
            #expect(answer.server == "first")

            try await first?.thread.command("ip link set eth0 down")
            async let waiting = node.client.run { try TestSocket.ask(uplink, 30080, patience: 10_000) }
            let netfilter = try await node.node.run { try NetlinkSocket(.netfilter) }
            let address = try #require(first).address(family)
            try await eventually {
                var isOnItsWay = false
                try netfilter.dump(ConnectionFlow.list(.init(family: family, answerer: address))) { reply in
                    if let flow = ConnectionFlow(reply), !flow.isOver, flow.answerer == address,
                        flow.destination == uplink
                    {
                        isOnItsWay = true
                    }
                }
                return isOnItsWay
            }
            web.backends = [second.backend(80, family)]
            try await node.router.update([web], removed: [])
            node.network.release("first")
            first = nil
            #expect(try await waiting.server == "second")
        }
    }

    @Test func aFlowToANodePortThatCameLaterIsLedToIt() async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("pod", udp: [53])
            let uplink = RoutingNode.uplink[.v4]!
            try await node.router.replaceAll([])
            let socket = try await node.client.run {
                let socket = try TestSocket(.udp, .v4)
                try socket.connect(uplink, 30053)
                return socket
            }
            try socket.send("?")
            #expect(throws: SystemError.self) { try socket.receive() }
            try await node.router.update(
                [route("dns", .udp, [.nodePort(30053, .v4)], [pod.backend(53)])], removed: [])
            try socket.send("?")
            #expect(try socket.answer().server == "pod")
        }
    }

    @Test func theLowestRouteHasAFrontendThatTwoClaim() async throws {
        try await RoutingNode.with { node in
            let a = try await node.addPod("a", tcp: [8080])
            let b = try await node.addPod("b", tcp: [8080])
            let external = IPAddress("203.0.113.7")!
            let second = route("ns/b", .tcp, [.external(external, 80)], [b.backend(8080)])
            try await node.router.replaceAll([second])
            let ask = { try await node.client.run { try TestSocket.ask(external, 80).server } }
            #expect(try await ask() == "b")
            try await node.router.update(
                [route("ns/a", .tcp, [.external(external, 80)], [a.backend(8080)])], removed: [])
            #expect(try await ask() == "a")
            try await node.router.update([], removed: ["ns/a"])
            #expect(try await ask() == "b")
            // A frontend changes hands in one transaction.
            try await node.router.update(
                [route("ns/c", .tcp, [.external(external, 80)], [a.backend(8080)])], removed: ["ns/b"])
            #expect(try await ask() == "a")
        }
    }

    @Test func podsDoNotReachWhatListensOnLoopback() async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("pod", tcp: [8080])
            try await node.router.replaceAll([])
            let secret = try await node.node.run {
                try TestServer("secret", on: IPAddress("127.0.0.1")!, ports: [9000])
            }
            try await pod.thread.command(
                """
                echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet
                ip addr del 127.0.0.1/8 dev lo
                ip route add 127.0.0.1/32 via \(node.network.gateways[0]) dev eth0 onlink src \(pod.address())
                """)
            let reach = {
                try await pod.thread.run { try TestSocket.ask(IPAddress("127.0.0.1")!, 9000, patience: 300).server }
            }
            await #expect(throws: SystemError.self) { try await reach() }
            // It is the guard that does this, not something else.
            try await node.node.command("nft flush chain ip \(RoutingNode.table) services-guard")
            #expect(try await reach() == "secret")
            try await node.router.replaceAll([])
            await #expect(throws: SystemError.self) { try await reach() }
            secret.stop()
        }
    }

    @Test func othersTablesAndTheMasqueradingAreLeftAlone() async throws {
        try await RoutingNode.with { node in
            let foreign = """
                table ip foreign {
                    map services { type ipv4_addr : verdict; elements = { 10.99.0.20 : drop } }
                    chain services-prerouting { type nat hook prerouting priority -50; tcp dport 1 dnat to 1.2.3.4; }
                }
                """
            try await node.node.command("nft -f -", input: foreign)
            let before = try await node.node.command("nft list table ip foreign")
            let masquerading = try await node.node.command("nft list chain ip \(RoutingNode.table) postrouting")
            let pod = try await node.addPod("pod", tcp: [8080])
            let web = route("default/web:http/tcp", .tcp, [.cluster(cluster, 80)], [pod.backend(8080)])
            for _ in 0..<3 { try await node.router.replaceAll([web]) }
            try await node.router.update([], removed: [web.id])
            #expect(try await node.node.command("nft list table ip foreign") == before)
            #expect(
                try await node.node.command("nft list chain ip \(RoutingNode.table) postrouting") == masquerading)
            #expect(masquerading.contains("masquerade"))
        }
    }

    @Test func anUpdateIsRefusedWhileNothingIsKnown() async throws {
        try await RoutingNode.with { node in
            let error = await #expect(throws: RuntimeError.self) { try await node.router.update([], removed: []) }
            #expect(error?.message.contains("all routes have to be set first") == true)
            // What the kernel refuses is named, what is in force stays, and everything can be said again.
            let pod = try await node.addPod("pod", tcp: [8080])
            let web = route("default/web:http/tcp", .tcp, [.cluster(cluster, 80)], [pod.backend(8080)])
            try await node.router.replaceAll([web])
            try await node.node.command(
                """
                nft delete element ip \(RoutingNode.table) services '{ \(cluster) . tcp . 80 }'
                """)
            let refused = await #expect(throws: RuntimeError.self) {
                try await node.router.update([], removed: [web.id])
            }
            #expect(refused?.message.contains("delete from nftables set services") == true)
            await #expect(throws: RuntimeError.self) { try await node.router.update([], removed: []) }
            try await node.router.replaceAll([web])
            #expect(try await pod.thread.run { try TestSocket.ask(cluster, 80).server } == "pod")
        }
    }

    @Test func anotherVersionsObjectsAreMadeAnew() async throws {
        try await RoutingNode.with { node in
            let pod = try await node.addPod("pod", tcp: [8080])
            let former = """
                table ip \(RoutingNode.table) {
                    chain route-x { drop; }
                    map services { type ipv4_addr : verdict; elements = { 10.99.0.20 : goto route-x } }
                    chain services-prerouting { type filter hook prerouting priority 7; ip daddr vmap @services; }
                }
                """
            try await node.node.command("nft -f -", input: former)
            try await node.router.replaceAll([
                route("default/web:http/tcp", .tcp, [.cluster(cluster, 80)], [pod.backend(8080)])
            ])
            #expect(try await pod.thread.run { try TestSocket.ask(cluster, 80).server } == "pod")
            #expect(try await !node.rules().contains("route-x"))
        }
    }

    @Test func nobodyNoticesThatRulesAreReplaced() async throws {
        try await RoutingNode.with { node in
            let pods = [try await node.addPod("a", tcp: [8080]), try await node.addPod("b", tcp: [8080])]
            let frontends: [ServiceRoute.Frontend] = [.cluster(cluster, 80), .nodePort(30080, .v4)]
            let web = route("default/web", .tcp, frontends, pods.map { $0.backend(8080) })
            let others = (0..<50).map {
                route(
                    "other/\($0)", .tcp, [.cluster(IPAddress(.v4, cluster.value + 1 + UInt128($0)), 80)], web.backends)
            }
            try await node.router.replaceAll([web] + others)
            let crowd = Crowd()
            let service = cluster
            async let inside = pods[0].thread.run { crowd.connect(service, 80) }
            async let outside = node.client.run { crowd.connect(RoutingNode.uplink[.v4]!, 30080) }
            for round in 0..<200 {
                var changed = web
                // One backend leaves the rules, and comes again; it goes on serving all the time.
                if round % 2 == 0 { changed.backends.removeLast() }
                try await node.router.update([changed], removed: [])
                try await node.router.replaceAll([web] + others)
                if round % 50 == 0 { try await RoutingNode.makeRouter(node.node).replaceAll([web] + others) }
            }
            crowd.isOver.store(true, ordering: .relaxed)
            for result in [try await inside, try await outside] {
                #expect(result.failed.isEmpty)
                #expect(result.made > 200)
            }
        }
    }

    @Test func eachOfManyServicesLeadsToItsOwnBackends() async throws {
        try await RoutingNode.with { node in
            let count = 200
            let ports = (0..<count).map { UInt16(10_000 + $0) }
            var pods: [RoutingPod] = []
            for index in 0..<10 { pods.append(try await node.addPod("\(index)/%", tcp: ports)) }
            let routes = (0..<count).map { index in
                route(
                    "many/\(index)", .tcp, [.cluster(address(index), 80), .nodePort(UInt16(31_000 + index), .v4)],
                    pods.map { $0.backend(ports[index]) })
            }
            try await node.router.replaceAll(routes)
            let wrong = try await pods[0].thread.run {
                var wrong: [String] = []
                for index in 0..<count {
                    let answers = try (0..<40).map { _ in try TestSocket.ask(address(index), 80).server }
                    // Fewer than five of ten in forty draws happens once in some 10^9.
                    if !answers.allSatisfy({ $0.hasSuffix("/\(ports[index])") }) || Set(answers).count < 5 {
                        wrong.append("service \(index): \(answers)")
                    }
                }
                return wrong
            }
            #expect(wrong.isEmpty)
            let fromOutside = try await node.client.run {
                try (0..<count).filter { index in
                    let answer = try TestSocket.ask(RoutingNode.uplink[.v4]!, UInt16(31_000 + index)).server
                    return !answer.hasSuffix("/\(ports[index])")
                }
            }
            #expect(fromOutside.isEmpty)
            // The time of one change, and that it is in force when that is over.
            var times: [Int64] = []
            for index in 0..<count {
                var changed = routes[index]
                changed.backends = [changed.backends[index % 10]]
                let start = Monotonic.nanoseconds()
                try await node.router.update([changed], removed: [])
                times.append(Monotonic.nanoseconds() - start)
                let answer = try await pods[0].thread.run { try TestSocket.ask(address(index), 80).server }
                #expect(answer == "\(index % 10)/\(ports[index])")
            }
            let median = Double(times.sorted()[count / 2]) / 1e6
            print("one change with \(count) services: median \(median) ms")
            #expect(median < 20)
        }
        @Sendable func address(_ index: Int) -> IPAddress { IPAddress("10.99.1.0")!.advanced(by: UInt128(index))! }
    }
}

/// Connects again and again until it is told to end.
private final class Crowd: Sendable {
    let isOver = Atomic<Bool>(false)

    func connect(_ address: IPAddress, _ port: UInt16) -> (made: Int, failed: [String]) {
        var (made, failed): (Int, [String]) = (0, [])
        while !isOver.load(ordering: .relaxed) {
            do { _ = try TestSocket.ask(address, port) } catch { failed.append("\(error)") }
            made += 1
        }
        return (made, failed)
    }
}
