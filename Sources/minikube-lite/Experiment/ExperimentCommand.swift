import ArgumentParser

struct ExperimentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "experiment",
        abstract: "Find out what limits do to a workload: vary them, measure, and draw what came of it.",
        discussion: "docs/experiments.md describes the files of experiments.",
        subcommands: [
            ExperimentRunCommand.self, ExperimentInitCommand.self, ExperimentListCommand.self,
            ExperimentReportCommand.self,
        ])
}
