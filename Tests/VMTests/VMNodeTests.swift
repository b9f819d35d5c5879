import Foundation
import NodeHarness
import Testing

extension Node {
    /// The node that the suite runs with.
    @TaskLocal static var current: Node?
}

/// A node with strict enforcement around a suite, and nothing left of it afterwards.
struct StrictNode: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let node = Node()
        do {
            try await node.up()
            try await node.importProgram("payload")
            try await Node.$current.withValue(node) { try await function() }
        } catch {
            Issue.record("\(error)\n\(node.log)")
        }
        let left = try await node.remove()
        #expect(left.isEmpty, "the node has left things behind")
    }
}

/// Real limits, as a user of kubectl meets them: each against the kernel's own files and what the workload could do.
@Suite(
    .serialized, .timeLimit(.minutes(20)),
    .enabled(
        if: ProcessInfo.processInfo.environment["MINIKUBE_LITE_VM"] == "1",
        "needs the controllers of cgroup v2: run by scripts/test-vm in a virtual machine"), StrictNode())
struct VMNodeTests {
    private func node() throws -> Node { try #require(Node.current) }

    @Test func overItsLimitAContainerIsKilledAndKubectlSaysWhy() async throws {
        let node = try node()
        try await node.run(LimitedPod("oom", ["touch", "64"], limits: ["memory": "24Mi"]))
        let pod = try await node.pod("oom") { $0.phase == "Failed" }
        #expect(pod.terminated("main")?["reason"] as? String == "OOMKilled")
        #expect(pod.terminated("main")?["exitCode"] as? Int == 137)
        try await node.delete("oom")
    }
}
