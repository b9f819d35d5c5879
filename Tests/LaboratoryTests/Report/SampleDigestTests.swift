import Foundation
import Testing

@testable import Laboratory

@Suite struct SampleDigestTests {
    private static let series = [
        SampleSeries(name: "memory.current", container: "app", unit: .bytes),
        SampleSeries(name: "memory.stat inactive_file", container: "app", unit: .bytes),
        SampleSeries(name: "cpu.stat usage_usec", container: "app", unit: .microseconds, kind: .counter),
        SampleSeries(name: "cpu.stat nr_periods", container: "app", unit: .count, kind: .counter),
        SampleSeries(name: "cpu.stat nr_throttled", container: "app", unit: .count, kind: .counter),
        SampleSeries(name: "io.pressure some total", container: "app", unit: .microseconds, kind: .counter),
        SampleSeries(name: "p99", container: "load", unit: .milliseconds),
        SampleSeries(name: "rate", container: "load", unit: .perSecond),
    ]

    /// Ten seconds of one trial, a sample per second, from a formula of the time.
    private static func digest(_ sample: (Double) -> [Double?]) throws -> SampleDigest {
        let path = FileManager.default.temporaryDirectory.path + "/laboratory-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let folder = try ResultFolder.create(
            path,
            ExperimentDescription(
                name: "digest", question: "?",
                factors: [ExperimentFactor(name: "cpu.max", knob: "cpu.max", container: "app", unit: .cores)],
                measures: [], series: series, container: "app", repeats: 1, intervalSeconds: 1, seed: 1,
                machine: SyntheticExperiment.machine, startedAt: SyntheticExperiment.startedAt, commandLine: [],
                fileDigest: ""))
        var recorder = try SyntheticExperiment.Recorder(folder, seed: 1)
        try recorder.record(
            ["cpu.max": .number(1)], repeatNumber: 1, seconds: 10, interval: 1, measures: [:], sample: sample)
        // Of a trial that never ended: it is in no result.
        let log = try folder.sampleLog(finished: [1])
        try log.append(trial: 2, seconds: 1, values: [1e12])
        try log.flush()
        return try SampleDigest(folder: folder, trials: try folder.read().trials)
    }

    @Test func usageIsTakenAfterTheFirstFifth() throws {
        let digest = try Self.digest { time in [time * 100, 50, time * 250_000, nil, nil, nil, nil, nil] }
        let trial = try #require(digest.trials[1])
        // From 2 s on, without what the kernel could drop at once.
        #expect(trial.workingSet == (2...10).map { Double($0) * 100 - 50 })
        #expect(trial.cores.count == 9 && trial.cores.allSatisfy { abs($0 - 0.25) < 1e-9 })
        #expect(trial.throttledShare == nil)
        #expect(digest.trials[2] == nil && digest.count == 10)
    }

    @Test func aRestartOfTheCountersIsNoNegativeRate() throws {
        let digest = try Self.digest { time in
            let since = time <= 5 ? time : time - 5
            return [nil, nil, since * 1_000_000, since * 10, since * 4, nil, nil, nil]
        }
        let trial = try #require(digest.trials[1])
        #expect(trial.cores.allSatisfy { abs($0 - 1) < 1e-9 })
        #expect(abs((trial.throttledShare ?? 0) - 0.4) < 1e-9)
    }

    @Test func panelsThatSayNothingAreLeftOut() throws {
        let digest = try Self.digest { time in [1, 0, time, nil, nil, 0, time == 10 ? 38 : nil, 100 + time] }
        // No pressure, no throttling; p99 was printed once, which is no series.
        #expect(digest.panels.map(\.title) == ["memory in use", "CPU in use", "rate"])
        #expect(digest.trials[1]?.lines.count == 3)
    }

    @Test func slicesKeepTheLeastAndTheLargest() {
        var line = DownsampledLine(count: 2)
        for value in [3.0, 1, 2] { line.add(value, at: 0) }
        line.add(9, at: 7)
        #expect(line.slices == [1...3, nil] && line.maximum == 3 && line.count == 1)
    }
}
