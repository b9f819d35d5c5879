import InternetAddress
import KubernetesAPI
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct HostPortTests {
    private static func pod() -> Pod {
        .test {
            var port = ContainerPort()
            port.containerPort = 80
            port.hostPort = 8080
            port.protocol = .tcp
            $0.spec.containers[0].ports = [port]
        }
    }

    @Test func `host ports lead to the pod before its containers start`() async throws {
        let services = FakeServices()
        let claim = HostPortClaim(hostAddress: nil, hostPort: 8080, containerPort: 80, transport: .tcp)
        services.put(conflict: HostPortConflict(port: claim, holder: "uid-other"))
        try await TestNode.run(services: services) { node in
            try await node.create(Self.pod())
            let address = try #require(IPAddress("10.244.0.2"))
            try await services.wait(for: .claim("uid-web", [claim], [address]))
            #expect(
                await node.api.events("HostPortConflict").first?.message
                    == "host port *:8080/tcp is taken by the pod with uid uid-other")
            #expect(node.runtime.calls == [.startSandbox("uid-web")])
            // The other pod has ended.
            services.put(conflict: nil)
            await node.clock.sleeper(for: .seconds(1))
            node.clock.advance(by: .seconds(1))
            try await node.api.pod("web") { $0.isReady }
        }
    }

    @Test func `a pod on the host's network has its ports already`() {
        var pod = Self.pod()
        pod.spec.hostNetwork = true
        #expect(PodFacts(pod: pod, startTime: 0, backoffCap: .seconds(1)).hostPorts == .done)
        #expect(PodFacts(pod: Self.pod(), startTime: 0, backoffCap: .seconds(1)).hostPorts == .due)
    }
}
