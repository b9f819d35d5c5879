import Foundation
import KubernetesAPI
import Testing

@testable import ControlPlane

/// What people see of Services with the real kubectl.
@Suite(.serialized, .enabled(if: TestCluster.hasKubectl, "no kubectl is installed"), .timeLimit(.minutes(2)))
struct KubectlServiceTests {
    @Test func exposeGetDescribe() async throws {
        try await TestCluster.run { cluster in
            func run(_ words: String) async throws -> String {
                let output = try await cluster.kubectl(words.split(separator: " ").map(String.init))
                #expect(output.status == 0, "\(words): \(output.err)")
                return output.out
            }
            _ = try await run("create deployment web --image=nginx --port=80")
            #expect(
                try await run("expose deployment web --port=80 --target-port=80 --type=NodePort").contains(
                    "service/web exposed"))
            for number in 2...5 { try await cluster.run("p\(number)", ip: "10.244.0.\(number)", ready: number != 5) }
            try await cluster.untilSlices("web", "four endpoints") {
                $0.lines == ["10.244.0.2 ++-", "10.244.0.3 ++-", "10.244.0.4 ++-", "10.244.0.5 ---"]
            }
            try await cluster.until(Endpoints.self, "the old form") { all in
                all.first { $0.metadata.name == "web" }?.subsets.first?.addresses.count == 3
            }
            let service = try await cluster.client.get(Service.self, "web", namespace: "default")
            let port = service.spec.ports[0].nodePort

            func columns(_ text: String) -> [[String]] {
                text.split(separator: "\n").map { line in
                    line.split(separator: " ", omittingEmptySubsequences: false).split(separator: "")
                        .map { $0.joined(separator: " ") }
                }
            }
            let services = try await columns(run("get svc web -o wide"))
            #expect(
                services == [
                    ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE", "SELECTOR"],
                    [
                        "web", "NodePort", service.spec.clusterIP, "<none>", "80:\(port)/TCP",
                        services.last?[5] ?? "", "app=web",
                    ],
                ])
            let endpoints = try await columns(run("get endpoints web"))
            #expect(endpoints.last?.prefix(2) == ["web", "10.244.0.2:80,10.244.0.3:80,10.244.0.4:80"])
            let slices = try await columns(run("get endpointslices -l kubernetes.io/service-name=web"))
            #expect(slices.first == ["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"])
            #expect(slices.last?[1...2] == ["IPv4", "80"])
            #expect(slices.last?[3].hasSuffix("+ 1 more...") == true)
            let description = try await run("describe svc web")
            for line in [
                "Type:                     NodePort", "IP Family Policy:         SingleStack",
                "IP Families:              IPv4", "IP:                       \(service.spec.clusterIP)",
                "NodePort:                 <unset>  \(port)/TCP", "Session Affinity:         None",
                "External Traffic Policy:  Cluster",
            ] {
                #expect(description.contains(line), "\(line)\nin\n\(description)")
            }
            #expect(description.contains("10.244.0.2:80"), "\(description)")

            #expect(try await run("get svc,ep,endpointslices").contains("endpointslice.discovery.k8s.io/web-"))
            _ = try await run("create service clusterip plain --tcp=5678:8080")
            _ = try await run("create service nodeport open --tcp=80:8080 --node-port=30123")
            _ = try await run("create service externalname far --external-name example.com")
            _ = try await run("create service loadbalancer wide --tcp=80")
            _ = try await run("expose deployment web --name=quiet --cluster-ip=None --port=80")
            let all = try await columns(run("get svc"))
            #expect(all.first { $0.first == "far" }?[1...4] == ["ExternalName", "<none>", "example.com", "<none>"])
            #expect(all.first { $0.first == "wide" }?[3] == "<pending>")
            #expect(all.first { $0.first == "quiet" }?[2] == "None")
            #expect(all.first { $0.first == "open" }?[4] == "80:30123/TCP")
            let taken = try await cluster.kubectl(
                ["create", "service", "nodeport", "second", "--tcp=80:8080", "--node-port=30123"])
            #expect(taken.err.contains("provided port is already allocated"), "\(taken.err)")
            let out = try await cluster.kubectl(
                ["create", "service", "nodeport", "second", "--tcp=80:8080", "--node-port=8080"])
            #expect(
                out.err.contains(
                    "provided port is not in the valid range. The range of valid ports is 30000-32767"), "\(out.err)")
            _ = try await run("delete svc web")
            _ = try await run("set selector service plain app=web")
            try await cluster.untilSlices("plain", "its pods") { $0.lines.count == 4 }
        }
    }

    /// `kubectl drain` evicts: the pod gets its grace period.
    @Test func drainEvictsWithGrace() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(Sample.node())
            _ = try await client.create(Sample.service())
            try await cluster.run("a", ip: "10.244.0.2")
            try await cluster.untilSlices("web", "ready") { $0.lines == ["10.244.0.2 ++-"] }
            async let drained = cluster.kubectl(["drain", "node", "--force", "--timeout=20s"])
            try await cluster.untilSlices("web", "on its way out") { $0.lines == ["10.244.0.2 -++"] }
            let pod = try await client.get(Pod.self, "a", namespace: "default")
            #expect(pod.metadata.deletionGracePeriodSeconds == 30)
            var now = DeleteOptions()
            now.gracePeriodSeconds = 0
            try await client.delete(Pod.self, "a", namespace: "default", options: now)
            let output = try await drained
            #expect(output.status == 0 && output.out.contains("node/node drained"), "\(output.out)\(output.err)")
        }
    }
}
