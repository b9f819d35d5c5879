import Foundation

@testable import Laboratory

/// Result folders as the three shipped experiments leave them, from formulas: what the answer has to be is known.
enum SyntheticExperiment {
    static let machine = ExperimentDescription.Machine(
        hostname: "edge-1", kernel: "6.1.0-42-amd64", architecture: "x86_64", processor: "QEMU TCG CPU", cpus: 2,
        memoryBytes: 2 << 30)
    static let startedAt = Date(timeIntervalSince1970: 1_790_000_000)
    static let mebibyte = 1_048_576.0

    /// Trials one after the other, with their samples.
    struct Recorder {
        let trials: TrialLog
        let samples: SampleLog
        var generator: SeededGenerator
        var clock = startedAt
        var id = 0

        init(_ folder: ResultFolder, seed: UInt64) throws {
            trials = try folder.trialLog()
            samples = try folder.sampleLog(finished: [])
            generator = SeededGenerator(seed: seed)
        }

        /// About 1, with a spread of a share.
        mutating func noise(_ share: Double) -> Double {
            1 + share * (Double.random(in: -1...1, using: &generator) + Double.random(in: -1...1, using: &generator))
        }

        mutating func record(
            _ values: [String: ExperimentValue], repeatNumber: Int, seconds: Double, interval: Double = 0.1,
            outcome: TrialOutcome = .completed, reason: String = "", exitCode: Int32? = 0, holds: Bool? = nil,
            measures: [String: Double], sample: (Double) -> [Double?]
        ) throws {
            id += 1
            for step in 1...max(1, Int(seconds / interval)) {
                let time = Double(step) * interval
                try samples.append(trial: id, seconds: time, values: sample(time))
            }
            try samples.flush()
            try trials.append(
                ExperimentTrial(
                    id: id, values: values, repeatNumber: repeatNumber, order: id, start: clock,
                    end: clock + seconds, outcome: outcome, reason: reason, exitCode: exitCode, holds: holds,
                    measures: measures))
            clock += seconds + 1
        }
    }

    /// A program that needs 61 MiB, give or take half a MiB: found by bisection of 16 to 256 MiB.
    static func survival(at path: String, repeats: Int = 3) throws -> ResultFolder {
        let folder = try ResultFolder.create(
            path,
            ExperimentDescription(
                name: "memory-survival", question: "How little memory is enough for the importer to finish?",
                factors: [
                    ExperimentFactor(
                        name: "memory.max", knob: "memory.max", container: "importer", unit: .bytes, scale: .logarithmic
                    )
                ],
                fixed: ["memory.swap.max": "0"],
                bisection: ExperimentBisection(
                    factor: "memory.max", condition: "exit == 0 && !oomKilled", lowest: 16 * mebibyte,
                    highest: 256 * mebibyte, tolerance: 0.02),
                measures: [
                    ExperimentMeasure(name: "memory.peak", unit: .bytes, direction: .lowerIsBetter),
                    ExperimentMeasure(name: "wall", unit: .seconds, direction: .lowerIsBetter),
                ],
                series: [
                    SampleSeries(name: "memory.current", container: "importer", unit: .bytes),
                    SampleSeries(name: "memory.stat inactive_file", container: "importer", unit: .bytes),
                    SampleSeries(
                        name: "cpu.stat usage_usec", container: "importer", unit: .microseconds, kind: .counter),
                    SampleSeries(
                        name: "memory.pressure some total", container: "importer", unit: .microseconds, kind: .counter),
                ],
                container: "importer", repeats: repeats, intervalSeconds: 0.1, seed: 42, machine: machine,
                startedAt: startedAt,
                commandLine: ["minikube-lite", "experiment", "run", "examples/experiments/memory-survival.yaml"],
                fileDigest: "sha256:6d1f3c0a8b7e5d4c3b2a190807060504030201000f0e0d0c0b0a090807060504"))
        var recorder = try Recorder(folder, seed: 42)
        func tryAt(_ limit: Double) throws -> Bool {
            var all = true
            for number in 1...repeats {
                let need = 61 * mebibyte * recorder.noise(0.004)
                let isEnough = limit >= need
                all = all && isEnough
                let growth = need / 4.2
                let seconds = isEnough ? 6 * recorder.noise(0.03) : max(0.3, limit / growth)
                var stalled = 0.0
                try recorder.record(
                    ["memory.max": .number(limit)], repeatNumber: number, seconds: seconds,
                    outcome: isEnough ? .completed : .oomKilled,
                    reason: isEnough ? "" : "OOM-killed at the container's limit", exitCode: isEnough ? 0 : 137,
                    holds: isEnough, measures: ["memory.peak": min(need, limit), "wall": seconds]
                ) { time in
                    let used = min(need, growth * time, limit)
                    if used > limit * 0.93 { stalled += 30_000 }
                    return [used, used * 0.06, time * 870_000, stalled]
                }
            }
            return all
        }
        var (low, high) = (16 * mebibyte, 256 * mebibyte)
        _ = try tryAt(high)
        _ = try tryAt(low)
        while (high - low) / high > 0.02 {
            let middle = ((low * high).squareRoot() / 4096).rounded() * 4096
            if try tryAt(middle) { high = middle } else { low = middle }
        }
        return folder
    }

