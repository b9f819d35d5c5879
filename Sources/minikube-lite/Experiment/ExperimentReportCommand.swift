import ArgumentParser
import Laboratory
import PodRuntime

struct ExperimentReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Make report.html and report.md of a result folder anew, and print the answer."
    )

    @Argument(help: "The result folder.")
    var folder: String

    mutating func run() async throws {
        let folder = folder
        let disk = BlockingPool(name: "experiment", threads: 1)
        let report: ExperimentReport
        do {
            report = try await disk.run(deadline: .seconds(600)) {
                let report = try ExperimentReport(folder: try ResultFolder.open(folder))
                try report.write()
                return report
            }
        } catch let error as ResultFolderError {
            throw CommandFailure("error: \(error)")
        }
        Console.line(report.answer)
        Console.line("report: \(report.htmlPath)")
    }
}
