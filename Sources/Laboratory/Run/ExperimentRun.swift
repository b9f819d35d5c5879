import Foundation
public import KubernetesAPI
import LinuxKernel
public import Logging
public import PodRuntime

/// Runs an experiment into a result folder: from the beginning, or on from where an earlier run was interrupted.
public struct ExperimentRun: Sendable {
    public struct Options: Sendable {
        /// Throws away what the folder has of an earlier run.
        public var restart = false
        /// Goes on although the node does not enforce what is varied.
        public var allowUnenforced = false
        /// As typed, for the result's description.
        public var commandLine: [String] = []

        public init() {}
    }

    /// What happens, for who watches.
    public enum Progress: Sendable {
        /// The folder is ready. `done` trials are there from an earlier run; `planned` is nil where a search finds out.
        case began(seed: UInt64, done: Int, planned: Int?)
        case trialBegan(id: Int, words: String, done: Int, remaining: Int)
        /// `left` is how long the rest will take; nil where nothing is known.
        case trialEnded(ExperimentTrial, words: String, remaining: Int, left: Duration?)
        case cleaningUp
    }

    /// How a run ended.
    public struct Summary: Sendable {
        /// Of this run and those before it.
        public var trials: Int
        public var broken: Int
        /// What a search found, one sentence for each combination of the other factors.
        public var answers: [String]
        public var isInterrupted: Bool
    }

    private let experiment: Experiment
    private let folder: String
    private let client: APIClient
    private let instruments: any TrialInstruments
    private let capabilities: HostCapabilities
    private let options: Options
    private let logger: Logger
    private let disk = BlockingPool(name: "results", threads: 2)

    /// - Parameter capabilities: of the node's machine.
    public init(
        experiment: Experiment, folder: String, client: APIClient, instruments: any TrialInstruments,
        capabilities: HostCapabilities, options: Options = Options(), logger: Logger
    ) {
        self.experiment = experiment
        self.folder = folder
        self.client = client
        self.instruments = instruments
        self.capabilities = capabilities
        self.options = options
        self.logger = logger
    }

