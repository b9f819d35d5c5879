import Foundation
import NodeHarness
import Testing

extension EndToEnd.Services {
    /// Rollouts under sustained load: no request may fail.
    @Suite struct Rollouts {
        /// Changes the Deployment while four kinds of clients send requests, and says what they counted.
        private func underLoad(
            _ lab: ServiceLab, port: Int, families: Int = 2, keepingAlive: Bool = true,
            _ change: () async throws -> Void
        ) async throws -> [LoadResult] {
            let address = try await lab.value("service", "web", path: "{.spec.clusterIP}")
            // New connections for each request, through the cluster's address from the node and the node port from
            // outside; kept-alive ones beside them. The pause leaves the node some of the two cores.
            var clients = [
                try lab.load(.node, address, 80, "-t", "2", "-p", "500"),
                try lab.load(.client, TestNetwork.nodeAddress, port, "-t", "2", "-p", "500"),
            ]
            if families == 2 {
                clients.append(try lab.load(.client, TestNetwork.nodeAddress6, port, "-t", "1", "-p", "1000"))
            }
            if keepingAlive {
                clients.append(try lab.load(.client, TestNetwork.nodeAddress, port, "-t", "2", "-k", "-p", "1000"))
            }
            let outcome: Result<Void, any Error>
            do {
                try await Task.sleep(for: .milliseconds(500))
                try await change()
                // What is wrong with the last switch shows after it.
                try await Task.sleep(for: .seconds(1))
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            var results: [LoadResult] = []
            for client in clients { results.append(try LoadResult(await client.stop())) }
            try outcome.get()
            return results
        }

        @Test func `five rollouts, scaling and a killed agent lose no request`() async throws {
            let lab = try lab()
            let manifest = ServiceLab.web("web", replicas: 3, nodePort: 30081)
            try await lab.apply(manifest)
            try await lab.rolledOut("web")
            let node = lab.node
            var total = 0
            var kept = 0
            var failed = 0

            func step(_ what: String, _ change: () async throws -> Void) async throws {
                let results = try await underLoad(lab, port: 30081, change)
                for result in results {
                    #expect(result.failed == 0 && result.requests > 100, "\(what): \(result)")
                    failed += result.failed
                }
                total += results.dropLast().map(\.requests).reduce(0, +)
                kept += results.last?.requests ?? 0
            }

            try await step("rolling update") {
                try await node.kubectl("set", "image", "deployment/web", "main=myapp:1.4.3").requireSuccess()
                try await lab.rolledOut("web")
            }
            try await step("rollback") {
                try await node.kubectl("rollout", "undo", "deployment/web").requireSuccess()
                try await lab.rolledOut("web")
            }
            try await step("restart") {
                try await node.kubectl("rollout", "restart", "deployment/web").requireSuccess()
                try await lab.rolledOut("web")
            }
            try await step("scaled up and down") {
                try await node.kubectl("scale", "deployment/web", "--replicas", "6").requireSuccess()
                try await lab.rolledOut("web")
                try await node.kubectl("scale", "deployment/web", "--replicas", "2").requireSuccess()
                try await EndToEnd.eventually("two pods are left") {
                    let pods = try await node.kubectl("get", "pods", "-l", "app=web", "-o", "name")
                    return (pods.lines.count == 2, "\(pods)")
                }
            }
            try await step("an update while the agent is killed") {
                try await node.kubectl("set", "image", "deployment/web", "main=myapp:1.4.3").requireSuccess()
                try await Task.sleep(for: .milliseconds(300))
                kill(try node.agentProcess(), SIGKILL)
                try await Task.sleep(for: .seconds(1))
                try await node.up()
                try await lab.rolledOut("web")
            }
            try await step("one replica is replaced") {
                try await node.kubectl("scale", "deployment/web", "--replicas", "1").requireSuccess()
                try await node.kubectl("set", "image", "deployment/web", "main=myapp:1.4.2").requireSuccess()
                try await lab.rolledOut("web")
            }
            #expect(total >= 20_000, "requests with a connection of their own")
            print("rollouts: \(total) requests with a new connection, \(kept) on kept ones, \(failed) failed")
            try await lab.remove(manifest)
        }

        @Test func `nginx with a preStop hook is restarted without a lost request`() async throws {
            let lab = try lab()
            let manifest = ServiceLab.web(
                "web", replicas: 2, image: "nginx", port: 80, nodePort: 30082,
                template: "lifecycle: {preStop: {sleep: {seconds: 1}}}")
            try await lab.apply(manifest)
            try await lab.rolledOut("web")
            // The image's nginx listens on IPv4 only.
            for _ in 0..<2 {
                let results = try await underLoad(lab, port: 30082, families: 1) {
                    try await lab.node.kubectl("rollout", "restart", "deployment/web").requireSuccess()
                    try await lab.rolledOut("web")
                }
                for result in results { #expect(result.failed == 0 && result.requests > 100, "\(result)") }
            }
            try await lab.remove(manifest)
        }

        @Test func `versions that never get ready or crash leave the old one serving, and undo brings it back`()
            async throws
        {
            let lab = try lab()
            let manifest = ServiceLab.web("web", replicas: 2, nodePort: 30083)
            try await lab.apply(manifest)
            try await lab.rolledOut("web")
            for image in ["myapp:1.4.4", "myapp:1.4.5"] {
                let results = try await underLoad(lab, port: 30083) {
                    try await lab.node.kubectl("set", "image", "deployment/web", "main=\(image)").requireSuccess()
                    let status = try await lab.node.kubectl("rollout", "status", "deployment/web", "--timeout", "60s")
                    #expect(status.code == 1 && status.errors.contains("exceeded its progress deadline"), "\(status)")
                    let ready = try await lab.value("deployment web", path: "{.status.readyReplicas}")
                    #expect(ready == "2")
                    try await lab.node.kubectl("rollout", "undo", "deployment/web").requireSuccess()
                    try await lab.rolledOut("web")
                }
                for result in results {
                    #expect(result.failed == 0 && result.requests > 100, "\(image): \(result)")
                    #expect(Array(result.servers.keys) == ["myapp/1.4.2"], "\(image): \(result)")
                }
            }
            try await lab.remove(manifest)
        }

        @Test func `a drained node answers what it has accepted`() async throws {
            let lab = try lab()
            let manifest = ServiceLab.web("web", replicas: 3, nodePort: 30084)
            try await lab.apply(manifest)
            try await lab.rolledOut("web")
            // With one node nobody is left to take over when the last pod is gone: what a drain may never do is to
            // break a request that a pod has taken, or to leave a client waiting. Refusals come only after that.
            let results = try await underLoad(lab, port: 30084, keepingAlive: false) {
                let drain = try await lab.node.kubectl(
                    "drain", "e2e", "--pod-selector", "app=web", "--delete-emptydir-data", "--timeout", "60s",
                    deadline: .seconds(70))
                #expect(drain.code == 0, "\(drain)")
            }
            for result in results {
                let failures = result.description.split(separator: "\n").filter { $0.hasPrefix("failed ") }
                #expect(failures.allSatisfy { $0.contains("step=connect error=\"Connection refused\"") }, "\(result)")
                #expect(result.requests > 100, "\(result)")
            }
            try await lab.node.kubectl("uncordon", "e2e").requireSuccess()
            try await lab.rolledOut("web")
            let address = try await lab.value("service", "web", path: "{.spec.clusterIP}")
            #expect(try await lab.get(.node, "http://\(address)/")?.hasPrefix("myapp") == true)
            try await lab.remove(manifest)
        }
    }
}
