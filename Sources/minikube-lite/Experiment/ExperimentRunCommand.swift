import ArgumentParser
import Foundation
import KubernetesAPI
import Laboratory
import LinuxKernel
import Logging
import PodRuntime

struct ExperimentRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run an experiment, or go on with one that was interrupted.",
        discussion: """
            Ctrl-C ends the present trial and cleans up; the same command goes on where it stopped. The node has to run \
            on this machine. Exit code 0 only where all trials are done and at least one was not broken; 130 after Ctrl-C.
            """)

    @OptionGroup var cluster: ClusterOptions

    @Argument(help: "The experiment's file.")
    var file: String

    @Option(name: .shortAndLong, help: "Folder of the results. Default: experiments/NAME.")
    var output: String?

    @Flag(help: "Throw away the results that the folder has, and begin anew.")
    var restart = false

    @Flag(help: "Run although the node does not enforce what is varied; the results say little then.")
    var allowUnenforced = false

    mutating func run() async throws {
        let disk = BlockingPool(name: "experiment", threads: 1)
        let path = file
        let experiment: Experiment
        do {
            experiment = try await disk.run { try ExperimentFile.read(path) }
        } catch let error as LaboratoryError {
            throw LaboratoryFailure(error, file: path).commandFailure
        }
        let layout = NodeLayout(root: cluster.root)
        guard let record = try NodeRecord.read(layout) else {
            throw CommandFailure(
                "error: no node runs on this machine: start it with \"minikube-lite up\", or name its folder with --root",
                code: .unreachable)
        }
        let context = try Kubeconfig.load(path: cluster.kubeconfigPath, context: cluster.context)
        guard context.server == record.server else {
            throw CommandFailure(
                "error: \(context.path) is about \(context.server), and the node of this machine is \(record.server): "
                    + "name the instance with --root")
        }
        let folder = output ?? "experiments/\(experiment.name)"
        var options = ExperimentRun.Options()
        options.restart = restart
        options.allowUnenforced = allowUnenforced
        options.commandLine = ["minikube-lite"] + CommandLine.arguments.dropFirst()
        let capabilities = try await disk.run { try HostCapabilities.detect() }
        let chosen = options

        Console.line("\(experiment.question)")
        let summary = try await cluster.withCluster { cluster in
            let run = ExperimentRun(
                experiment: experiment, folder: folder, client: cluster.client,
                instruments: NodeInstruments(transport: cluster.transport, cgroupParent: record.cgroupParent),
                capabilities: capabilities, options: chosen, logger: Logger(label: "experiment"))
            let view = ExperimentProgressView()
            do {
                return try await Interruption.run { try await run.run { await view.show($0) } }
            } catch let error as LaboratoryError {
                throw LaboratoryFailure(error, file: path).commandFailure
            } catch let error as ResultFolderError {
                throw CommandFailure("error: \(error)")
            }
        }
        try await finish(summary, folder, disk)
    }

    private func finish(_ summary: ExperimentRun.Summary, _ folder: String, _ disk: BlockingPool) async throws {
        if summary.trials > 0 {
            let report = try await disk.run(deadline: .seconds(600)) {
                let report = try ExperimentReport(folder: try ResultFolder.open(folder))
                try report.write()
                return report
            }
            Console.line("")
            for answer in summary.answers { Console.line(answer) }
            Console.line(report.answer)
            Console.line("report: \(report.htmlPath)")
        }
        if summary.isInterrupted {
            throw CommandFailure(
                "interrupted with \(summary.trials) trial\(summary.trials == 1 ? "" : "s") done: the same command goes on",
                code: .interrupted)
        }
        if summary.broken > 0 {
            let broken = "\(summary.broken) of \(summary.trials) trials were broken: see results.csv in \(folder)"
            guard summary.broken < summary.trials else { throw CommandFailure("error: \(broken)") }
            Console.error("warning: \(broken)")
        }
    }
}

/// Shows a run as it goes on: a line for each trial, and, on a terminal, one that changes for the present one.
actor ExperimentProgressView {
    private let isTerminal = isatty(STDOUT_FILENO) == 1

    func show(_ progress: ExperimentRun.Progress) {
        switch progress {
        case .began(let seed, let done, let planned):
            let count = planned.map { "\($0) trials" } ?? "as many trials as the search needs"
            let before = done > 0 ? ", \(done) of them done before" : ""
            Console.line("\(count)\(before), in random order (seed \(seed))")
        case .trialBegan(_, let words, let done, let remaining):
            if isTerminal { Console.write("\r\u{1B}[K\(position(done + 1, done + remaining)) \(words) ...") }
        case .trialEnded(let trial, let words, let remaining, let left):
            if isTerminal { Console.write("\r\u{1B}[K") }
            let seconds = String(format: "%.1f s", trial.end.timeIntervalSince(trial.start))
            let reason = trial.reason.isEmpty ? "" : " (\(trial.reason))"
            let rest = remaining > 0 ? left.map { ", about \(Self.words($0)) left" } ?? "" : ""
            Console.line(
                "\(position(trial.order, trial.order + remaining)) \(words): \(trial.outcome.rawValue)\(reason) in "
                    + "\(seconds)\(rest)")
        case .cleaningUp:
            if isTerminal { Console.write("\r\u{1B}[Kcleaning up ...\r\u{1B}[K") }
        }
    }

    private static func words(_ duration: Duration) -> String {
        duration.formatted(.units(allowed: [.hours, .minutes, .seconds], width: .abbreviated, maximumUnitCount: 2))
    }

    private func position(_ number: Int, _ total: Int) -> String { "[\(number)/\(max(number, total))]" }
}

/// A laboratory's refusal as a command's.
struct LaboratoryFailure {
    let error: LaboratoryError
    let file: String

    init(_ error: LaboratoryError, file: String) {
        self.error = error
        self.file = file
    }

    var commandFailure: CommandFailure {
        switch error.kind {
        case .invalid:
            CommandFailure(
                "error: \(file) is no valid experiment:\n" + error.problems.map { "  \($0)" }.joined(separator: "\n"))
        case .unsupported:
            CommandFailure(
                error.problems.map { "error: \($0)" }.joined(separator: "\n")
                    + "\nA limit that is not enforced measures nothing; --allow-unenforced runs all the same.")
        default: CommandFailure("error: \(error)")
        }
    }
}
