import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    /// The official Python client, as scripts and operators use it: `Commands/Python/client.py`.
    @Suite struct PythonClient {
        private static let python = "\(Node.repository)/.build/python-client/bin/python"

        @Test(
            .enabled(
                if: FileManager.default.isExecutableFile(atPath: python), "no Python client (scripts/fetch-clients)"))
        func `objects, watches that go on, and every type of patch`() async throws {
            let node = try EndToEnd.node()
            let result = try await Command.run(
                "/usr/bin/env",
                ["timeout", "60", Self.python, "\(Scenario.folder)/Python/client.py", "python-client"],
                environment: ["KUBECONFIG": node.kubeconfig], deadline: .seconds(70))
            // It ends at the first thing that does not hold, and prints what has held before.
            #expect(result.code == 0 && result.lines.last == "done", "\(result)")
        }
    }
}
