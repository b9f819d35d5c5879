import Foundation
import InternetAddress
import KubernetesAPI
import Testing

@testable import ControlPlane

/// Services through the whole API: what they are given, what is kept, what is taken back.
@Suite(.timeLimit(.minutes(2))) struct ServiceAPITests {
    private static func service(
        _ name: String, type: ServiceType = .clusterIP, _ change: (inout Service) -> Void = { _ in }
    ) -> Service {
        var service = Service()
        service.metadata.name = name
        service.metadata.namespace = "default"
        service.spec.type = type
        var port = ServicePort()
        port.port = 80
        service.spec.ports = [port]
        change(&service)
        return service
    }

    private func problem(_ body: () async throws -> Void) async -> String {
        do {
            try await body()
            return ""
        } catch { return "\(error)" }
    }

    @Test func addressesAndPortsAreGivenOutAndTakenBack() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let made = try await client.create(Self.service("a", type: .nodePort))
            let address = try #require(IPAddress(made.spec.clusterIP))
            #expect(ControlPlaneConfiguration.defaultServiceRange.contains(address))
            #expect(made.spec.clusterIPs == [made.spec.clusterIP])
            #expect(made.spec.ipFamilies == [.iPv4] && made.spec.ipFamilyPolicy == .singleStack)
            let port = made.spec.ports[0].nodePort
            #expect((30000...32767).contains(port))

            var taken = await problem {
                _ = try await client.create(
                    Self.service("b") {
                        $0.spec.clusterIP = address.description
                    })
            }
            #expect(
                taken
                    == "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"\(address)\"]: "
                    + "failed to allocate IP \(address): provided IP is already allocated")
            taken = await problem {
                _ = try await client.create(Self.service("b", type: .nodePort) { $0.spec.ports[0].nodePort = port })
            }
            #expect(
                taken
                    == "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: \(port): "
                    + "provided port is already allocated")
            taken = await problem {
                _ = try await client.create(Self.service("b", type: .nodePort) { $0.spec.ports[0].nodePort = 80 })
            }
            #expect(
                taken
                    == "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in "
                    + "the valid range. The range of valid ports is 30000-32767")
            taken = await problem {
                _ = try await client.create(Self.service("b") { $0.spec.clusterIP = "192.0.2.1" })
            }
            #expect(
                taken.hasSuffix(
                    "failed to allocate IP 192.0.2.1: the provided IP (192.0.2.1) is not in the valid range. The range "
                        + "of valid IPs is 10.96.0.0/12"))

            // What is refused or only tried has taken nothing.
            _ = try await client.create(
                Self.service("b", type: .nodePort) { $0.spec.ports[0].nodePort = 30555 }, options: ["dryRun": "All"])
            taken = await problem {
                _ = try await client.create(
                    Self.service("b", type: .nodePort) {
                        $0.spec.ports[0].nodePort = 30555
                        $0.spec.sessionAffinity = "Odd"
                    })
            }
            #expect(taken.contains("spec.sessionAffinity"))
            _ = try await client.create(Self.service("b", type: .nodePort) { $0.spec.ports[0].nodePort = 30555 })

            try await client.delete(Service.self, "a", namespace: "default")
            let again = try await client.create(
                Self.service("c", type: .nodePort) {
                    $0.spec.clusterIP = address.description
                    $0.spec.ports[0].nodePort = port
                })
            #expect(again.spec.clusterIP == address.description)
        }
    }

    @Test func aTypeComesAndGoesWithWhatItHas() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let made = try await client.create(Self.service("a"))
            func patch(_ spec: JSONValue) async throws -> Service {
                try await client.patch(Service.self, "a", namespace: "default", .merge, ["spec": spec])
            }
            let open = try await patch(["type": "NodePort"])
            let port = open.spec.ports[0].nodePort
            #expect(port != 0 && open.spec.externalTrafficPolicy == .cluster)
            #expect(open.spec.clusterIP == made.spec.clusterIP)

            // A client that says nothing of what it was given keeps it.
            var plain = Self.service("a", type: .nodePort)
            plain.metadata.labels = ["x": "y"]
            let replaced = try await client.update(plain)
            #expect(replaced.spec.clusterIP == made.spec.clusterIP && replaced.spec.ports[0].nodePort == port)

            let balanced = try await patch(["type": "LoadBalancer", "externalTrafficPolicy": "Local"])
            #expect(balanced.spec.ports[0].nodePort == port && balanced.spec.healthCheckNodePort != 0)
            let closed = try await patch(["type": "ClusterIP"])
            #expect(closed.spec.ports[0].nodePort == 0 && closed.spec.healthCheckNodePort == 0)
            #expect(closed.spec.externalTrafficPolicy.isEmpty && closed.spec.allocateLoadBalancerNodePorts == nil)
            _ = try await client.create(Self.service("b", type: .nodePort) { $0.spec.ports[0].nodePort = port })

            let named = try await patch(["type": "ExternalName", "externalName": "example.com"])
            #expect(named.spec.clusterIPs.isEmpty && named.spec.clusterIP.isEmpty && named.spec.ipFamilies.isEmpty)
            _ = try await client.create(Self.service("c") { $0.spec.clusterIP = made.spec.clusterIP })
            let back = try await patch(["type": "ClusterIP", "externalName": nil])
            #expect(!back.spec.clusterIP.isEmpty && back.spec.clusterIP != made.spec.clusterIP)

            let changed = await problem { _ = try await patch(["clusterIP": "10.96.0.77"]) }
            #expect(
                changed
                    == "Service \"a\" is invalid: spec.clusterIPs[0]: Invalid value: [\"10.96.0.77\"]: may not change "
                    + "once set")
        }
    }

    @Test func tcpAndUDPOfOnePortShareTheNodePort() async throws {
        try await TestCluster.run { cluster in
            let made = try await cluster.client.create(
                Self.service("dns", type: .nodePort) { service in
                    service.spec.ports = [Protocol.udp, .tcp].map {
                        var port = ServicePort()
                        port.name = "dns-\($0.rawValue.lowercased())"
                        port.protocol = $0
                        port.port = 53
                        return port
                    }
                })
            #expect(made.spec.ports[0].nodePort == made.spec.ports[1].nodePort)
            #expect(made.spec.ports[0].nodePort != 0)
        }
    }

    /// A hundred at once, on a range of 62: each address once, the rest refused with a reason.
    @Test func manyAtOnceGetNothingTwice() async throws {
        try await TestCluster.run(serviceRanges: ["10.96.0.0/26"], nodePorts: 30000...30039) { cluster in
            let client = cluster.client
            let results = await withTaskGroup(of: Result<Service, any Error>.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let type: ServiceType = number % 2 == 0 ? .nodePort : .clusterIP
                        do {
                            return .success(try await client.create(Self.service("s\(number)", type: type)))
                        } catch { return .failure(error) }
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            let made = results.compactMap { try? $0.get() }
            let addresses = made.map(\.spec.clusterIP)
            let ports = made.flatMap(\.spec.ports).map(\.nodePort).filter { $0 != 0 }
            #expect(Set(addresses).count == addresses.count)
            #expect(Set(ports).count == ports.count)
            // 62 less the two of the cluster's own services.
            #expect(addresses.count <= 60 && ports.count <= 40)
            let refusals = results.compactMap { result -> String? in
                if case .failure(let error) = result { "\(error)" } else { nil }
            }
            #expect(!refusals.isEmpty)
            #expect(
                refusals.allSatisfy {
                    $0.hasSuffix("failed to allocate a serviceIP: range is full")
                        || $0.hasSuffix("failed to allocate a nodePort: range is full")
                }, "\(refusals.first ?? "")")
            // What was refused for its port has given its address back.
            var last = made.count
            while last < 60 {
                _ = try await client.create(Self.service("t\(last)"))
                last += 1
            }
        }
    }

    /// Twenty writers of one Service, each with a node port of its own: the one that is stored is taken, no other.
    @Test func concurrentUpdatesLeaveNothingBehind() async throws {
        try await TestCluster.run(nodePorts: 30000...30031) { cluster in
            let client = cluster.client
            _ = try await client.create(Self.service("a", type: .nodePort))
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<20 {
                    group.addTask {
                        _ = try? await client.patch(
                            Service.self, "a", namespace: "default", .merge,
                            ["spec": ["ports": [["port": 80, "nodePort": .integer(Int64(30010 + number))]]]])
                    }
                }
            }
            // 31 are free: as many as there are besides.
            for number in 0..<31 { _ = try await client.create(Self.service("b\(number)", type: .nodePort)) }
            let full = await problem { _ = try await client.create(Self.service("c", type: .nodePort)) }
            #expect(full.contains("range is full"))
        }
    }

    @Test func aRestartForgetsNothing() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "minikube-lite-services-\(UUID().uuidString.prefix(8))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await TestCluster.run(in: directory) { cluster in
            _ = try await cluster.client.create(
                Self.service("a", type: .nodePort) {
                    $0.spec.clusterIP = "10.96.0.99"
                    $0.spec.ports[0].nodePort = 30999
                })
        }
        try await TestCluster.run(in: directory) { cluster in
            let address = await problem {
                _ = try await cluster.client.create(Self.service("b") { $0.spec.clusterIP = "10.96.0.99" })
            }
            #expect(address.hasSuffix("provided IP is already allocated"))
            let port = await problem {
                _ = try await cluster.client.create(
                    Self.service("b", type: .nodePort) { $0.spec.ports[0].nodePort = 30999 })
            }
            #expect(port.hasSuffix("provided port is already allocated"))
        }
    }

    @Test func families() async throws {
        try await TestCluster.run(serviceRanges: ["10.96.0.0/24", "fd00:96::/112"]) { cluster in
            let client = cluster.client
            let single = try await client.create(Self.service("single"))
            #expect(single.spec.ipFamilies == [.iPv4] && single.spec.clusterIPs.count == 1)
            let both = try await client.create(Self.service("both") { $0.spec.ipFamilyPolicy = .preferDualStack })
            #expect(both.spec.ipFamilies == [.iPv4, .iPv6] && both.spec.clusterIPs.count == 2)
            #expect(both.spec.clusterIPs[1].hasPrefix("fd00:96::"))
            let six = try await client.create(Self.service("six") { $0.spec.ipFamilies = [.iPv6] })
            #expect(six.spec.clusterIPs.count == 1 && six.spec.clusterIP.hasPrefix("fd00:96::"))
            let asked = try await client.create(Self.service("asked") { $0.spec.clusterIP = "fd00:96::77" })
            #expect(asked.spec.ipFamilies == [.iPv6])
            // A second family comes and goes.
            func patch(_ spec: JSONValue) async throws -> Service {
                try await client.patch(Service.self, "single", namespace: "default", .merge, ["spec": spec])
            }
            let grown = try await patch(["ipFamilyPolicy": "RequireDualStack"])
            #expect(grown.spec.clusterIPs.count == 2 && grown.spec.clusterIP == single.spec.clusterIP)
            let shrunk = try await patch(["ipFamilyPolicy": "SingleStack"])
            #expect(shrunk.spec.clusterIPs == single.spec.clusterIPs && shrunk.spec.ipFamilies == [.iPv4])
            _ = try await client.create(Self.service("heir") { $0.spec.clusterIP = grown.spec.clusterIPs[1] })
            // Headless and without selector: its author knows.
            let free = try await client.create(Self.service("free") { $0.spec.clusterIP = "None" })
            #expect(free.spec.ipFamilies == [.iPv4, .iPv6] && free.spec.ipFamilyPolicy == .requireDualStack)
        }
        try await TestCluster.run { cluster in
            let dual = await problem {
                _ = try await cluster.client.create(
                    Self.service("dual") { $0.spec.ipFamilyPolicy = .requireDualStack })
            }
            #expect(
                dual
                    == "Service \"dual\" is invalid: spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": "
                    + "this cluster is not configured for dual-stack services")
            let six = await problem {
                _ = try await cluster.client.create(Self.service("six") { $0.spec.ipFamilies = [.iPv6] })
            }
            #expect(six.hasSuffix("spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster"))
        }
    }
}