    static let quotas = [0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2]

    /// A server whose latency stops falling at 500m; at 100m some loads give up.
    static func latency(
        at path: String, target: Double? = nil, repeats: Int = 5, planned: Int? = nil, isBroken: Bool = false
    ) throws -> ResultFolder {
        let folder = try ResultFolder.create(
            path,
            ExperimentDescription(
                name: "latency-quota",
                question: "How much CPU does the web server need before its latency stops improving?",
                factors: [
                    ExperimentFactor(
                        name: "cpu.max", knob: "cpu.max", container: "web", unit: .cores, scale: .logarithmic,
                        values: quotas.map { .number($0) })
                ],
                fixed: ["limits.memory": "64Mi", "load": "wrk -t1 -c8 -d10s"],
                measures: [
                    ExperimentMeasure(name: "p99", unit: .milliseconds, direction: .lowerIsBetter, target: target),
                    ExperimentMeasure(name: "throughput", unit: .perSecond, direction: .higherIsBetter),
                ],
                series: [
                    SampleSeries(name: "memory.current", container: "web", unit: .bytes),
                    SampleSeries(name: "cpu.stat usage_usec", container: "web", unit: .microseconds, kind: .counter),
                    SampleSeries(name: "cpu.stat nr_periods", container: "web", unit: .count, kind: .counter),
                    SampleSeries(name: "cpu.stat nr_throttled", container: "web", unit: .count, kind: .counter),
                    SampleSeries(
                        name: "cpu.pressure some total", container: "web", unit: .microseconds, kind: .counter),
                    SampleSeries(name: "rate", container: "web", unit: .perSecond),
                ],
                container: "web", repeats: repeats, durationSeconds: 10, intervalSeconds: 0.1, seed: 7,
                plannedTrials: planned ?? quotas.count * repeats, machine: machine, startedAt: startedAt,
                commandLine: ["minikube-lite", "experiment", "run", "examples/experiments/latency-quota.yaml"],
                fileDigest: "sha256:0f0e0d0c0b0a09080706050403020100a1b2c3d4e5f60718293a4b5c6d7e8f90"))
        var recorder = try Recorder(folder, seed: 7)
        var order = quotas.flatMap { quota in (1...repeats).map { (quota, $0) } }
        order.shuffle(using: &recorder.generator)
        for (index, (quota, number)) in order.enumerated() {
            let demand = 0.46 * recorder.noise(0.03)
            let isStarved = quota == 0.1 && number % 2 == 0
            let p99 = (27 + 3.4 / pow(min(quota, 0.52) / 0.52, 3) + (quota < 0.45 ? 60 : 0)) * recorder.noise(0.07)
            let throttled = min(1, max(0, 1.05 - quota / 0.52))
            var (used, periods, cut, stalled) = (0.0, 0.0, 0.0, 0.0)
            if isBroken, index == 3 {
                try recorder.record(
                    ["cpu.max": .number(quota)], repeatNumber: number, seconds: 0.2, outcome: .broken,
                    reason: "pod <web> did not start: image \"web\" | not there", exitCode: nil, measures: [:]
                ) { _ in [] }
                continue
            }
            try recorder.record(
                ["cpu.max": .number(quota)], repeatNumber: number, seconds: 10,
                outcome: isStarved ? .timedOut : .completed,
                reason: isStarved ? "the load got no answer for 5 s" : "", exitCode: nil,
                measures: isStarved ? [:] : ["p99": p99, "throughput": 1900 * min(1, quota / 0.48)]
            ) { time in
                let wave = 1 + 0.05 * sin(time * 3 + Double(number))
                used += min(quota, demand * wave) * 100_000
                periods += 1
                let isCut = Double((Int(periods) * 7919 + index * 13) % 100) < throttled * 100
                cut += isCut ? 1 : 0
                stalled += throttled * 80_000 * wave
                return [(22 + 2 * wave) * mebibyte, used, periods, cut, stalled, 1900 * min(1, quota / 0.48) * wave]
            }
        }
        return folder
    }