    /// Runs what there is to run. When the task is cancelled, the present trial is ended and cleaned up, and a run of the
    /// same file goes on with it.
    ///
    /// - Throws: `LaboratoryError`, `ResultFolderError`, `APIError`.
    public func run(progress: @escaping @Sendable (Progress) async -> Void) async throws -> Summary {
        try checkEnforcement()
        let folder = try await openFolder()
        let seed = folder.description.seed
        let plan = TrialPlan(experiment: experiment, seed: seed)
        let known = try await disk.run { try folder.read() }
        for problem in known.problems { logger.warning("results", metadata: ["problem": "\(problem)"]) }
        var trials = known.trials
        await progress(.began(seed: seed, done: trials.count, planned: plan.count))
        guard plan.next(after: trials) != nil else { return summary(plan, trials, isInterrupted: false) }

        let logs = try await disk.run { [trials] in
            (try folder.trialLog(), try folder.sampleLog(finished: Set(trials.map(\.id))))
        }
        let board = PodBoard()
        let space = ExperimentNamespace(name: experiment.namespace, experiment: experiment.name, client: client)
        try await space.make()
        let following = Task { [client, logger] in
            await Reflector(Pod.self, client: client, namespace: space.name) { error in
                logger.debug("the watch of the pods was interrupted", metadata: ["error": "\(error)"])
            }.run { await board.apply($0) }
        }
        let result: Result<Void, any Error>
        do {
            try await board.waitUntilSynced()
            try await removeLeftovers(board)
            try await runTrials(plan, &trials, board, logs.0, logs.1, progress)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        following.cancel()
        await following.value
        await progress(.cleaningUp)
        // In a task of its own: an interrupted run has to clean up as well.
        let removal = await Task { await space.remove() }.value
        if let removal { logger.warning("\(removal)") }
        do {
            try result.get()
            return summary(plan, trials, isInterrupted: false)
        } catch is CancellationError {
            return summary(plan, trials, isInterrupted: true)
        }
    }

    private func runTrials(
        _ plan: TrialPlan, _ trials: inout [ExperimentTrial], _ board: PodBoard, _ trialLog: TrialLog,
        _ sampleLog: SampleLog, _ progress: @Sendable (Progress) async -> Void
    ) async throws {
        let runner = TrialRunner(
            experiment: experiment, client: client, board: board, instruments: instruments, disk: disk)
        var estimate = TimeEstimate()
        for trial in trials { estimate.add(.seconds(trial.end.timeIntervalSince(trial.start))) }
        while let planned = plan.next(after: trials) {
            try Task.checkCancellation()
            let words = "\(experiment.words(planned.values)) #\(planned.repeatNumber)"
            let id = (trials.map(\.id).max() ?? 0) + 1
            await progress(
                .trialBegan(id: id, words: words, done: trials.count, remaining: plan.remaining(after: trials)))
            let start = ContinuousClock.now
            let trial = try await runner.run(planned, id: id, order: id, log: sampleLog)
            try await disk.run {
                // A trial with a line is not run again, so its samples have to be there before.
                try sampleLog.flush()
                try trialLog.append(trial)
            }
            trials.append(trial)
            estimate.add(.now - start)
            let remaining = plan.remaining(after: trials)
            await progress(
                .trialEnded(trial, words: words, remaining: remaining, left: estimate.left(trials: remaining)))
        }
    }

    /// Pods that a run left which was killed.
    private func removeLeftovers(_ board: PodBoard) async throws {
        let left = try await client.list(Pod.self, namespace: experiment.namespace).items.map(\.metadata.name)
        try await PodRemoval(client: client, board: board, namespace: experiment.namespace)
            .remove(left, patience: TrialRunner.removalPatience)
    }

    private func summary(_ plan: TrialPlan, _ trials: [ExperimentTrial], isInterrupted: Bool) -> Summary {
        Summary(
            trials: trials.count, broken: trials.count { $0.outcome == .broken },
            answers: plan.answers(trials).compactMap { experiment.sentence($0.others, $0.step) },
            isInterrupted: isInterrupted)
    }

    // MARK: Before the first trial

    private func checkEnforcement() throws {
        guard !options.allowUnenforced else { return }
        var problems: [String] = []
        for factor in experiment.factors {
            guard let controller = factor.knob.controller, !capabilities.controllers.contains(controller) else {
                continue
            }
            let why = capabilities.missing[controller] ?? "no controller \(controller)"
            let problem = "\(factor.name) would change nothing on this node: \(why)"
            if !problems.contains(problem) { problems.append(problem) }
        }
        guard problems.isEmpty else { throw LaboratoryError(.unsupported, problems) }
    }

    /// The folder of an earlier run of the same file, or a new one.
    private func openFolder() async throws -> ResultFolder {
        let path = folder
        let restart = options.restart
        let digest = experiment.digest
        let fresh = experiment.describe(
            machine: .present(capabilities), seed: experiment.seed ?? UInt64.random(in: 1..<1_000_000),
            commandLine: options.commandLine)
        return try await disk.run {
            guard FileAccess.exists("\(path)/experiment.json") else { return try ResultFolder.create(path, fresh) }
            if restart {
                for name in ["experiment.json", "results.csv", "samples.csv", "report.html", "report.md"]
                where FileAccess.exists("\(path)/\(name)") {
                    try FileAccess.remove("\(path)/\(name)")
                }
                return try ResultFolder.create(path, fresh)
            }
            let found = try ResultFolder.open(path)
            guard found.description.fileDigest == digest else {
                throw LaboratoryError(
                    .conflict,
                    "\(path) has results of another version of this file: name another folder with --output, or throw them "
                        + "away with --restart")
            }
            return found
        }
    }
}
