import ArgumentParser

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Check whether this machine can run the node, and how well.",
        discussion: """
            Every finding is printed with its remedy; where an instance of the node is there, it is compared with its \
            facts, too. Exit codes: 0 all is well; 2 the node runs, but something is \
            degraded; 1 it cannot run.
            """)

    /// The exit code where something is degraded and nothing broken.
    static let degradedCode: Int32 = 2

    @Option(help: "Folder of the instance, as given to \"up\".")
    var root: String?

    @Option(help: "The port that the API is to listen on.")
    var port = 6443

    @Flag(help: "Show only what is not as it should be.")
    var quiet = false

    @Flag(help: "Look only at whether limits can be enforced.")
    var limits = false

    mutating func run() async throws {
        let examination = Examination(layout: NodeLayout(root: root), port: port)
        let findings = limits ? examination.limits() : examination.all()
        for finding in findings where !quiet || finding.severity != .ok { Console.line(finding.text) }
        let broken = findings.count { $0.severity == .broken }
        let degraded = findings.count { $0.severity == .degraded }
        if !quiet || broken + degraded > 0 {
            Console.line("\(findings.count) checked: \(broken) broken, \(degraded) degraded.")
        }
        if broken > 0 { throw CommandFailure("") }
        if degraded > 0 { throw ExitCode(Self.degradedCode) }
    }
}