    /// Half of the throughput goes to a busy neighbour, unless cpu.weight protects it.
    static func neighbour(at path: String, repeats: Int = 5) throws -> ResultFolder {
        let folder = try ResultFolder.create(
            path,
            ExperimentDescription(
                name: "noisy-neighbour",
                question: "Does cpu.weight keep a noisy neighbour from slowing the server down?",
                factors: [
                    ExperimentFactor(
                        name: "cpu.weight", knob: "cpu.weight", container: "web", unit: .none, scale: .category,
                        values: [.number(100), .number(1000)]),
                    ExperimentFactor(
                        name: "neighbour", knob: "LOAD", container: "noisy/spin", unit: .none, scale: .category,
                        values: [.word("idle"), .word("busy")]),
                ],
                baseline: ["neighbour": .word("idle")], fixed: ["cpuset.cpus": "1"],
                measures: [
                    ExperimentMeasure(name: "throughput", unit: .perSecond, direction: .higherIsBetter),
                    ExperimentMeasure(name: "p99", unit: .milliseconds, direction: .lowerIsBetter),
                ],
                series: [
                    SampleSeries(name: "cpu.stat usage_usec", container: "web", unit: .microseconds, kind: .counter),
                    SampleSeries(
                        name: "cpu.stat usage_usec", container: "neighbour", unit: .microseconds, kind: .counter),
                    SampleSeries(
                        name: "cpu.pressure some total", container: "web", unit: .microseconds, kind: .counter),
                    SampleSeries(name: "rate", container: "web", unit: .perSecond),
                ],
                container: "web", repeats: repeats, durationSeconds: 8, intervalSeconds: 0.1, seed: 3,
                plannedTrials: 4 * repeats, machine: machine, startedAt: startedAt,
                commandLine: ["minikube-lite", "experiment", "run", "examples/experiments/noisy-neighbour.yaml"],
                fileDigest: "sha256:a1b2c3d4e5f60718293a4b5c6d7e8f900f0e0d0c0b0a09080706050403020100"))
        var recorder = try Recorder(folder, seed: 3)
        var order: [(load: String, weight: Double, number: Int)] = []
        for load in ["idle", "busy"] {
            for weight in [100.0, 1000] { order += (1...repeats).map { (load, weight, $0) } }
        }
        order.shuffle(using: &recorder.generator)
        for (load, weight, number) in order {
            let isBusy = load == "busy"
            let share = isBusy ? (weight == 100 ? 0.5 : 0.91) : 1
            let rate = 2100 * share * recorder.noise(0.02)
            var (used, other, stalled) = (0.0, 0.0, 0.0)
            try recorder.record(
                ["neighbour": .word(load), "cpu.weight": .number(weight)], repeatNumber: number, seconds: 8,
                exitCode: nil, measures: ["throughput": rate, "p99": 12 / share * recorder.noise(0.05)]
            ) { time in
                let wave = 1 + 0.06 * sin(time * 5 + Double(number))
                used += share * 98_000 * wave
                other += isBusy ? (1 - share) * 98_000 : 500
                stalled += (1 - share) * 90_000 * wave
                return [used, other, stalled, rate * wave]
            }
        }
        return folder
    }
}
