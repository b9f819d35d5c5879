import Foundation
import InternetAddress
import KubernetesAPI
import Testing

@testable import ControlPlane

/// The Services that are there from the start, load balancers, and the API at its second address.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ClusterServicesTests {
    @Test func theAPIAndNamesHaveTheirAddresses() async throws {
        try await TestCluster.run(serviceRanges: ["10.97.0.0/24"]) { cluster in
            let client = cluster.client
            let api = try await client.get(Service.self, "kubernetes", namespace: "default")
            #expect(api.spec.clusterIP == "10.97.0.1" && api.spec.selector.isEmpty)
            #expect(api.spec.ports.map(\.name) == ["https"] && api.spec.ports.map(\.port) == [443])
            #expect(api.metadata.labels == ["component": "apiserver", "provider": "kubernetes"])
            let names = try await client.get(Service.self, "kube-dns", namespace: "kube-system")
            #expect(names.spec.clusterIP == "10.97.0.10")
            #expect(
                names.spec.ports.map { "\($0.name) \($0.port)/\($0.protocol)" } == ["dns 53/UDP", "dns-tcp 53/TCP"])
            #expect(names.metadata.labels["k8s-app"] == "kube-dns")
            try await cluster.until(Service.self, "the target port") { all in
                all.first { $0.metadata.name == "kubernetes" }?.spec.ports[0].targetPort
                    == .int(Int32(cluster.plane.port))
            }
            for (name, namespace) in [("kubernetes", "default"), ("kube-dns", "kube-system")] {
                let old = try await client.get(Service.self, name, namespace: namespace)
                try await client.delete(Service.self, name, namespace: namespace)
                try await cluster.until(Service.self, namespace: namespace, "\(name) again") { all in
                    all.contains {
                        $0.metadata.uid != old.metadata.uid && $0.metadata.name == name
                            && $0.spec.clusterIPs == old.spec.clusterIPs
                    }
                }
            }
            // Nobody else gets their addresses.
            let made = try await client.create(Sample.service("other"))
            #expect(!["10.97.0.1", "10.97.0.10"].contains(made.spec.clusterIP))
        }
    }

    @Test func theAPIsEndpointsAreTheGateways() async throws {
        let ranges = try ["10.97.0.0/24", "fd00:97::/112"].map { try #require(IPRange($0)) }
        let gateways = try ["10.244.0.1", "fd00:244::1"].map { try #require(IPAddress($0)) }
        let wanted = ClusterServices(ranges: ranges, gateways: gateways, port: 6443)
        try await ControllerTestbed.run(clusterServices: wanted) { cluster in
            func untilThere(_ what: String) async throws {
                try await cluster.api.until(what) { snapshot in
                    let endpoints = snapshot.one(Endpoints.self, "kubernetes")
                    guard let subset = endpoints?.subsets.first, subset.addresses.map(\.ip) == ["10.244.0.1"],
                        subset.ports.map(\.port) == [6443]
                    else { return false }
                    return snapshot.all(EndpointSlice.self).map { "\($0.metadata.name) \($0.addressType)" }
                        == ["kubernetes IPv4", "kubernetes-ipv6 IPv6"]
                        && snapshot.all(EndpointSlice.self).lines == ["10.244.0.1 +??", "fd00:244::1 +??"]
                }
            }
            try await untilThere("both families")
            let service = try #require(cluster.api.snapshot.one(Service.self, "kubernetes"))
            #expect(service.spec.clusterIPs == ["10.97.0.1", "fd00:97::1"])
            try await cluster.client.delete(EndpointSlice.self, "kubernetes-ipv6", namespace: "default")
            try await untilThere("the slice again")
            try await cluster.change(Endpoints.self, "kubernetes") { $0.subsets = [] }
            try await untilThere("the addresses again")
            try await cluster.client.delete(Endpoints.self, "kubernetes", namespace: "default")
            try await untilThere("the Endpoints again")
        }
    }

    @Test func theAPIAnswersAtTheGateway() async throws {
        try await TestCluster.run(gateways: ["127.0.0.78", "::1"]) { cluster in
            for host in ["127.0.0.78", "[::1]"] {
                var context = try Kubeconfig.load(path: cluster.kubeconfig)
                context.server = "https://\(host):\(cluster.plane.port)"
                // The certificate names the address, or there would be no answer.
                let transport = try HTTPSTransport(cluster: context)
                let namespaces = try await APIClient(transport: transport).list(Namespace.self).items
                #expect(namespaces.contains { $0.metadata.name == "default" })
                try await transport.shutdown()
            }
        }
    }

    @Test func theCertificateFollowsTheRanges() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "minikube-lite-names-\(UUID().uuidString.prefix(8))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func names() throws -> String {
            let text = try String(contentsOfFile: directory + "/pki/apiserver.crt", encoding: .utf8)
            return "\(try #require(Credential(certificate: text, key: "").parsed).extensions)"
        }
        try await TestCluster.run(in: directory) { _ in
            let present = try names()
            #expect(present.contains("IPAddress([10, 96, 0, 1])"))
        }
        try await TestCluster.run(
            in: directory,
            configured: {
                $0.serviceRanges = [IPRange("10.98.0.0/24")].compactMap { $0 }
                $0.clusterDomain = "example.test"
            }
        ) { cluster in
            let present = try names()
            #expect(present.contains("IPAddress([10, 98, 0, 1])"))
            #expect(present.contains("kubernetes.default.svc.example.test"))
            // The Services move to the new range.
            let api = try await cluster.client.get(Service.self, "kubernetes", namespace: "default")
            #expect(api.spec.clusterIP == "10.98.0.1")
        }
    }

    @Test func aLoadBalancerHasTheNodesAddress() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            var node = try await client.create(Sample.node())
            var address = NodeAddress()
            address.type = .internalIP
            address.address = "192.0.2.10"
            node.status.addresses = [address]
            node = try await client.updateStatus(node)
            func balanced(_ name: String) -> Service { Sample.service(name) { $0.spec.type = .loadBalancer } }
            func untilIngress(_ name: String, _ expected: [String]) async throws {
                try await cluster.until(Service.self, namespace: "default", "\(name) at \(expected)") { all in
                    all.contains { $0.metadata.name == name && $0.status.loadBalancer.ingress.map(\.ip) == expected }
                }
            }
            _ = try await client.create(balanced("a"))
            try await untilIngress("a", ["192.0.2.10"])
            let made = try await client.get(Service.self, "a", namespace: "default")
            #expect(made.status.loadBalancer.ingress[0].ipMode == .vip && made.spec.ports[0].nodePort != 0)
            // An address has each port once.
            _ = try await client.create(balanced("b"))
            try await cluster.until(Event.self, "why it waits") { events in
                events.contains { $0.involvedObject.name == "b" && $0.reason == "SyncLoadBalancerFailed" }
            }
            #expect(
                try await client.get(Service.self, "b", namespace: "default").status.loadBalancer.ingress.isEmpty)
            _ = try await client.patch(
                Service.self, "a", namespace: "default", .merge, ["spec": ["type": "ClusterIP"]])
            try await untilIngress("a", [])
            try await untilIngress("b", ["192.0.2.10"])
            node.status.addresses[0].address = "192.0.2.11"
            _ = try await client.updateStatus(try await client.get(Node.self, "node").with(node.status.addresses))
            try await untilIngress("b", ["192.0.2.11"])
        }
    }
}

extension Node {
    fileprivate func with(_ addresses: [NodeAddress]) -> Node {
        var node = self
        node.status.addresses = addresses
        return node
    }
}
