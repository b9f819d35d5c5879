import Foundation
import NodeHarness

/// A list of shell commands around kubectl, run in order in a namespace and a folder of its own.
///
/// The file is `Scenarios/NAME.commands`: one command a line, `#` begins a comment. A command sees the manifests of
/// `Manifests/` in its working folder, the namespace's name in `$NS`, and the kubectl under test as `kubectl`.
struct Scenario: Sendable {
    let name: String
    let commands: [String]

    static let folder = "\(Node.repository)/Tests/EndToEndTests/Commands"

    init(_ name: String) throws {
        self.name = name
        commands = try String(contentsOfFile: "\(Self.folder)/Scenarios/\(name).commands", encoding: .utf8)
            .split(separator: "\n").map(String.init).filter { !$0.hasPrefix("#") }
    }

    /// Every scenario there is; those that change the node itself come last, and must run alone.
    static func all() throws -> (together: [Scenario], alone: [Scenario]) {
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/Scenarios")
            .filter { $0.hasSuffix(".commands") }.map { String($0.dropLast(".commands".count)) }.sorted()
        return (
            try names.filter { $0 != "node" }.map(Scenario.init), try names.filter { $0 == "node" }.map(Scenario.init)
        )
    }

    /// Runs the commands against a node.
    func transcript(of kubectl: KubectlVersion, on node: Node) async throws -> Transcript {
        let files = FileManager.default
        let namespace = "\(name)-\(kubectl.minor.replacingOccurrences(of: ".", with: ""))"
        let folder = files.temporaryDirectory.appendingPathComponent("mkl-commands-\(UUID().uuidString)").path
        try files.copyItem(atPath: "\(Self.folder)/Manifests", toPath: folder)
        defer { try? files.removeItem(atPath: folder) }
        try files.createDirectory(atPath: "\(folder)/bin", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: "\(folder)/bin/kubectl", withDestinationPath: kubectl.path)
        try files.copyItem(atPath: node.kubeconfig, toPath: "\(folder)/kubeconfig")
        // The discovery cache is below HOME, what an edit could not save in TMPDIR; old versions would print colours for
        // a terminal that they guess from TERM.
        let environment = [
            "HOME": folder, "KUBECONFIG": "\(folder)/kubeconfig", "LC_ALL": "C", "NS": namespace, "TERM": "dumb",
            "TMPDIR": folder,
            "PATH": "\(folder)/bin:" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"),
        ]
        // One shell for all of them: a step's output, errors and exit code are files with its number.
        let steps = commands.enumerated().map { index, command in
            """
            timeout -k 1 120 bash -c \(quoted(command)) >step.\(index).output 2>step.\(index).errors </dev/null
            echo $? >step.\(index).code
            """
        }
        let script =
            ["kubectl create namespace $NS && kubectl config set-context --current --namespace=$NS || exit 1"] + steps
            + ["kubectl config use-context minikube-lite && kubectl delete namespace $NS --wait=false"]
        try script.joined(separator: "\n").write(toFile: "\(folder)/script", atomically: true, encoding: .utf8)
        try await Command.run(
            "/usr/bin/env", ["-C", folder, "bash", "script"], environment: environment, deadline: .seconds(600)
        ).requireSuccess()
        var transcript = Transcript()
        for (index, command) in commands.enumerated() {
            func file(_ name: String) throws -> String {
                String(
                    decoding: try Data(contentsOf: URL(fileURLWithPath: "\(folder)/step.\(index).\(name)")),
                    as: UTF8.self)
            }
            let code = Int32(try file("code").trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
            transcript.append(
                CommandResult(command: command, code: code, output: try file("output"), errors: try file("errors")),
                namespace: namespace, in: folder)
        }
        return transcript
    }

    /// A word of the shell.
    private func quoted(_ text: String) -> String { "'" + text.replacing("'", with: #"'\''"#) + "'" }
}
