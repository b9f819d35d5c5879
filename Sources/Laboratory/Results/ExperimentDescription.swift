public import Foundation

/// What was asked, of which machine and how: `experiment.json`, written before the first trial and not changed after.
public struct ExperimentDescription: Codable, Sendable, Hashable {
    /// The machine that the trials ran on.
    public struct Machine: Codable, Sendable, Hashable {
        public var hostname: String
        /// `uname -r`, e.g. `6.1.0-42-amd64`.
        public var kernel: String
        public var architecture: String
        /// `model name` of /proc/cpuinfo; empty where there is none.
        public var processor: String
        public var cpus: Int
        public var memoryBytes: Int64

        public init(
            hostname: String, kernel: String, architecture: String, processor: String = "", cpus: Int,
            memoryBytes: Int64
        ) {
            self.hostname = hostname
            self.kernel = kernel
            self.architecture = architecture
            self.processor = processor
            self.cpus = cpus
            self.memoryBytes = memoryBytes
        }
    }

    public var name: String
    /// One sentence with a question mark; it is the report's headline.
    public var question: String
    public var factors: [ExperimentFactor]
    /// By factor name: the trial that others are compared with. Empty where none is set apart.
    public var baseline: [String: ExperimentValue]
    /// Knobs and settings that were the same in every trial, by name, in words, e.g. `limits.memory`: `64Mi`.
    public var fixed: [String: String]
    public var bisection: ExperimentBisection?
    /// In order of importance: the first one is the response that the report draws.
    public var measures: [ExperimentMeasure]
    public var series: [SampleSeries]
    /// The container whose request and limit are asked for; empty for the pod.
    public var container: String
    /// How often each combination is tried, at least 1.
    public var repeats: Int
    /// How long a trial may take, or takes; nil where the workload decides.
    public var durationSeconds: Double?
    /// Between two samples.
    public var intervalSeconds: Double
    /// Of the order of the trials.
    public var seed: UInt64
    /// How many trials there are to be; nil where that is found on the way.
    public var plannedTrials: Int?
    public var machine: Machine
    public var startedAt: Date
    /// As typed, program first.
    public var commandLine: [String]
    /// `sha256:` and the hexadecimal digest of the experiment's file: a run goes on only with the same one.
    public var fileDigest: String

    public init(
        name: String, question: String, factors: [ExperimentFactor], baseline: [String: ExperimentValue] = [:],
        fixed: [String: String] = [:], bisection: ExperimentBisection? = nil, measures: [ExperimentMeasure],
        series: [SampleSeries], container: String = "", repeats: Int, durationSeconds: Double? = nil,
        intervalSeconds: Double, seed: UInt64, plannedTrials: Int? = nil, machine: Machine, startedAt: Date,
        commandLine: [String], fileDigest: String
    ) {
        self.name = name
        self.question = question
        self.factors = factors
        self.baseline = baseline
        self.fixed = fixed
        self.bisection = bisection
        self.measures = measures
        self.series = series
        self.container = container
        self.repeats = repeats
        self.durationSeconds = durationSeconds
        self.intervalSeconds = intervalSeconds
        self.seed = seed
        self.plannedTrials = plannedTrials
        self.machine = machine
        self.startedAt = startedAt
        self.commandLine = commandLine
        self.fileDigest = fileDigest
    }
}
