import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    @Suite struct AgentDeath {
        @Test func `pods go on while the agent is dead, and it finds them again`() async throws {
            let node = try EndToEnd.node()
            try await deploy(node)
            let before = try await EndToEnd.pods(node, "app=api").sorted { $0.name < $1.name }
            let processesBefore = before.map { node.processes(ofPod: $0.uid) }
            kill(try node.agentProcess(), SIGKILL)
            for pod in before { #expect(try await request(pod.address)?.hasPrefix("myapp") == true) }
            // One ends while nobody looks: its exit has to be known afterwards.
            let victim = try #require(processesBefore[0].last)
            kill(victim, SIGKILL)

            try await node.up()
            try await eventually("the ended container was started again, once") {
                let pods = try await EndToEnd.pods(node, "app=api")
                let now = pods.first { $0.uid == before[0].uid }
                return (now?.restarts == 1 && pods.count == 3 && pods.allSatisfy(\.isReady), "\(pods)")
            }
            let after = try await EndToEnd.pods(node, "app=api").sorted { $0.name < $1.name }
            #expect(after.map(\.uid) == before.map(\.uid))
            for index in 1..<3 {
                #expect(node.processes(ofPod: after[index].uid) == processesBefore[index])
                #expect(after[index].containerID == before[index].containerID && after[index].restarts == 0)
            }
            let doctor = try await node.cli("doctor", "--root", node.root)
            #expect(doctor.output.contains("instance: the machine agrees with its facts"), "\(doctor)")
            try await removeDeployment(node)
        }

        @Test func `a second start is refused, or harmless in the background`() async throws {
            let node = try EndToEnd.node()
            let pid = try node.agentProcess()
            let foreground = try await node.cli("up", "--root", node.root)
            #expect(foreground.code == 1 && foreground.errors.contains("running already"), "\(foreground)")
            let background = try await node.cli("up", "--detach", "--root", node.root)
            #expect(background.code == 0 && background.output.contains("up already (process \(pid))"), "\(background)")
            #expect(try await node.cli("status", "--root", node.root).code == 0)
        }
    }
}
