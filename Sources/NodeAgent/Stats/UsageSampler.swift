import KubernetesAPI
import PodRuntime

/// Makes rounds when somebody asks, and keeps enough of them that rates are right.
///
/// Nothing is measured while nobody asks. The first who asks for a rate waits for a second round half a second after the
/// first; from then on a round is made every ten seconds, until a minute has passed without an ask. Asks at the same
/// time share one round.
actor UsageSampler {
    /// A round that is younger answers the next ask, too.
    static let freshness: Int64 = 100_000
    /// Rates are over at least this time: cpu.stat is exact, but a container may be idle for a while.
    static let shortestWindow: Int64 = 500_000
    /// Rates are over about this time, once there are rounds enough. The kubelet's are.
    static let usualWindow: Int64 = 10_000_000
    /// How often a round is made on its own, and for how long after the last ask.
    static let period: Int64 = 10_000_000
    static let patience: Int64 = 60_000_000

    private let time: TimeSource
    private let make: @Sendable () async throws -> StatsRound
    /// Rounds to compare with, at least half a usual window apart, the oldest first.
    private var baselines: [StatsRound] = []
    private var latest: StatsRound?
    private var underway: Task<StatsRound, any Error>?
    private var lastAsk: Int64 = .min
    private let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    /// - Parameter make: makes one round.
    init(time: TimeSource, make: @escaping @Sendable () async throws -> StatsRound) {
        self.time = time
        self.make = make
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Makes rounds of its own after an ask; returns when it is cancelled.
    func run() async {
        for await _ in bell {
            while !Task.isCancelled, now - lastAsk <= Self.patience {
                guard (try? await time.sleep(for: .microseconds(Self.period))) != nil else { break }
                // A failure is told to whoever asks next.
                if now - lastAsk <= Self.patience { _ = try? await round() }
            }
            baselines = []
            latest = nil
        }
    }

    /// A round of now.
    func present() async throws -> StatsRound {
        asked()
        return try await round()
    }

    /// A round of now, and an earlier one to compare it with: `shortestWindow` or more before it.
    func window() async throws -> UsageWindow {
        asked()
        var round = try await round()
        // The second round is far enough from the first, unless somebody else's came between and was fresh enough.
        for _ in 0..<4 {
            if let earlier = baseline(for: round) { return UsageWindow(earlier: earlier, now: round) }
            let age = (round.time - (baselines.first?.time ?? round.time)) / 1000
            try await time.sleep(for: .microseconds(max(Self.shortestWindow - age, Self.freshness)))
            round = try await self.round()
        }
        return UsageWindow(earlier: baseline(for: round) ?? round, now: round)
    }

    private var now: Int64 { time.preciseNow.microseconds }

    private func asked() {
        lastAsk = now
        ring.yield()
    }

    /// The youngest round that is a usual window old; else the oldest one, if it is old enough.
    private func baseline(for round: StatsRound) -> StatsRound? {
        func age(_ other: StatsRound) -> Int64 { (round.time - other.time) / 1000 }
        if let usual = baselines.last(where: { age($0) >= Self.usualWindow }) { return usual }
        return baselines.first.flatMap { age($0) >= Self.shortestWindow ? $0 : nil }
    }

    private func round() async throws -> StatsRound {
        if let latest, (0..<Self.freshness).contains(now - latest.time / 1000) { return latest }
        if let underway { return try await underway.value }
        let task = Task { [make] in try await make() }
        underway = task
        defer { underway = nil }
        let round = try await task.value
        keep(round)
        return round
    }

    private func keep(_ round: StatsRound) {
        // A clock that was set back makes the old rounds useless.
        baselines.removeAll { $0.time > round.time || (round.time - $0.time) / 1000 > Self.patience }
        latest = round
        let isApart = baselines.last.map { (round.time - $0.time) / 1000 >= Self.usualWindow / 2 } ?? true
        if isApart { baselines.append(round) }
    }
}

/// Two rounds: what has been used between them.
struct UsageWindow: Sendable {
    var earlier: StatsRound
    var now: StatsRound

    /// CPU over a time.
    struct Rate: Sendable, Hashable {
        /// Billionths of a core.
        var nanoCores: Int64
        /// Nanoseconds.
        var window: Int64
        /// Nanoseconds since 1970: its end.
        var time: Int64
    }

    /// Of the machine.
    var node: Rate? {
        Self.rate(
            earlier.node.machine.cpu.usageMicroseconds, earlier.node.machine.time,
            now.node.machine.cpu.usageMicroseconds, now.node.machine.time)
    }

    /// Of all pods, and of the node's helpers.
    var pods: Rate? { Self.rate(earlier.node.pods, now.node.pods) }
    var system: Rate? { Self.rate(earlier.node.system, now.node.system) }

    var agent: Rate? { Self.rate(earlier.agent.cpu / 1000, earlier.time, now.agent.cpu / 1000, now.time) }

    /// Of a pod's own cgroup; since its start where it began after the earlier round.
    func rate(of sample: PodSample) -> Rate? {
        let present = sample.statistics.pod
        if let before = statistics(of: sample)?.pod, before.time < present.time { return Self.rate(before, present) }
        let start = sample.pod.status.startTime.map { $0.seconds * 1_000_000_000 }
        return start.flatMap { Self.rate(0, $0, present.cpu.usageMicroseconds, present.time) }
    }

    /// Of a container; since its start where this attempt began after the earlier round.
    func rate(of container: String, in sample: PodSample) -> Rate? {
        guard let present = sample.statistics.containers[container] else { return nil }
        if let before = statistics(of: sample)?.containers[container], before.attempt == present.attempt,
            before.cgroup.time < present.cgroup.time
        {
            return Self.rate(before.cgroup, present.cgroup)
        }
        return Self.rate(0, present.startedAt, present.cgroup.cpu.usageMicroseconds, present.cgroup.time)
    }

    private func statistics(of sample: PodSample) -> SandboxStatistics? {
        earlier.pods.first { $0.pod.metadata.uid == sample.pod.metadata.uid }?.statistics
    }

    private static func rate(_ before: CgroupStatistics, _ now: CgroupStatistics) -> Rate? {
        rate(before.cpu.usageMicroseconds, before.time, now.cpu.usageMicroseconds, now.time)
    }

    /// Nil where the clock or the counter has gone back.
    private static func rate(_ before: Int64, _ start: Int64, _ used: Int64, _ end: Int64) -> Rate? {
        guard end > start, used >= before else { return nil }
        let nanoCores = Double(used - before) * 1e12 / Double(end - start)
        return Rate(nanoCores: Int64(nanoCores.rounded()), window: end - start, time: end)
    }
}
