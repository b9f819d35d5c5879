import Foundation
import NodeHarness
import Testing

enum VirtualMachine {
    /// Set by scripts/vm-run in the machine that it boots.
    static let isHere = ProcessInfo.processInfo.environment["MINIKUBE_LITE_VM"] == "1"
    static let reason: Comment = "needs the controllers of cgroup v2: run by scripts/test-vm in a virtual machine"
}

extension Node {
    /// The node that the suite runs with.
    @TaskLocal static var current: Node?

    /// Runs a node with strict enforcement, and leaves nothing of it.
    static func with(_ flags: [String], _ body: (Node) async throws -> Void) async throws {
        // The machine is emulated: its first start takes longer than another's.
        let node = Node(flags: ["--timeout", "170s"] + flags)
        do {
            try await node.up()
            try await node.importProgram("payload")
            try await body(node)
        } catch {
            Issue.record("\(error)\n\(node.log)")
        }
        let left = try await node.remove()
        #expect(left.isEmpty, "the node has left things behind")
    }
}

/// One node around a suite.
struct StrictNode: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await Node.with([]) { node in try await Node.$current.withValue(node) { try await function() } }
    }
}
