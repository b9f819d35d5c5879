import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    /// Every command of kubectl that the API serves, with an old and with a new kubectl.
    ///
    /// What they say is compared line by line with `Transcripts/VERSION/SCENARIO.txt`. With
    /// `MINIKUBE_LITE_RECORD_TRANSCRIPTS=1` in the environment the files are written instead: read what has changed in
    /// them before it is committed.
    ///
    /// Some lines still depend on what came first, so the suite runs where it is asked for (`make test-commands`), and is
    /// counted as skipped elsewhere.
    @Suite(
        .enabled(
            if: ProcessInfo.processInfo.environment.keys.contains {
                ["MINIKUBE_LITE_COMMANDS", "MINIKUBE_LITE_RECORD_TRANSCRIPTS"].contains($0)
            }, "transcripts of kubectl are compared by make test-commands"))
    struct Commands {
        /// How many scenarios run at once.
        private static let width = 4
        private static let records = ProcessInfo.processInfo.environment["MINIKUBE_LITE_RECORD_TRANSCRIPTS"] == "1"

        @Test(.enabled(if: KubectlVersion.oldest != nil, "no kubectl 1.20 (scripts/fetch-clients)"))
        func `every command with the oldest kubectl`() async throws {
            try await Self.runAll(try #require(KubectlVersion.oldest))
        }

        @Test(.enabled(if: KubectlVersion.newest != nil, "no kubectl 1.32 (scripts/fetch-clients)"))
        func `every command with the newest kubectl`() async throws {
            try await Self.runAll(try #require(KubectlVersion.newest))
        }

        private static func runAll(_ kubectl: KubectlVersion) async throws {
            let node = try EndToEnd.node()
            let scenarios = try Scenario.all()
            // Commands wait more than they compute.
            let unknown = try await withThrowingTaskGroup(of: [String].self) { group in
                var waiting = scenarios.together[...]
                var unknown: [String] = []
                for scenario in waiting.prefix(width) { group.addTask { try await run(scenario, kubectl, node) } }
                waiting = waiting.dropFirst(width)
                while let found = try await group.next() {
                    unknown += found
                    guard let scenario = waiting.popFirst() else { continue }
                    group.addTask { try await run(scenario, kubectl, node) }
                }
                for scenario in scenarios.alone { unknown += try await run(scenario, kubectl, node) }
                return unknown
            }
            try compareLacks(of: kubectl, with: unknown)
        }

        /// Answers the commands that the kubectl does not know.
        private static func run(_ scenario: Scenario, _ kubectl: KubectlVersion, _ node: Node) async throws -> [String]
        {
            let transcript = try await scenario.transcript(of: kubectl, on: node)
            let path = "\(Scenario.folder)/Transcripts/\(kubectl.minor)/\(scenario.name).txt"
            let text = transcript.lines.joined(separator: "\n") + "\n"
            if records {
                try text.write(toFile: path, atomically: true, encoding: .utf8)
            } else {
                let expected = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
                if let difference = Transcript.difference(expected: expected, found: transcript.lines) {
                    Issue.record("\(kubectl), \(scenario.name): the transcript differs\n\(difference)")
                }
            }
            return transcript.unknownToClient
        }

        /// `Lacks/VERSION.txt` names each command that a version does not have; one that it does not name is a failure.
        private static func compareLacks(of kubectl: KubectlVersion, with unknown: [String]) throws {
            let path = "\(Scenario.folder)/Lacks/\(kubectl.minor).txt"
            let found = Set(unknown).sorted()
            if records {
                let text = "# What kubectl \(kubectl.minor) itself does not know.\n"
                try (text + found.map { $0 + "\n" }.joined()).write(toFile: path, atomically: true, encoding: .utf8)
            } else {
                let listed = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
                    .filter { !$0.hasPrefix("#") }
                #expect(found == listed, "\(kubectl) lacks other commands than Lacks/\(kubectl.minor).txt says")
            }
        }
    }
}
