import Foundation
import NodeHarness
import Testing

/// The laboratory on real limits: its answer against what is known of the program.
@Suite(.serialized, .timeLimit(.minutes(20)), .enabled(if: VirtualMachine.isHere, VirtualMachine.reason))
struct VMExperimentTests {
    /// examples/experiments/memory-floor.yaml: the program touches 48 MiB.
    @Test func theSmallestMemoryLimitIsFoundWithinFivePercent() async throws {
        try await Node.with([]) { node in
            try await node.importProgram("workload")
            let folder = "\(node.root)/memory-floor"
            let run = try await node.cli(
                "experiment", "run", "\(Node.repository)/examples/experiments/memory-floor.yaml", "--output", folder,
                "--root", node.root, deadline: .seconds(900))
            try run.requireSuccess()
            let trials = try Trial.read("\(folder)/results.csv")
            // Around the threshold a value may hold once and fail once: the answer is above all that failed.
            let died = try #require(trials.filter { $0.outcome == "oomKilled" }.map(\.limit).max(), "\(run)")
            let answer = try #require(
                trials.filter { $0.outcome == "completed" && $0.limit > died }.map(\.limit).min(), "\(run)")
            let allocation = 48.0 * 1_048_576
            #expect(answer >= allocation && answer <= allocation * 1.05, "\(run)")
            #expect(answer - died <= 1_048_576, "\(run)")
            for name in ["report.html", "report.md", "samples.csv"] {
                #expect(FileManager.default.fileExists(atPath: "\(folder)/\(name)"))
            }
            // Nothing of the trials is left in the API.
            let pods = try await node.kubectl("get", "pods", "--all-namespaces", "-o", "name")
            #expect(pods.output.isEmpty, "\(pods)")
        }
    }

    private struct Trial {
        var limit: Double
        var outcome: String

        /// The lines of results.csv; none of the columns that are read here is quoted.
        static func read(_ path: String) throws -> [Trial] {
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(whereSeparator: \.isNewline)
            let columns = lines.first?.split(separator: ",", omittingEmptySubsequences: false) ?? []
            guard let limit = columns.firstIndex(where: { $0.hasPrefix("memory.max") }),
                let outcome = columns.firstIndex(of: "outcome")
            else { throw Failure("\(path) has no such columns: \(columns)") }
            return try lines.dropFirst().map { line in
                let cells = line.split(separator: ",", omittingEmptySubsequences: false)
                guard let value = Double(cells[limit]) else { throw Failure("no number: \(line)") }
                return Trial(limit: value, outcome: String(cells[outcome]))
            }
        }
    }
}
