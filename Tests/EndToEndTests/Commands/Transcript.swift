import Foundation
import NodeHarness

/// What a scenario's commands have said, without what differs from run to run.
///
/// A line `$ COMMAND` begins a step; what it wrote follows, lines of standard error after a `! `, and `[N]` where its
/// exit code was not 0.
struct Transcript {
    private(set) var lines: [String] = []
    /// Commands that this kubectl itself does not know, or not all words of.
    private(set) var unknownToClient: [String] = []

    /// Adds a step.
    mutating func append(_ result: CommandResult, namespace: String, in folder: String) {
        lines.append("$ \(result.command)")
        let name = namespace.split(separator: "-")[0]
        func add(_ text: String, prefix: String) {
            for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
                // The client library's own log has a time in each line.
                if line.isEmpty || line.wholeMatch(of: /[EIW][0-9]{4} .*/) != nil { continue }
                let local = line.replacing(folder, with: "DIR").replacing(namespace, with: name)
                lines.append(prefix + Self.normalised(local))
            }
        }
        add(result.output, prefix: "")
        add(result.errors, prefix: "! ")
        if result.code != 0 { lines.append("[\(result.code)]") }
        let refusals = ["unknown flag: ", "unknown shorthand flag: ", "unknown command \"", "unrecognized condition: "]
        if refusals.contains(where: { result.errors.contains($0) }) {
            unknownToClient.append(result.command)
        }
    }

    /// A line without times, identifiers, addresses, random names and the widths of columns.
    static func normalised(_ text: some StringProtocol) -> String {
        let indentation = text.prefix { $0 == " " }
        var line = String(text.dropFirst(indentation.count))
        line.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/, with: "UID")
        line.replace(/sha256:[0-9a-f]{64}/, with: "sha256:DIGEST")
        line.replace(/X509SHA256=[0-9a-f]{64}/, with: "X509SHA256=DIGEST")
        line.replace(/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z/, with: "TIME")
        line.replace(/[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} [-+][0-9]{4}/, with: "TIME")
        line.replace(/(?<key>[Rr]esource ?[Vv]ersion"?: *)"?[0-9]+"?/) { "\($0.output.key)N" }
        // Names that the server has finished, and the hash of a pod template: of Kubernetes' alphabet without vowels.
        line.replace(/-(?<random>[bcdfghjklmnpqrstvwxz2456789]{5,10})(?![a-z0-9.])/) { _ in "-HASH" }
        line.replace(/pod-template-hash=[a-z0-9]+/, with: "pod-template-hash=HASH")
        line.replace(/[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/, with: "IP")
        line.replace(/IP:[0-9]{5}/, with: "IP:PORT")
        line.replace(/:3[0-9]{4}\/TCP/, with: ":NODEPORT/TCP")
        // One word that is an age, e.g. 5s, 3m12s.
        line.replace(/(?<before>^|\s)([0-9]+d)?([0-9]+h)?([0-9]+m)?[0-9]+s(?=\s|$)/) { "\($0.output.before)AGE" }
        line.replace(/[ \t]{2,}|\t/, with: "  ")
        while line.last == " " { line.removeLast() }
        return indentation + line
    }

    /// A transcript's commands, each with what it has said.
    static func steps(_ lines: [String]) -> [[String]] {
        lines.reduce(into: []) { steps, line in
            if steps.isEmpty || line.hasPrefix("$ ") { steps.append([]) }
            steps[steps.count - 1].append(line)
        }
    }

    /// Where two transcripts differ: the step, and both sides' lines; nil where they are the same.
    static func difference(expected: [String], found: [String]) -> String? {
        let (expected, found) = (steps(expected), steps(found))
        var differences: [String] = []
        for index in 0..<max(expected.count, found.count) {
            let one = index < expected.count ? expected[index] : []
            let other = index < found.count ? found[index] : []
            guard one != other else { continue }
            let missing = one.filter { !other.contains($0) }.map { "  - \($0)" }
            let added = other.filter { !one.contains($0) }.map { "  + \($0)" }
            let lines = missing + added
            differences.append(
                ([(one.first ?? other.first ?? "")] + (lines.isEmpty ? ["  (the same lines in another order)"] : lines))
                    .joined(separator: "\n"))
        }
        return differences.isEmpty ? nil : differences.joined(separator: "\n")
    }
}
