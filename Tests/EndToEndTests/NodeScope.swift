import Foundation
import NodeHarness
import Testing

extension Node {
    /// The node that the suite runs with.
    @TaskLocal static var current: Node?
}

/// Starts one node around a suite, and checks afterwards that nothing is left of it.
struct NodeScope: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let node = Node(flags: ["--cgroup-enforcement", "best-effort"])
        do {
            try await node.up()
            try await node.importImages()
            try await Node.$current.withValue(node) { try await function() }
        } catch {
            Issue.record("\(error)\n\(node.log)")
        }
        let left = try await node.remove()
        #expect(left.isEmpty, "the node has left things behind")
    }
}

extension Trait where Self == NodeScope {
    static var node: NodeScope { NodeScope() }
}
