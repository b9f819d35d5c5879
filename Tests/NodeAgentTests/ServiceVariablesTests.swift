import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct ServiceVariablesTests {
    private static func service(
        _ name: String, namespace: String = "default", _ address: String, _ ports: [(String, Int32, String)]
    ) -> KubernetesAPI.Service {
        var service = KubernetesAPI.Service()
        service.metadata.name = name
        service.metadata.namespace = namespace
        service.spec.clusterIP = address
        service.spec.ports = ports.map { name, number, transport in
            var port = ServicePort()
            port.name = name
            port.port = number
            port.protocol = .init(rawValue: transport)
            return port
        }
        return service
    }

    private static let kubernetes = service("kubernetes", "10.96.0.1", [("https", 443, "TCP")])

    private func variables(
        _ services: [KubernetesAPI.Service], namespace: String = "default", links: Bool? = true
    ) -> [String: String] {
        Dictionary(
            ServiceVariables(services, namespace: namespace, enableLinks: links).variables.map { ($0.name, $0.value) },
            uniquingKeysWith: { $1 })
    }

    @Test func `one service, all its variables`() {
        let service = Self.service("my-db", "10.96.3.7", [("sql", 5432, "TCP"), ("quick-ask", 53, "UDP")])
        #expect(
            variables([service]) == [
                "MY_DB_SERVICE_HOST": "10.96.3.7",
                "MY_DB_SERVICE_PORT": "5432",
                "MY_DB_SERVICE_PORT_SQL": "5432",
                "MY_DB_SERVICE_PORT_QUICK_ASK": "53",
                "MY_DB_PORT": "tcp://10.96.3.7:5432",
                "MY_DB_PORT_5432_TCP": "tcp://10.96.3.7:5432",
                "MY_DB_PORT_5432_TCP_PROTO": "tcp",
                "MY_DB_PORT_5432_TCP_PORT": "5432",
                "MY_DB_PORT_5432_TCP_ADDR": "10.96.3.7",
                "MY_DB_PORT_53_UDP": "udp://10.96.3.7:53",
                "MY_DB_PORT_53_UDP_PROTO": "udp",
                "MY_DB_PORT_53_UDP_PORT": "53",
                "MY_DB_PORT_53_UDP_ADDR": "10.96.3.7",
            ])
    }

    @Test func `an address of the second family is written in brackets`() {
        let variables = variables([Self.service("a", "fd00::1", [("", 80, "")])])
        #expect(variables["A_SERVICE_HOST"] == "fd00::1")
        #expect(variables["A_PORT"] == "tcp://[fd00::1]:80")
        #expect(variables["A_SERVICE_PORT_"] == nil)
    }

    @Test func `who is told of what`() {
        let own = Self.service("own", namespace: "team", "10.96.0.5", [("", 80, "TCP")])
        let other = Self.service("other", namespace: "else", "10.96.0.6", [("", 80, "TCP")])
        let headless = Self.service("headless", namespace: "team", "None", [("", 80, "TCP")])
        let outside = Self.service("outside", namespace: "team", "", [("", 80, "TCP")])
        let all = [Self.kubernetes, own, other, headless, outside]
        let names = Set(variables(all, namespace: "team").keys.map { $0.prefix { $0 != "_" } })
        #expect(names == ["KUBERNETES", "OWN"])
        #expect(Set(variables(all, namespace: "team", links: nil).keys).contains("OWN_SERVICE_HOST"))
        #expect(variables(all, namespace: "team", links: false).keys.allSatisfy { $0.hasPrefix("KUBERNETES_") })
        #expect(variables(all, namespace: "team", links: false)["KUBERNETES_SERVICE_PORT_HTTPS"] == "443")
        // One of the namespace's own that has the name of the API is like any other.
        let namesake = Self.service("kubernetes", namespace: "team", "10.96.0.9", [("", 80, "TCP")])
        #expect(variables([namesake], namespace: "team", links: false).isEmpty)
    }

    @Test func `a container may refer to them, and override them`() async throws {
        let services = FakeServices()
        services.put([Self.kubernetes, Self.service("db", "10.96.3.7", [("", 5432, "TCP")])])
        try await TestNode.run(services: services) { node in
            try await node.create(
                .test {
                    var url = EnvVar()
                    url.name = "URL"
                    url.value = "postgres://$(DB_SERVICE_HOST):$(DB_SERVICE_PORT)"
                    var port = EnvVar()
                    port.name = "DB_PORT"
                    port.value = "mine"
                    $0.spec.containers[0].env = [url, port]
                    $0.spec.containers[0].args = ["$(KUBERNETES_SERVICE_HOST)"]
                })
            try await node.api.pod("web") { $0.isReady }
            let configuration = try #require(node.runtime.configuration(of: "web"))
            let found = Dictionary(uniqueKeysWithValues: configuration.environment.map { ($0.name, $0.value) })
            #expect(found["URL"] == "postgres://10.96.3.7:5432")
            #expect(found["DB_PORT"] == "mine")
            #expect(found["DB_PORT_5432_TCP_ADDR"] == "10.96.3.7")
            #expect(configuration.args == ["10.96.0.1"])
        }
    }
}
