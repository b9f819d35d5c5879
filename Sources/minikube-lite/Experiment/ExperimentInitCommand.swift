import ArgumentParser
import Foundation
import Laboratory
import LinuxKernel

struct ExperimentInitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write the file of an experiment to begin from; without a name, list the templates.")

    @Argument(help: "Name of the experiment; NAME.yaml is written.")
    var name: String?

    @Option(name: .shortAndLong, help: "Template, as listed without a name.")
    var template = ExperimentTemplate.starter.name

    mutating func run() throws {
        guard let name else {
            let rows = ExperimentTemplate.all.map { [$0.name, $0.summary] }
            for line in TableText.lines([["TEMPLATE", "WHAT IT FINDS OUT"]] + rows) { Console.line(line) }
            Console.line("\nminikube-lite experiment init NAME --template TEMPLATE writes NAME.yaml")
            return
        }
        guard let template = ExperimentTemplate.all.first(where: { $0.name == template }) else {
            throw CommandFailure(
                "error: there is no template \"\(template)\": known are "
                    + ExperimentTemplate.all.map(\.name).joined(separator: ", "), code: .usage)
        }
        let text = template.file(name: name)
        do {
            _ = try ExperimentFile.parse(Array(text.utf8), folder: ".")
        } catch {
            throw CommandFailure("error: \(error)", code: .usage)
        }
        let path = "\(name).yaml"
        guard !FileAccess.exists(path) else { throw CommandFailure("error: \(path) is there already") }
        try FileAccess.replace(path, with: Array(text.utf8), mode: 0o644)
        Console.line("\(path) written: read it, change it, then: minikube-lite experiment run \(path)")
    }
}
