import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    @Suite(.enabled(if: hasKubectl, kubectlReason)) struct Examples {
        @Test func `the Deployment of the examples becomes ready as it is, with its initial delay`() async throws {
            let node = try EndToEnd.node()
            let file = "\(Node.repository)/examples/deployment.yaml"
            let began = ContinuousClock.now
            let applied = try await node.kubectl("apply", "-f", file)
            #expect(applied.output == "deployment.apps/api-deployment created\n", "\(applied)")

            // Its probe waits 5 s: what runs is not ready before.
            try await eventually(within: .seconds(4), "three pods run and none is ready") {
                let pods = try await EndToEnd.pods(node, "app=api")
                return (pods.count == 3 && pods.allSatisfy { $0.phase == "Running" && !$0.isReady }, "\(pods)")
            }
            let status = try await node.kubectl("rollout", "status", "deployment/api-deployment", "--timeout=60s")
            #expect(status.code == 0 && status.output.contains("successfully rolled out"), "\(status)")
            #expect(ContinuousClock.now - began >= .seconds(5))

            let addresses = try await EndToEnd.pods(node, "app=api").map(\.address)
            #expect(Set(addresses).count == 3, "\(addresses)")
            for address in addresses {
                let answer = try await request(address)
                #expect(answer?.hasPrefix("myapp 1.4.2\nhostname: api-deployment-") == true, "\(answer ?? "none")")
            }
            let again = try await node.kubectl("apply", "-f", file)
            #expect(again.output == "deployment.apps/api-deployment unchanged\n", "\(again)")
            let table = try await node.kubectl("get", "deployment", "api-deployment")
            #expect(table.lines.last?.contains("3/3") == true, "\(table)")
            try await removeDeployment(node)
        }

        @Test func `the Pod of the examples waits for its Secret and gets it`() async throws {
            let node = try EndToEnd.node()
            let file = "\(Node.repository)/examples/pod.yaml"
            #expect(try await node.kubectl("apply", "-f", file).code == 0)
            try await eventually("the pod says that its configuration cannot be made") {
                let pods = try await EndToEnd.pods(node, "app=api")
                return (pods.first?.waitingReason == "CreateContainerConfigError", "\(pods)")
            }
            let secret = try await node.kubectl(
                "create", "secret", "generic", "db-secret", "--from-literal=url=postgres://db")
            #expect(secret.code == 0, "\(secret)")
            try await eventually(within: .seconds(60), "the pod runs") {
                let pods = try await EndToEnd.pods(node, "app=api")
                return (pods.first?.phase == "Running", "\(pods)")
            }
            let pods = try await EndToEnd.pods(node, "app=api")
            let address = try #require(pods.first?.address)
            try await eventually("the server knows its database") {
                let answer = try await request(address) ?? "no answer"
                return (answer.contains("DATABASE_URL is set"), answer)
            }
            #expect(try await node.kubectl("delete", "-f", file).code == 0)
            #expect(try await node.kubectl("delete", "secret", "db-secret").code == 0)
            try await eventually("the pod is gone") {
                let pods = try await EndToEnd.pods(node, "app=api")
                return (pods.isEmpty, "\(pods)")
            }
        }
    }
}
