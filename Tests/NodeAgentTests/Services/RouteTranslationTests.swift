import InternetAddress
import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

@Suite struct RouteTranslationTests {
    private let translation = RouteTranslation(nodeName: "node")

    private func routes(
        _ service: KubernetesAPI.Service, _ slices: EndpointSlice..., leaving: [String] = [], gone: [String] = []
    ) -> [ServiceRoute] {
        var departures: [String: RouteTranslation.Departure] = [:]
        for uid in leaving { departures[uid] = .leaving }
        for uid in gone { departures[uid] = .gone }
        return translation.translate(service, slices: slices, departures: departures).routes
    }

    // MARK: Frontends

    @Test func aClusterAddress() {
        let routes = routes(.test(), .test([.test("10.244.0.3"), .test("10.244.0.2")]))
        #expect(
            routes == [
                ServiceRoute(
                    id: "default/web:80/tcp", transport: .tcp, frontends: [.cluster(.test("10.96.0.7"), 80)],
                    backends: [
                        ServiceRoute.Backend(address: .test("10.244.0.2"), port: 8080),
                        ServiceRoute.Backend(address: .test("10.244.0.3"), port: 8080),
                    ])
            ])
    }

    @Test func withoutEndpointsItIsThereAndRefuses() {
        let routes = routes(.test())
        #expect(routes.map(\.backends) == [[]])
        #expect(routes.map(\.frontends) == [[.cluster(.test("10.96.0.7"), 80)]])
    }

    @Test(arguments: ["None", "", "name"])
    func headlessAndExternalNamesHaveNoRoutes(_ kind: String) {
        let service = KubernetesAPI.Service.test {
            $0.spec.clusterIP = kind == "name" ? "" : kind
            $0.spec.clusterIPs = kind == "None" ? ["None"] : []
            if kind == "name" {
                $0.spec.type = .externalName
                $0.spec.externalName = "example.org"
            }
        }
        #expect(routes(service, .test([.test("10.244.0.2")])).isEmpty)
    }

    @Test(arguments: ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"])
    func othersServicesAreLeftAlone(_ label: String) {
        #expect(routes(.test { $0.metadata.labels = [label: ""] }, .test([.test("10.244.0.2")])).isEmpty)
    }

    @Test func aNodePort() {
        let service = KubernetesAPI.Service.test(ports: [.test("", 80, node: 30080)]) { $0.spec.type = .nodePort }
        #expect(routes(service).map(\.frontends) == [[.cluster(.test("10.96.0.7"), 80), .nodePort(30080, .v4)]])
        #expect(routes(service).map(\.keepsSource) == [false])
    }

    @Test func externalAddressesAndTheLoadBalancers() {
        let service = KubernetesAPI.Service.test(ports: [.test("", 80, node: 30080)]) {
            $0.spec.type = .loadBalancer
            $0.spec.externalIPs = ["192.0.2.9", "192.0.2.8", "2001:db8::8", "192.0.2.9"]
            $0.status.loadBalancer.ingress = ["192.0.2.1", "192.0.2.8"].map(Self.ingress)
        }
        #expect(
            routes(service).map(\.frontends) == [
                [
                    .cluster(.test("10.96.0.7"), 80), .external(.test("192.0.2.8"), 80),
                    .external(.test("192.0.2.9"), 80), .nodePort(30080, .v4), .external(.test("192.0.2.1"), 80),
                ]
            ])
    }

    private static func ingress(_ ip: String) -> LoadBalancerIngress {
        var ingress = LoadBalancerIngress()
        ingress.ip = ip
        return ingress
    }

    /// A balancer that ends connections itself must be reached, from inside too.
    @Test(arguments: [(LoadBalancerIPMode?.none, true), (.vip, true), (.proxy, false)])
    func theBalancersMode(_ mode: LoadBalancerIPMode?, _ isRouted: Bool) {
        let service = KubernetesAPI.Service.test {
            $0.spec.type = .loadBalancer
            $0.spec.loadBalancerClass = "example.org/own"
            var ingress = Self.ingress("192.0.2.1")
            ingress.ipMode = mode
            $0.status.loadBalancer.ingress = [ingress]
        }
        #expect(routes(service)[0].frontends.contains(.external(.test("192.0.2.1"), 80)) == isRouted)
    }

    /// A status that was left from another type leads nobody.
    @Test func onlyALoadBalancerHasIngress() {
        let service = KubernetesAPI.Service.test(ports: [.test("", 80, node: 30080)]) {
            $0.status.loadBalancer.ingress = [Self.ingress("192.0.2.1")]
        }
        #expect(routes(service).map(\.frontends) == [[.cluster(.test("10.96.0.7"), 80)]])
    }

    @Test func sourceRangesAreTheBalancersAlone() {
        let service = KubernetesAPI.Service.test(ports: [.test("", 80, node: 30080)]) {
            $0.spec.type = .loadBalancer
            $0.spec.externalIPs = ["192.0.2.9"]
            $0.spec.loadBalancerSourceRanges = ["203.0.113.7/24 ", "2001:db8::/32"]
            $0.status.loadBalancer.ingress = [Self.ingress("192.0.2.1")]
        }
        let routes = routes(service, .test([.test("10.244.0.2")]))
        #expect(routes.map(\.id) == ["default/web:80/tcp", "default/web:80/tcp/loadbalancer"])
        #expect(routes.map { $0.sourceRanges.map(\.description) } == [[], ["203.0.113.0/24"]])
        #expect(routes.map(\.targets) == [["10.244.0.2:8080"], ["10.244.0.2:8080"]])
        #expect(routes[1].frontends == [.external(.test("192.0.2.1"), 80)])
    }

    @Test(arguments: [["0.0.0.0/0", "10.0.0.0/8"], ["2001:db8::/32"], []])
    func noSourceRangesOfTheFamily(_ ranges: [String]) {
        let service = KubernetesAPI.Service.test {
            $0.spec.type = .loadBalancer
            $0.spec.loadBalancerSourceRanges = ranges
            $0.status.loadBalancer.ingress = [Self.ingress("192.0.2.1")]
        }
        #expect(routes(service).map(\.sourceRanges) == [[]])
    }

    // MARK: Ports

    @Test func portsFindTheirEndpointsByName() {
        let service = KubernetesAPI.Service.test(ports: [.test("http", 80), .test("metrics", 9090), .test("none", 1)])
        let routes = routes(
            service,
            .test(
                [.test("10.244.0.2")],
                ports: [.test("metrics", 9100), .test("http", 8080), .test("none", nil), .test("other", 5)]),
            // A named target port may have another number in other pods.
            .test([.test("10.244.0.3")], in: "web-2", ports: [.test("http", 8081)]))
        #expect(routes.map(\.id) == ["http", "metrics", "none"].map { "default/web:\($0)/tcp" })
        #expect(routes.map(\.targets) == [["10.244.0.2:8080", "10.244.0.3:8081"], ["10.244.0.2:9100"], []])
    }

    @Test func aPortWithoutANameIsThatOfNoName() {
        let routes = routes(.test(), .test([.test("10.244.0.2")], ports: [.test(nil, 8080), .test("x", 1)]))
        #expect(routes.map(\.targets) == [["10.244.0.2:8080"]])
    }

    /// What `kube-system/kube-dns` looks like; it is a service as all others.
    @Test func protocols() {
        let service = KubernetesAPI.Service.test(
            "kube-dns", addresses: ["10.96.0.10"],
            ports: [.test("dns", 53, .udp), .test("dns-tcp", 53, .tcp), .test("plain", 54, "")])
        let routes = routes(
            service,
            .test(
                [.test("10.244.0.1", node: nil)],
                ports: [.test("dns", 5353, .udp), .test("dns-tcp", 5353, .tcp), .test("plain", 5454, nil)]))
        #expect(
            routes.map(\.id) == [
                "default/kube-dns:dns/udp", "default/kube-dns:dns-tcp/tcp", "default/kube-dns:plain/tcp",
            ])
        #expect(routes.map(\.transport) == [.udp, .tcp, .tcp])
        #expect(routes.map(\.targets) == [["10.244.0.1:5353"], ["10.244.0.1:5353"], ["10.244.0.1:5454"]])
    }

    /// Equal names of different protocols are different ports.
    @Test func theProtocolCountsToo() {
        let routes = routes(
            .test(ports: [.test("dns", 53, .udp)]),
            .test([.test("10.244.0.2")], ports: [.test("dns", 53, .tcp)]))
        #expect(routes.map(\.targets) == [[]])
    }

    @Test func whatCannotBeRoutedIsTold() {
        let service = KubernetesAPI.Service.test(ports: [.test("s", 80, .sctp), .test("t", 81)]) {
            $0.spec.externalIPs = ["nowhere"]
        }
        let result = translation.translate(service, slices: [])
        #expect(result.routes.map(\.id) == ["default/web:t/tcp"])
        #expect(result.problems.map(\.reason) == ["UnsupportedProtocol", "InvalidAddress"])
        #expect(
            result.problems.first?.message
                == "port s (80) is not routed: protocol SCTP is not supported on this node")
    }

    // MARK: Families

    @Test func bothFamilies() {
        let service = KubernetesAPI.Service.test(
            addresses: ["10.96.0.7", "fd00:96::7"], ports: [.test("", 80, node: 30080)]
        ) {
            $0.spec.type = .nodePort
            $0.spec.externalIPs = ["2001:db8::8"]
        }
        let routes = routes(
            service, .test([.test("10.244.0.2")]), .test([.test("fd00:244::2")], in: "web-6", type: "IPv6"),
            .test([.test("web.example.org")], in: "web-name", type: "FQDN"))
        #expect(routes.map(\.id) == ["default/web:80/tcp", "default/web:80/tcp/v6"])
        #expect(
            routes.map(\.frontends) == [
                [.cluster(.test("10.96.0.7"), 80), .nodePort(30080, .v4)],
                [
                    .cluster(.test("fd00:96::7"), 80), .external(.test("2001:db8::8"), 80), .nodePort(30080, .v6),
                ],
            ])
        #expect(routes.map(\.targets) == [["10.244.0.2:8080"], ["fd00:244::2:8080"]])
    }

    // MARK: Affinity

    @Test(arguments: [(nil, 10800), (Int32(60), 60)])
    func affinity(_ timeout: Int32?, _ seconds: Int) {
        let service = KubernetesAPI.Service.test {
            $0.spec.sessionAffinity = .clientIP
            guard let timeout else { return }
            var clientIP = ClientIPConfig()
            clientIP.timeoutSeconds = timeout
            $0.spec.sessionAffinityConfig = SessionAffinityConfig()
            $0.spec.sessionAffinityConfig?.clientIP = clientIP
        }
        #expect(routes(service).map(\.affinitySeconds) == [seconds])
        #expect(routes(.test()).map(\.affinitySeconds) == [nil])
    }

    // MARK: Policies

    private static let spread = EndpointSlice.test([
        .test("10.244.0.2"), .test("10.0.0.9", node: "elsewhere"), .test("10.0.0.8", node: nil),
    ])
    private static let everywhere = ["10.0.0.8:8080", "10.0.0.9:8080", "10.244.0.2:8080"]
    private static let here = ["10.244.0.2:8080"]

    private static func exposed(
        _ inside: ServiceInternalTrafficPolicy?, _ outside: ServiceExternalTrafficPolicy
    ) -> KubernetesAPI.Service {
        .test(ports: [.test("", 80, node: 30080)]) {
            $0.spec.type = .nodePort
            $0.spec.internalTrafficPolicy = inside
            $0.spec.externalTrafficPolicy = outside
        }
    }

    @Test func policies() {
        let cluster = routes(Self.exposed(.cluster, .cluster), Self.spread)
        #expect(cluster.map(\.targets) == [Self.everywhere])
        #expect(cluster.map(\.keepsSource) == [false])

        let outside = routes(Self.exposed(nil, .local), Self.spread)
        #expect(outside.map(\.id) == ["default/web:80/tcp", "default/web:80/tcp/external"])
        #expect(outside.map(\.targets) == [Self.everywhere, Self.here])
        #expect(outside.map(\.keepsSource) == [false, true])
        #expect(outside.map(\.frontends) == [[.cluster(.test("10.96.0.7"), 80)], [.nodePort(30080, .v4)]])

        let inside = routes(Self.exposed(.local, .cluster), Self.spread)
        #expect(inside.map(\.targets) == [Self.here, Self.everywhere])
        #expect(inside.map(\.keepsSource) == [false, false])

        let both = routes(Self.exposed(.local, .local), Self.spread)
        #expect(both.map(\.targets) == [Self.here])
        #expect(both.map(\.keepsSource) == [true])
        #expect(both.map(\.frontends) == [[.cluster(.test("10.96.0.7"), 80), .nodePort(30080, .v4)]])
    }

    /// Dropped where another node might serve (health checks of a balancer find out), refused where nobody can.
    @Test func localWithoutLocalEndpoints() {
        let service = Self.exposed(nil, .local)
        let remote = routes(service, .test([.test("10.0.0.9", node: "elsewhere")]))
        #expect(remote.map(\.targets) == [["10.0.0.9:8080"], []])
        #expect(remote.map(\.keepsSource) == [false, true])
        let none = routes(service, .test([]))
        #expect(none.map(\.targets) == [[], []])
        #expect(none.map(\.keepsSource) == [false, false])
    }

    // MARK: Conditions

    /// ready, serving, terminating, whether it is used beside a ready one, whether it is used alone.
    @Test(
        arguments: [
            (true, nil, nil, true, true), (nil, nil, nil, true, true), (false, nil, nil, false, false),
            (false, true, true, false, true), (false, false, true, false, false), (false, true, false, false, false),
            // publishNotReadyAddresses.
            (true, true, true, true, true), (true, false, false, true, true),
        ] as [(Bool?, Bool?, Bool?, Bool, Bool)])
    func conditions(_ ready: Bool?, _ serving: Bool?, _ terminating: Bool?, _ beside: Bool, _ alone: Bool) {
        let endpoint = Endpoint.test("10.244.0.2", ready: ready, serving: serving, terminating: terminating)
        let with = routes(.test(), .test([endpoint, .test("10.244.0.3")]))
        #expect(with[0].targets.contains("10.244.0.2:8080") == beside)
        #expect(with[0].targets.contains("10.244.0.3:8080"))
        #expect(routes(.test(), .test([endpoint]))[0].targets == (alone ? ["10.244.0.2:8080"] : []))
    }

    /// The fallback looks at those that a policy lets in.
    @Test func theLastResortOfAPolicy() {
        let routes = routes(
            Self.exposed(nil, .local), .test([.ending("10.244.0.2"), .test("10.0.0.9", node: "elsewhere")]))
        #expect(routes.map(\.targets) == [["10.0.0.9:8080"], ["10.244.0.2:8080"]])
    }

    // MARK: Departures

    @Test func whoLeavesGetsNoMoreWhereOthersServe() {
        let slice = EndpointSlice.test([.test("10.244.0.2"), .test("10.244.0.3")])
        #expect(routes(.test(), slice, leaving: ["pod-10.244.0.2"])[0].targets == ["10.244.0.3:8080"])
        #expect(routes(.test(), slice, gone: ["pod-10.244.0.2"])[0].targets == ["10.244.0.3:8080"])
    }

    @Test func whoLeavesLastServesUntilItIsGone() {
        let slice = EndpointSlice.test([.test("10.244.0.2"), .test("10.244.0.3")])
        let all = ["pod-10.244.0.2", "pod-10.244.0.3"]
        #expect(routes(.test(), slice, leaving: all)[0].targets == ["10.244.0.2:8080", "10.244.0.3:8080"])
        #expect(routes(.test(), slice, leaving: [all[0]], gone: [all[1]])[0].targets == ["10.244.0.2:8080"])
        #expect(routes(.test(), slice, gone: all)[0].targets.isEmpty)
        // One that is not ready is nobody's last resort.
        #expect(
            routes(.test(), .test([.test("10.244.0.2", ready: false)]), leaving: all)[0].targets.isEmpty)
    }

    // MARK: Doubles

    @Test func whatStandsInSeveralSlicesCountsOnceAtItsBest() {
        let routes = routes(
            Self.exposed(nil, .local),
            .test([.test("10.244.0.2", node: nil), .test("10.244.0.2", ready: false)], in: "a"),
            .test([.test("10.244.0.2", ready: false), .ending("10.244.0.3")], in: "b"))
        #expect(routes.map(\.targets) == [Self.here, Self.here])
    }

    @Test func onlyTheFirstAddressOfAnEndpointCounts() {
        var endpoint = Endpoint.test("10.244.0.2")
        endpoint.addresses.append("10.244.0.9")
        var none = Endpoint.test("10.244.0.3")
        none.addresses = []
        #expect(routes(.test(), .test([endpoint, none]))[0].targets == Self.here)
    }

    @Test func theOrderOfSlicesDoesNotMatter() {
        let one = EndpointSlice.test([.test("10.244.0.2"), .test("10.244.0.4")], in: "a")
        let two = EndpointSlice.test([.test("10.244.0.3")], in: "b")
        #expect(routes(.test(), one, two) == routes(.test(), two, one))
    }

    // MARK: Host ports

    @Test func hostPorts() {
        let addresses = ["10.244.0.2", "fd00:244::2"].map(IPAddress.test)
        func route(
            _ address: String?, _ transport: KubernetesAPI.`Protocol` = .tcp
        ) -> [ServiceRoute] {
            RouteTranslation.hostPorts(
                of: "pod",
                [
                    HostPortClaim(
                        hostAddress: address.map(IPAddress.test), hostPort: 8080, containerPort: 80,
                        transport: transport)
                ],
                addresses: addresses)
        }
        #expect(route(nil).map(\.targets) == [["10.244.0.2:80"], ["fd00:244::2:80"]])
        #expect(route(nil).map(\.frontends) == [[.hostPort(nil, 8080)], [.hostPort(nil, 8080)]])
        #expect(route(nil).map(\.id) == ["hostport:pod:*:8080/tcp", "hostport:pod:*:8080/tcp/v6"])
        #expect(route("0.0.0.0").map(\.targets) == [["10.244.0.2:80"]])
        #expect(route("0.0.0.0").map(\.frontends) == [[.hostPort(nil, 8080)]])
        #expect(route("::").map(\.targets) == [["fd00:244::2:80"]])
        #expect(route("127.0.0.1", .udp).map(\.frontends) == [[.hostPort(.test("127.0.0.1"), 8080)]])
        #expect(route("127.0.0.1", .udp).map(\.transport) == [.udp])
        #expect(route(nil, .sctp).isEmpty)
    }

    @Test func hostPortsOfAPod() {
        let pod = Pod.test {
            var port = ContainerPort()
            port.containerPort = 80
            port.protocol = .tcp
            var host = port
            host.hostPort = 8080
            host.hostIP = "127.0.0.1"
            $0.spec.containers[0].ports = [port, host]
        }
        #expect(
            pod.hostPortClaims == [
                HostPortClaim(hostAddress: .test("127.0.0.1"), hostPort: 8080, containerPort: 80, transport: .tcp)
            ])
        var own = pod
        own.spec.hostNetwork = true
        #expect(own.hostPortClaims.isEmpty)
    }

    @Test func reasonsAreWhatPeopleFilterBy() {
        #expect(ServiceEventReason.failedToUpdateRouting == "FailedToUpdateRouting")
        #expect(ServiceEventReason.updatedRouting == "UpdatedRouting")
        #expect(ServiceEventReason.unsupportedProtocol == "UnsupportedProtocol")
        #expect(ServiceEventReason.invalidAddress == "InvalidAddress")
    }
}
