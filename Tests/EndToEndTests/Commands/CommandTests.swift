import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    /// Every command of kubectl that the API serves, with an old and with a new kubectl.
    ///
    /// What they say is compared line by line with `Transcripts/VERSION/SCENARIO.txt`. With
    /// `MINIKUBE_LITE_RECORD_TRANSCRIPTS=1` in the environment the files are written instead: read what has changed in
    /// them before it is committed. `make test-commands` runs this suite alone.
    @Suite struct Commands {
        /// How many scenarios run at once.
        private static let width = 4
        private static let records = ProcessInfo.processInfo.environment["MINIKUBE_LITE_RECORD_TRANSCRIPTS"] == "1"

        @Test(.enabled("no kubectl 1.20 (scripts/fetch-clients)") { await KubectlVersion.find("1.20") != nil })
        func `every command with the oldest kubectl`() async throws {
            try await Self.runAll(try #require(await KubectlVersion.find("1.20")))
        }

        @Test(.enabled("no kubectl 1.32 (scripts/fetch-clients)") { await KubectlVersion.find("1.32") != nil })
        func `every command with the newest kubectl`() async throws {
            try await Self.runAll(try #require(await KubectlVersion.find("1.32")))
        }

        /// What real servers have said to the same commands is in `Recordings/VERSION/SCENARIO.txt`. It is compared with
        /// the transcript that the node is compared with.
        @Test(arguments: ["recorded", "logs", "node", "serverside"])
        func `transcripts say what real servers have said`(_ scenario: String) throws {
            let name = "1.32/\(scenario).txt"
            let recorded = Transcript.steps(try Self.lines("Recordings/\(name)"))
            var rest = recorded[...]
            // The scenario has other commands, too: what it takes to know that something has happened.
            for ours in Transcript.steps(try Self.lines("Transcripts/\(name)")) where ours.first == rest.first?.first {
                let theirs = rest.removeFirst()
                // The recording of a long answer was cut.
                let isCut = theirs.last == "…"
                #expect(isCut ? ours.starts(with: theirs.dropLast()) : ours == theirs)
            }
            #expect(!recorded.isEmpty && rest.isEmpty, "not in the scenario, or not in this order: \(rest)")
        }

        /// The lines of a file of this folder, but for comments at its beginning.
        private static func lines(_ path: String) throws -> [String] {
            try String(contentsOfFile: "\(Scenario.folder)/\(path)", encoding: .utf8).split(separator: "\n").map(
                String.init
            )
            .drop { $0.hasPrefix("#") }.map(\.self)
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
            let path = "Transcripts/\(kubectl.minor)/\(scenario.name).txt"
            let text = transcript.lines.joined(separator: "\n") + "\n"
            if records {
                try text.write(toFile: "\(Scenario.folder)/\(path)", atomically: true, encoding: .utf8)
            } else {
                let expected = try lines(path)
                if let difference = Transcript.difference(expected: expected, found: transcript.lines) {
                    Issue.record("\(kubectl), \(scenario.name): the transcript differs\n\(difference)")
                }
            }
            return transcript.unknownToClient
        }

        /// `Lacks/VERSION.txt` names each command that a version does not have; one that it does not name is a failure.
        private static func compareLacks(of kubectl: KubectlVersion, with unknown: [String]) throws {
            let path = "Lacks/\(kubectl.minor).txt"
            let found = Set(unknown).sorted()
            if records {
                let text = "# What kubectl \(kubectl.minor) itself does not know.\n"
                try (text + found.map { $0 + "\n" }.joined())
                    .write(toFile: "\(Scenario.folder)/\(path)", atomically: true, encoding: .utf8)
            } else {
                let listed = try lines(path)
                #expect(found == listed, "\(kubectl) lacks other commands than Lacks/\(kubectl.minor).txt says")
            }
        }
    }
}
