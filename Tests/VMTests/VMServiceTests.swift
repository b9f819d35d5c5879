import Foundation
import NodeHarness
import Testing

/// The routes of services on Debian's own kernel, where nothing passes the bridge's packets to the host's hooks.
@Suite(.serialized, .enabled(if: VirtualMachine.isHere, VirtualMachine.reason))
struct VMServiceTests {
    @Test func `services are routed without br_netfilter`() async throws {
        #expect(!FileManager.default.fileExists(atPath: "/proc/sys/net/bridge"), "br_netfilter is not loaded")
        let network = TestNetwork(name: "mklvm")
        try await network.make()
        let node = Node(flags: ["--timeout", "170s"], network: network)
        do {
            try await node.up()
            try await node.importImages()
            try await check(ServiceLab(node: node, network: network))
        } catch {
            Issue.record("\(error)\n\(node.log)")
        }
        let left = try await node.remove()
        #expect(left.isEmpty, "the node has left things behind")
        let rules = try await network.run(.node, "nft", "list", "ruleset")
        #expect(rules.code == 0 && rules.output.isEmpty, "\(rules)")
        try await network.remove()
    }

    private func check(_ lab: ServiceLab) async throws {
        let manifest =
            ServiceLab.web("web", replicas: 2, nodePort: 30090) + """
                apiVersion: v1
                kind: Service
                metadata: {name: empty}
                spec: {selector: {app: nobody}, ports: [{port: 80}]}
                ---

                """
        try await lab.apply(manifest)
        try await lab.rolledOut("web", seconds: 180)
        let clusters = try await lab.value("service web", path: "{.spec.clusterIPs[*]}").split(separator: " ")
        let empty = try await lab.value("service empty", path: "{.spec.clusterIP}")
        let uid = try await lab.value("pods -l app=web", path: "{.items[0].metadata.uid}")
        let pid = try #require(lab.node.processes(ofPod: uid).first)
        for cluster in clusters {
            let url = "http://\(cluster.contains(":") ? "[\(cluster)]" : "\(cluster)")/"
            #expect(try await lab.get(.node, url, seconds: 20)?.hasPrefix("myapp") == true, "\(url) from the node")
            // Of the pods behind the address one is who asks: both are met, itself over its own address.
            var hosts: Set<String> = []
            for _ in 0..<12 {
                let answer = try await Command.run(
                    "/usr/bin/env",
                    ["nsenter", "-t", "\(pid)", "-n", "--", "curl", "-sS", "-g", "--max-time", "20", url])
                #expect(answer.output.hasPrefix("myapp"), "\(url) from a pod: \(answer)")
                hosts.formUnion(answer.lines.filter { $0.hasPrefix("hostname:") })
            }
            #expect(hosts.count == 2, "\(hosts)")
        }
        for (place, url) in [
            (TestNetwork.Place.client, "http://\(TestNetwork.nodeAddress):30090/"),
            (.client, "http://[\(TestNetwork.nodeAddress6)]:30090/"), (.node, "http://127.0.0.1:30090/"),
        ] {
            #expect(try await lab.get(place, url, seconds: 20)?.hasPrefix("myapp") == true, "\(url) from \(place)")
        }
        let refused = try await Command.run(
            "/usr/bin/env",
            ["nsenter", "-t", "\(pid)", "-n", "--", "curl", "-sS", "--max-time", "10", "http://\(empty)/"])
        #expect(refused.code == 7, "\(refused)")
        try await lab.remove(manifest)
    }
}
