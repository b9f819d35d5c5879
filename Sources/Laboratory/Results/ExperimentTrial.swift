public import Foundation

/// How a trial ended.
public enum TrialOutcome: String, Codable, Sendable, CaseIterable {
    /// The workload ended with exit code 0, or ran for the trial's duration.
    case completed
    /// The kernel killed it, or part of it, because of a memory limit.
    case oomKilled
    /// The workload ended in another way.
    case failed
    /// It was still running at the trial's deadline, though it should have ended.
    case timedOut
    /// The trial itself went wrong (the pod did not start, the load could not run): it says nothing about the knobs.
    case broken
}

/// One run of the workload with one combination of values: a line of `results.csv`.
public struct ExperimentTrial: Sendable, Hashable {
    /// Unique in the experiment, from 1. `samples.csv` refers to it.
    public var id: Int
    /// By factor name; every factor has one.
    public var values: [String: ExperimentValue]
    /// Which repeat of this combination it is, from 1.
    public var repeatNumber: Int
    /// The place in the order of running, from 1.
    public var order: Int
    public var start: Date
    public var end: Date
    public var outcome: TrialOutcome
    /// In words, empty where there is nothing to say.
    public var reason: String
    /// Of the workload's container; nil where it did not end.
    public var exitCode: Int32?
    /// Whether the bisection's condition held; nil where there is none, or the trial is broken.
    public var holds: Bool?
    /// By measure name, in the measure's unit; what could not be measured is not there.
    public var measures: [String: Double]

    public init(
        id: Int, values: [String: ExperimentValue], repeatNumber: Int, order: Int, start: Date, end: Date,
        outcome: TrialOutcome, reason: String = "", exitCode: Int32? = nil, holds: Bool? = nil,
        measures: [String: Double] = [:]
    ) {
        self.id = id
        self.values = values
        self.repeatNumber = repeatNumber
        self.order = order
        self.start = start
        self.end = end
        self.outcome = outcome
        self.reason = reason
        self.exitCode = exitCode
        self.holds = holds
        self.measures = measures
    }
}

/// One line of `samples.csv`.
public struct ExperimentSample: Sendable, Hashable {
    public var trial: Int
    /// Since the trial's start.
    public var seconds: Double
    /// In the order of the description's series; nil where one could not be read.
    public var values: [Double?]

    public init(trial: Int, seconds: Double, values: [Double?]) {
        self.trial = trial
        self.seconds = seconds
        self.values = values
    }
}

/// Everything of a result folder but its samples, which are too many to hold without need.
public struct ExperimentResult: Sendable, Hashable {
    public var description: ExperimentDescription
    /// In the order of the file, which is the order in which they ended.
    public var trials: [ExperimentTrial]
    /// What was wrong with the files, in sentences: a torn last line, a line that says nothing.
    public var problems: [String]

    public init(description: ExperimentDescription, trials: [ExperimentTrial], problems: [String] = []) {
        self.description = description
        self.trials = trials
        self.problems = problems
    }
}
