import InternetAddress
import KubernetesAPI
import Logging
import NIOPosix
import Testing

@testable import ClusterDNS

@Suite(.timeLimit(.minutes(1))) struct WholeResponder {
    private static let loopback = IPAddress(.v4, 0x7f00_0001)

    private static func namespace(_ name: String) -> Namespace {
        var namespace = Namespace()
        namespace.metadata.name = name
        return namespace
    }

    private static func service(_ name: String, clusterIP: String) -> KubernetesAPI.Service {
        var service = KubernetesAPI.Service()
        service.metadata.namespace = "default"
        service.metadata.name = name
        service.spec.clusterIP = clusterIP
        return service
    }

    /// Runs the responder beside `body`.
    private func run(
        _ api: MemoryAPI, upstreams: [ClusterDNSConfiguration.Upstream] = [],
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let dns = try ClusterDNS(
            configuration: ClusterDNSConfiguration(
                listenAddresses: [Self.loopback], listenPort: 0, serviceAddresses: [IPAddress(.v4, 0x0a60_000a)],
                ownRanges: [], upstreams: upstreams), client: APIClient(transport: api),
            logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await dns.run() }
            try await body()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    private func ask(_ name: String, port: Int32, _ type: RecordType = .a) async throws -> Message {
        let group = MultiThreadedEventLoopGroup.singleton
        var query = try TestServer.query(name, type)
        query.header.id = 9
        return try await UpstreamExchange(group: group).ask(
            query, of: .init(address: Self.loopback, port: UInt16(port)), within: .seconds(8))
    }

    @Test func `it is in the endpoints once it knows everything, and follows what changes`() async throws {
        let api = MemoryAPI()
        api.put(Self.namespace("default"))
        api.put(Self.service("web", clusterIP: "10.96.0.20"))
        api.hold("services")
        try await run(api) { () async throws in
            // The slices and namespaces are known, the services are not.
            for _ in 0..<20 { await Task.yield() }
            #expect(api.writes == 0)
            api.release()
            let slices = try await api.slices { !$0.isEmpty }
            let slice = try #require(slices.first)
            #expect(slice.metadata.namespace == "kube-system")
            #expect(slice.metadata.name == "kube-dns-ipv4")
            #expect(slice.metadata.labels["kubernetes.io/service-name"] == "kube-dns")
            #expect(slice.metadata.labels["endpointslice.kubernetes.io/managed-by"] == "cluster-dns.minikube-lite.io")
            #expect(slice.addressType == "IPv4")
            #expect(slice.endpoints.map(\.addresses) == [["127.0.0.1"]])
            #expect(slice.endpoints.map(\.conditions.ready) == [true])
            #expect(slice.ports.map(\.name) == ["dns", "dns-tcp"])
            #expect(slice.ports.map(\.protocol) == ["UDP", "TCP"])
            let port = try #require(slice.ports.first?.port)
            #expect(slice.ports.map(\.port) == [port, port])
            #expect(
                try await ask("web.default.svc.cluster.local", port: port).answers.map(ZoneFixture.text) == [
                    "10.96.0.20"
                ])
            // Until the change has come through, the old answer is right.
            api.put(Self.service("web", clusterIP: "10.96.0.21"))
            var answer = ""
            while answer != "10.96.0.21" {
                answer = try await ask("web.default.svc.cluster.local", port: port).answers.map(ZoneFixture.text)
                    .joined()
            }
        }
    }

    @Test func `what others do to its slice is put right, and a refusal is tried again`() async throws {
        let api = MemoryAPI()
        var stale = try #require(ServicePublisher.slices(addresses: [Self.loopback], port: 1).first)
        stale.endpoints = []
        stale.metadata.labels["keep"] = "me"
        let changed = stale
        api.put(changed)
        api.refuseWrites(3)
        try await run(api) { () async throws in
            let slices = try await api.slices { $0.first?.endpoints.isEmpty == false }
            #expect(slices.first?.ports.first?.port != 1)
            #expect(slices.first?.metadata.labels["keep"] == "me")
            api.remove("/endpointslices/kube-system/kube-dns-ipv4")
            _ = try await api.slices { !$0.isEmpty }
            api.put(changed)
            _ = try await api.slices { $0.first?.endpoints.isEmpty == false }
        }
    }

    @Test func `a slice for each family`() {
        let slices = ServicePublisher.slices(addresses: ZoneFixture.both, port: 53)
        #expect(slices.map(\.metadata.name) == ["kube-dns-ipv4", "kube-dns-ipv6"])
        #expect(slices.map(\.addressType) == ["IPv4", "IPv6"])
        #expect(slices.flatMap { $0.endpoints.flatMap(\.addresses) } == ["10.244.0.1", "fd00:10:244::1"])
    }

    @Test func `it never asks itself`() async throws {
        let api = MemoryAPI()
        let own = ClusterDNSConfiguration.Upstream(address: IPAddress(.v4, 0x0a60_000a))
        try await run(api, upstreams: [own, .init(address: Self.loopback)]) { () async throws in
            let port = try #require(try await api.slices { !$0.isEmpty }.first?.ports.first?.port)
            // At once: a question to itself would wait for the four seconds that it may take.
            let start = ContinuousClock.now
            #expect(try await ask("www.example.org", port: port).code == .serverFailure)
            #expect(ContinuousClock.now - start < .seconds(3.5))
        }
    }

    @Test(arguments: ["a..b", String(repeating: "a", count: 64)])
    func `a domain that is none is refused`(domain: String) {
        #expect(throws: ClusterDomainError.self) {
            try ClusterDNS(
                configuration: ClusterDNSConfiguration(
                    listenAddresses: [], clusterDomain: domain, serviceAddresses: [], ownRanges: [], upstreams: []),
                client: APIClient(transport: MemoryAPI()), logger: Logger(label: "test"))
        }
    }

    // MARK: What the API says

    @Test func `services as the zone has them`() {
        var service = Self.service("web", clusterIP: "10.96.0.20")
        #expect(ZoneService(service).kind == .cluster(ZoneFixture.addresses("10.96.0.20")))
        service.spec.clusterIPs = ["10.96.0.20", "fd00::20"]
        #expect(ZoneService(service).kind == .cluster(ZoneFixture.addresses("10.96.0.20", "fd00::20")))
        service.spec.clusterIP = "None"
        service.spec.clusterIPs = ["None"]
        #expect(ZoneService(service).kind == .headless)
        service.spec.type = .externalName
        service.spec.clusterIP = ""
        service.spec.externalName = "www.example.org."
        #expect(ZoneService(service).kind == .alias(DomainName("www.example.org")))
        service.spec.externalName = "a..b"
        #expect(ZoneService(service).kind == .alias(nil))
    }

    @Test func `slices as the zone has them`() throws {
        var slice = EndpointSlice()
        slice.metadata.namespace = "default"
        slice.metadata.name = "web-1"
        slice.addressType = "IPv4"
        slice.endpoints = [(true, "10.244.0.5"), (nil, "10.244.0.6"), (false, "10.244.0.7")].map { ready, address in
            var endpoint = Endpoint()
            endpoint.addresses = [address]
            endpoint.conditions.ready = ready
            return endpoint
        }
        var port = DiscoveryEndpointPort()
        port.name = "http"
        port.port = 8080
        slice.ports = [port, DiscoveryEndpointPort()]
        #expect(ZoneSlice(slice) == nil)
        slice.metadata.labels["kubernetes.io/service-name"] = "web"
        let facts = try #require(ZoneSlice(slice))
        #expect(facts.service == ServiceKey(namespace: "default", name: "web"))
        #expect(facts.endpoints.flatMap(\.addresses) == ZoneFixture.addresses("10.244.0.5", "10.244.0.6"))
        #expect(facts.ports == [.init(name: "http", transport: .tcp, number: 8080)])
        slice.addressType = "FQDN"
        #expect(ZoneSlice(slice) == nil)
    }
}
