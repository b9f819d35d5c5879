import Foundation
import NodeHarness
import Testing

extension EndToEnd {
    /// On this host no limit is enforced: what is varied is a variable, and what is proven is the way through the node.
    @Suite struct Experiments {
        private static let file = """
            apiVersion: minikube-lite/v1alpha1
            kind: Experiment
            metadata: {name: words}
            spec:
              question: Does the program say what it is told?
              template:
                spec:
                  containers:
                  - name: talker
                    image: busybox
                    command: [sh, -c, "echo speed=$SPEED; sleep 0.3; test $SPEED -lt 4"]
              vary:
              - env: SPEED
                values: [1, 3, 5]
              repeat: 2
              seed: 1
              timeout: 30s
              measure: [{printed: speed, better: higher}]
            """

        private func withFolder(_ body: (String) async throws -> Void) async throws {
            let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mkl-lab-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try await body(folder.path)
        }

        @Test func `an experiment runs, is listed, and is drawn`() async throws {
            let node = try EndToEnd.node()
            try await withFolder { folder in
                let file = "\(folder)/words.yaml"
                try Self.file.write(toFile: file, atomically: true, encoding: .utf8)
                let results = "\(folder)/results/words"
                let run = try await node.cli(
                    "experiment", "run", file, "--root", node.root, "--output", results, deadline: .seconds(120))
                #expect(run.code == 0, "\(run)")
                let lines = try String(contentsOfFile: "\(results)/results.csv", encoding: .utf8).split(separator: "\n")
                #expect(lines.count == 7, "\(lines)")
                #expect(lines.count { $0.contains(",completed,") } == 4, "\(lines)")
                #expect(lines.count { $0.contains(",failed,exit code 1,1,") } == 2, "\(lines)")
                // The workload runs for 0.3 s; samples of it are there, and what it said.
                let samples = try String(contentsOfFile: "\(results)/samples.csv", encoding: .utf8).split(
                    separator: "\n")
                #expect(samples.count > 6 * 3, "\(samples.count) lines")
                #expect(samples.count { $0.hasSuffix(",5") } == 2, "\(samples.suffix(5))")
                for name in ["report.html", "report.md"] {
                    #expect(FileManager.default.fileExists(atPath: "\(results)/\(name)"))
                }
                let listed = try await node.cli("experiment", "ls", "\(folder)/results")
                #expect(listed.lines.contains { $0.hasPrefix("words ") && $0.contains("6/6") }, "\(listed)")
                #expect(try await node.cli("experiment", "report", results).code == 0)
                // Nothing to do, nothing done.
                let again = try await node.cli("experiment", "run", file, "--root", node.root, "--output", results)
                #expect(again.code == 0 && again.output.contains("6 of them done before"), "\(again)")
                let spaces = try await node.cli("get", "namespaces")
                #expect(!spaces.output.contains("experiment-"), "\(spaces)")
            }
        }

        @Test func `a bad file is refused with paths`() async throws {
            let node = try EndToEnd.node()
            try await withFolder { folder in
                let file = "\(folder)/bad.yaml"
                let bad = Self.file.replacing("env: SPEED", with: "knob: memory.maxx").replacing(
                    "repeat: 2", with: "repeat: 0")
                try bad.write(toFile: file, atomically: true, encoding: .utf8)
                let refused = try await node.cli("experiment", "run", file, "--root", node.root)
                #expect(refused.code == 1, "\(refused)")
                #expect(refused.errors.contains("spec.vary[0].knob: unknown knob \"memory.maxx\""), "\(refused)")
                #expect(refused.errors.contains("spec.repeat: must be"), "\(refused)")
                let templates = try await node.cli("experiment", "init")
                #expect(templates.lines.contains { $0.hasPrefix("memory-floor ") }, "\(templates)")
            }
        }
    }
}
