public import KubernetesAPI

/// What trials need besides the API: the node's machine, and output as it is written.
public protocol TrialInstruments: Sendable {
    /// The lines of a container from its first one on, each with its time (`timestamps=true` of the API), until it ends.
    func log(
        of container: String, pod: String, namespace: String
    ) async throws -> AsyncThrowingStream<[UInt8], any Error>

    /// Begins to sample a container of a pod that was just created.
    ///
    /// - Parameters:
    ///   - columns: what to read.
    ///   - origin: CLOCK_MONOTONIC, nanoseconds; a row's seconds are counted from it.
    ///   - record: gets each row.
    func observe(
        _ container: String, of pod: Pod, columns: [CgroupColumn], interval: Duration, origin: Int64,
        record: @escaping @Sendable (CgroupRow) -> Void
    ) throws -> any CgroupObservation

    /// Runs a program on this machine until it ends or the task is cancelled, which ends it and what it started.
    ///
    /// - Parameter line: gets each line that it prints.
    /// - Returns: its exit code (128 + signal), and its last line.
    func run(
        _ words: [String], environment: [String: String], line: @escaping @Sendable (String) -> Void
    ) async throws -> (code: Int32, lastLine: String)
}

/// A cgroup that is being sampled.
public protocol CgroupObservation: Sendable {
    /// Ends the sampling and answers what was seen.
    func finish() async -> CgroupFacts
}

/// One moment of a cgroup.
public struct CgroupRow: Sendable, Hashable {
    /// Since the trial's start.
    public var seconds: Double
    /// In the order of the columns; nil where the kernel has no such number.
    public var values: [Double?]

    public init(seconds: Double, values: [Double?]) {
        self.seconds = seconds
        self.values = values
    }
}

/// What was seen of a cgroup besides its samples. Times are seconds since the trial's start.
public struct CgroupFacts: Sendable, Hashable {
    /// When its first process came; nil where none did, or the cgroup never was.
    public var startedAt: Double?
    /// When its last process was gone; nil while there are some.
    public var endedAt: Double?
    /// Ticks without a sample: the machine was too busy.
    public var missedSamples = 0
    /// Why there are no samples.
    public var problem: String?

    public init() {}
}
