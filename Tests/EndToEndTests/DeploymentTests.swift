import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    @Suite struct Deployments {
        @Test func `a killed process comes back, and only that one`() async throws {
            let node = try EndToEnd.node()
            try await deploy(node)
            let before = try await EndToEnd.pods(node, "app=api")
            let victim = before[0]
            let pid = try #require(node.processes(ofPod: victim.uid).last)
            kill(pid, SIGKILL)
            try await eventually("the container was started again and is ready") {
                let pods = try await EndToEnd.pods(node, "app=api")
                let now = pods.first { $0.uid == victim.uid }
                return (now?.restarts == 1 && now?.isReady == true, "\(pods)")
            }
            let after = try await EndToEnd.pods(node, "app=api")
            for pod in before.dropFirst() {
                let same = after.first { $0.uid == pod.uid }
                #expect(same?.restarts == 0 && same?.containerID == pod.containerID)
            }
            #expect(try await request(victim.address)?.hasPrefix("myapp 1.4.2") == true)
            try await removeDeployment(node)
        }

        @Test func `scale up and down keeps the count`() async throws {
            let node = try EndToEnd.node()
            try await deploy(node, replicas: 1)
            for count in [4, 2, 0, 1] {
                let scaled = try await node.cli("scale", "deployment", "api-deployment", "--replicas", "\(count)")
                #expect(scaled.output == "deployment.apps/api-deployment scaled\n", "\(scaled)")
                try await eventually("\(count) replicas are ready, and no others there") {
                    let pods = try await EndToEnd.pods(node, "app=api")
                    return (pods.count == count && pods.allSatisfy(\.isReady), "\(pods)")
                }
            }
            try await removeDeployment(node)
        }

        @Test func `a new version rolls out, and undo brings the old one back`() async throws {
            let node = try EndToEnd.node()
            try await deploy(node)
            let set = try await node.cli("set", "image", "deployment/api-deployment", "api=myapp:1.4.3")
            #expect(set.output == "deployment.apps/api-deployment image updated\n", "\(set)")
            let status = try await node.cli("rollout", "status", "deployment/api-deployment", "--timeout", "60s")
            #expect(status.code == 0, "\(status)")
            try await expectVersion("1.4.3", node)

            let history = try await node.cli("rollout", "history", "deployment/api-deployment")
            #expect(history.lines.dropFirst(2).map { $0.prefix(1) } == ["1", "2"], "\(history)")
            let undo = try await node.cli("rollout", "undo", "deployment/api-deployment")
            #expect(undo.output == "deployment.apps/api-deployment rolled back\n", "\(undo)")
            #expect(try await node.cli("rollout", "status", "deployment/api-deployment", "--timeout", "60s").code == 0)
            try await expectVersion("1.4.2", node)
            try await removeDeployment(node)
        }

        private func expectVersion(_ version: String, _ node: Node) async throws {
            try await eventually("only version \(version) is left") {
                let pods = try await EndToEnd.pods(node, "app=api")
                return (pods.count == 3 && pods.allSatisfy { $0.image == "myapp:\(version)" }, "\(pods)")
            }
            for pod in try await EndToEnd.pods(node, "app=api") {
                let answer = try await request(pod.address) ?? "no answer"
                #expect(answer.hasPrefix("myapp \(version)\n"), "\(answer)")
            }
        }

        @Test func `a version that never becomes ready stops the rollout and the old replicas stay`() async throws {
            let node = try EndToEnd.node()
            try await deploy(node)
            let old = Set(try await EndToEnd.pods(node, "app=api").map(\.uid))
            let bad = try quickDeployment(image: "myapp:1.4.4", deadline: 3)
            #expect(try await node.cli("apply", "-f", "-", input: bad).code == 0)
            let status = try await node.cli("rollout", "status", "deployment/api-deployment", "--timeout", "60s")
            #expect(status.code == 1, "\(status)")
            #expect(status.errors == "error: deployment \"api-deployment\" exceeded its progress deadline\n")
            let pods = try await EndToEnd.pods(node, "app=api")
            #expect(Set(pods.filter(\.isReady).map(\.uid)) == old, "\(pods)")
            #expect(pods.count == 4 && pods.contains { $0.image == "myapp:1.4.4" && $0.phase == "Running" }, "\(pods)")
            #expect(try await node.cli("rollout", "undo", "deployment/api-deployment").code == 0)
            try await eventually("the old replicas are alone again") {
                let pods = try await EndToEnd.pods(node, "app=api")
                return (Set(pods.map(\.uid)) == old, "\(pods)")
            }
            try await removeDeployment(node)
        }

        @Test func `a version that crashes goes into CrashLoopBackOff and stops the rollout`() async throws {
            let node = try EndToEnd.node()
            try await deploy(node)
            #expect(try await node.cli("set", "image", "deployment/api-deployment", "api=myapp:1.4.5").code == 0)
            try await eventually("the new pod crashes, the old ones are ready") {
                let pods = try await EndToEnd.pods(node, "app=api")
                let crashing = pods.filter { $0.waitingReason == "CrashLoopBackOff" && $0.restarts > 0 }
                return (crashing.count == 1 && pods.filter(\.isReady).count == 3, "\(pods)")
            }
            let pods = try await EndToEnd.pods(node, "app=api")
            let pod = try #require(pods.first { $0.restarts > 0 })
            let logs = try await node.cli("logs", pod.name, "--previous")
            #expect(logs.output.contains("myapp 1.4.5: cannot start"), "\(logs)")
            try await removeDeployment(node)
        }

        @Test func `an image that is not there is named, with where it was looked for`() async throws {
            let node = try EndToEnd.node()
            #expect(try await node.cli("run", "absent", "--image", "nosuch:1.0").code == 0)
            try await eventually("the pod backs off") {
                let pods = try await EndToEnd.pods(node, "run=absent")
                return (["ErrImagePull", "ImagePullBackOff"].contains(pods.first?.waitingReason ?? ""), "\(pods)")
            }
            try await eventually("an event says so") {
                let events = try await node.cli("get", "events")
                return (events.output.contains("nosuch:1.0") && events.output.contains("/images"), "\(events)")
            }
            #expect(try await node.cli("delete", "pod", "absent", "--now").code == 0)
        }
    }
}
