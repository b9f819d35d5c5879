import InternetAddress
import KubernetesAPI
import NIOCore
import NIOPosix
import Testing

@testable import ClusterDNS

@Suite(.timeLimit(.minutes(2))) struct Server {
    @Test func `a name of the cluster, over UDP`() async throws {
        try await TestServer.run { (server, _) async throws in
            let reply = try await server.ask("wEb.default.svc.Cluster.local")
            #expect(reply.header.id == 77)
            #expect(reply.header.isAuthoritative && reply.header.recursionAvailable && reply.header.recursionDesired)
            #expect(reply.question?.name.description == "wEb.default.svc.Cluster.local.")
            #expect(reply.answers.map(\.name.description) == ["wEb.default.svc.Cluster.local."])
            #expect(reply.answers.map(ZoneFixture.text) == ["10.96.0.20"])
            #expect(reply.extended == nil)
        }
    }

    @Test func `EDNS is answered with EDNS, its options ignored, and other versions refused`() async throws {
        try await TestServer.run { (server, _) async throws in
            let reply = try await server.ask("web.default.svc.cluster.local", payload: 4096)
            #expect(reply.extended == ExtendedDNS(payloadSize: 1232))
            let newer = try await server.ask("web.default.svc.cluster.local", payload: 4096) {
                $0.extended?.version = 1
            }
            #expect(newer.code == .badVersion)
            #expect(newer.extended?.version == 0)
            #expect(newer.answers.isEmpty)
            let cookie = packet(
                """
                00 4d 01 00 00 01 00 00 00 00 00 01 03 'web 07 'default 03 'svc 07 'cluster 05 'local 00 00 01 00 01
                00 00 29 04 d0 00 00 00 00 00 0c 00 0a 00 08 01 02 03 04 05 06 07 08
                """)
            let withCookie = try await server.exchange(cookie)
            #expect(try MessageReader.read(try #require(withCookie)).answers.count == 1)
        }
    }

    @Test(arguments: [
        ("any type", RecordType.any, UInt16(1), ResponseCode.refused),
        ("a transfer", RecordType(rawValue: 252), 1, .refused),
        ("the class of Chaosnet", .txt, 3, .refused), ("any class", .a, 255, .refused),
    ])
    func `refused`(what: String, type: RecordType, questionClass: UInt16, code: ResponseCode) async throws {
        try await TestServer.run { (server, _) async throws in
            let reply = try await server.ask("web.default.svc.cluster.local", type) {
                $0.question?.questionClass = questionClass
            }
            #expect(reply.code == code)
            #expect(reply.answers.isEmpty)
        }
    }

    @Test(arguments: [
        ("00 4d 01 00 00 01 00 00 00 00 00 00 01 'a c0 0c 00 01 00 01", ResponseCode.formatError),
        ("00 4d 01 00 ff ff ff ff ff ff ff ff", .formatError),
        ("00 4d 01 00 00 00 00 00 00 00 00 00", .formatError),
        ("00 4d 01 00 00 01 00 00 00 00 00 00 03 'web 00 00 01 00 01 'garbage", .formatError),
        ("00 4d 28 00 00 01 00 00 00 00 00 00 03 'web 00 00 06 00 01", .notImplemented),
        ("00 4d 21 00 00 01 00 00 00 00 00 00 03 'web 00 00 06 00 01", .notImplemented),
    ])
    func `garbage with a header is answered, and the server goes on`(text: String, code: ResponseCode) async throws {
        try await TestServer.run { (server, _) async throws in
            let reply = try #require(try await server.exchange(packet(text)))
            let header = try #require(MessageHeader(reply))
            #expect(header.id == 77 && header.isResponse)
            #expect(header.code == code.rawValue)
            #expect(try await server.ask("web.default.svc.cluster.local").answers.count == 1)
        }
    }

    @Test(arguments: ["00 4d 81 80 00 01 00 00 00 00 00 00 03 'web 00 00 01 00 01", "00 4d 01", "ff"])
    func `no answer to an answer, nor to less than a header`(text: String) async throws {
        try await TestServer.run { (server, _) async throws in
            let reply = try await server.exchange(packet(text), within: .milliseconds(200))
            #expect(reply == nil)
            #expect(try await server.ask("web.default.svc.cluster.local").answers.count == 1)
        }
    }

    @Test func `ten thousand mutated packets, and the server goes on`() async throws {
        try await TestServer.run { (server, _) async throws in
            var mutator = Mutator(generator: SplitMix(state: 6))
            let channel = try await DatagramBootstrap(group: server.group)
                .connect(to: SocketAddress(ipAddress: "127.0.0.1", port: Int(server.port))).get()
            for _ in 0..<100 {
                for _ in 0..<100 { channel.write(ByteBuffer(bytes: mutator.next()), promise: nil) }
                channel.flush()
                #expect(try await server.ask("web.default.svc.cluster.local").answers.count == 1)
            }
            try await channel.close()
        }
    }

    @Test func `what is too long for UDP says so, and is whole over TCP`() async throws {
        try await TestServer.run { (server, _) async throws in
            let key = ServiceKey(namespace: "default", name: "many")
            var slice = EndpointSlice()
            slice.metadata.namespace = key.namespace
            slice.metadata.name = "many-1"
            slice.metadata.labels = ["kubernetes.io/service-name": key.name]
            slice.addressType = "IPv4"
            slice.endpoints = (0..<200).map { number in
                var endpoint = Endpoint()
                endpoint.addresses = ["10.244.0.\(number)"]
                return endpoint
            }
            var service = KubernetesAPI.Service()
            service.metadata.namespace = key.namespace
            service.metadata.name = key.name
            service.spec.clusterIP = "None"
            server.zone.take(.added(service))
            server.zone.take(.added(slice))
            for (payload, most) in [(nil, 512), (UInt16(100), 512), (900, 900), (1232, 1232), (4096, 1232)] {
                let query = try TestServer.query("many.default.svc.cluster.local", payload: payload)
                let reply = try #require(try await server.exchange(MessageWriter.write(query)))
                #expect(reply.count <= most && reply.count > most - 30)
                #expect(try MessageReader.read(reply).header.isTruncated)
            }
            let query = MessageWriter.write(try TestServer.query("many.default.svc.cluster.local"))
            let whole = try MessageReader.read(
                try #require(try await server.stream(TestServer.frame(query), count: 1).first))
            #expect(!whole.header.isTruncated)
            #expect(Set(whole.answers.map(\.data)).count == 200)
        }
    }

    @Test func `a connection carries many queries, and answers go before the end`() async throws {
        try await TestServer.run { (server, _) async throws in
            let bytes = try (0..<200).flatMap { number in
                TestServer.frame(
                    MessageWriter.write(try TestServer.query("web.default.svc.cluster.local", id: UInt16(number))))
            }
            let replies = try await server.stream(bytes, count: 1000, endsInput: true)
            #expect(replies.compactMap { MessageHeader($0)?.id } == Array(0..<200))
        }
    }

    @Test func `a connection with an impossible query ends`() async throws {
        try await TestServer.run { (server, _) async throws in
            #expect(try await server.stream([0xff, 0xff, 1, 2, 3], count: 1).isEmpty)
            // No header.
            #expect(try await server.stream([0, 2, 1, 2], count: 1).isEmpty)
        }
    }

    @Test func `an idle connection ends, also one that sends a byte now and then`() async throws {
        try await TestServer.run(idle: .milliseconds(100)) { (server, _) async throws in
            #expect(try await server.stream([], count: 1).isEmpty)
            #expect(try await server.stream([0, 30, 1], count: 1).isEmpty)
        }
    }

    @Test func `a connection too many is closed, and there is room again when one ends`() async throws {
        try await TestServer.run(maximumConnections: 2) { (server, _) async throws in
            let address = try SocketAddress(ipAddress: "127.0.0.1", port: Int(server.port))
            let query = MessageWriter.write(try TestServer.query("web.default.svc.cluster.local"))
            let first = try await ClientBootstrap(group: server.group).connect(to: address).get()
            let second = try await ClientBootstrap(group: server.group).connect(to: address).get()
            #expect(try await server.stream(TestServer.frame(query), count: 1).isEmpty)
            try await first.close()
            try await second.close()
            // The server hears of the ends in its own time.
            var replies: [[UInt8]] = []
            while replies.isEmpty { replies = try await server.stream(TestServer.frame(query), count: 1) }
            #expect(replies.count == 1)
        }
    }

    @Test func `before everything is known the cluster's names are a failure`() async throws {
        try await TestServer.run(isSynced: false, upstreams: [{ query, _ in [query.answered("192.0.2.1")] }]) {
            (server, _) async throws in
            #expect(try await server.ask("web.default.svc.cluster.local").code == .serverFailure)
            #expect(try await server.ask("none.default.svc.cluster.local").code == .serverFailure)
            #expect(try await server.ask("example.org").answers.map(ZoneFixture.text) == ["192.0.2.1"])
            server.zone.take(ReflectorEvent<Namespace>.synced([]))
            server.zone.take(ReflectorEvent<EndpointSlice>.synced([]))
            #expect(try await server.ask("web.default.svc.cluster.local").code == .serverFailure)
            server.zone.take(ReflectorEvent<KubernetesAPI.Service>.synced([]))
            #expect(try await server.ask("web.default.svc.cluster.local").code == .nameError)
        }
    }

    @Test func `a port that is taken is replaced by one that is free for both protocols`() async throws {
        try await TestServer.run { (server, _) async throws in
            for takesDatagrams in [true, false] {
                let taken =
                    takesDatagrams
                    ? try await DatagramBootstrap(group: server.group).bind(host: "127.0.0.1", port: 0).get()
                    : try await ServerBootstrap(group: server.group).bind(host: "127.0.0.1", port: 0).get()
                let port = UInt16(try #require(taken.localAddress?.port))
                let sockets = try await ListeningSockets.open(
                    [IPAddress(.v4, 0x7f00_0001)], port: port, on: server.group,
                    responder: Responder(zone: server.zone, forwarder: server.forwarder))
                #expect(sockets.port != port)
                #expect(sockets.port != 0)
                let other = TestServer(
                    group: server.group, forwarder: server.forwarder, zone: server.zone, sockets: sockets)
                #expect(try await other.ask("web.default.svc.cluster.local").answers.count == 1)
                let query = MessageWriter.write(try TestServer.query("web.default.svc.cluster.local"))
                #expect(try await other.stream(TestServer.frame(query), count: 1).count == 1)
                await sockets.close()
                try await taken.close()
            }
        }
    }

    @Test func `an address may come later, and both families have the same port`() async throws {
        try await TestServer.run { (server, _) async throws in
            // No machine has TEST-NET-1's (RFC 5737).
            let sockets = try await ListeningSockets.open(
                ["192.0.2.53", "::1"].compactMap { IPAddress($0) }, port: 0, on: server.group,
                responder: Responder(zone: server.zone, forwarder: server.forwarder))
            let query = try TestServer.query("web.default.svc.cluster.local")
            let reply = try await UpstreamExchange(group: server.group).ask(
                query, of: .init(address: try #require(IPAddress("::1")), port: sockets.port), within: .seconds(8))
            #expect(reply.answers.count == 1)
            await sockets.close()
        }
    }
}
