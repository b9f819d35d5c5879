import Foundation
import Synchronization

/// Gathers what one trial measures: samples go to the log as they come, and into the numbers that are the trial's measures.
final class TrialRecorder: Sendable {
    private struct State {
        /// Seconds since the trial's start; nil before the workload runs, and while it does.
        var startedAt: Double?
        var endedAt: Double?
        var first: (seconds: Double, values: [Double?])?
        var last: (seconds: Double, values: [Double?])?
        var peaks: [Double?]
        var printed: [Printed]
        var failure: (any Error)?
    }

    /// What is known of one printed value.
    private struct Printed {
        var count = 0
        var sum = 0.0
        var last: Double?
        var least: Double?
        var most: Double?
    }

    let trial: Int
    private let experiment: Experiment
    private let log: SampleLog
    private let state: Mutex<State>

    init(trial: Int, experiment: Experiment, log: SampleLog) {
        self.trial = trial
        self.experiment = experiment
        self.log = log
        state = Mutex(
            State(
                peaks: Array(repeating: nil, count: experiment.measurement.cgroupSeries.count),
                printed: Array(repeating: Printed(), count: experiment.measurement.printed.count)))
    }

    /// The workload runs from now on: what is measured within the warm-up does not count.
    func started(at seconds: Double) { state.withLock { if $0.startedAt == nil { $0.startedAt = seconds } } }

    /// What is sampled from now on is how the workload is stopped, not how it works.
    func stopped(at seconds: Double) { state.withLock { if $0.endedAt == nil { $0.endedAt = seconds } } }

    var startedAt: Double? { state.withLock { $0.startedAt } }

    /// The first thing that could not be written; the trial's samples are not whole then.
    var failure: (any Error)? { state.withLock { $0.failure } }

    private var warmup: Double { experiment.warmup.seconds }

    /// One row of the cgroup, in the order of the columns.
    func record(_ values: [Double?], at seconds: Double) {
        append(values, at: seconds)
        state.withLock { state in
            if let end = state.endedAt, seconds > end { return }
            // Counters of a cgroup begin at zero, so without a warm-up there is nothing to subtract.
            if warmup > 0, seconds <= (state.startedAt ?? .infinity) + warmup {
                state.first = (seconds, values)
                return
            }
            state.last = (seconds, values)
            for (index, value) in values.enumerated() {
                if let value { state.peaks[index] = max(state.peaks[index] ?? value, value) }
            }
        }
    }

    /// A value that a program printed.
    func record(printed index: Int, _ value: Double, at seconds: Double) {
        let printed = experiment.measurement.printed[index]
        if let column = experiment.measurement.column(printed) {
            append(Array(repeating: nil, count: column) + [value], at: seconds)
        }
        state.withLock { state in
            guard warmup == 0 || seconds >= (state.startedAt ?? .infinity) + warmup else { return }
            var known = state.printed[index]
            known.count += 1
            known.sum += value
            known.last = value
            known.least = min(known.least ?? value, value)
            known.most = max(known.most ?? value, value)
            state.printed[index] = known
        }
    }

    private func append(_ values: [Double?], at seconds: Double) {
        do {
            try log.append(trial: trial, seconds: seconds, values: values)
        } catch {
            state.withLock { if $0.failure == nil { $0.failure = error } }
        }
    }

    // MARK: Measures

    /// What came of it, by measure name; what could not be measured is not there.
    func measures(wallTime: Double?, missedSamples: Int) -> [String: Double] {
        state.withLock { state in
            var measures: [String: Double] = [:]
            measures[CgroupMeasure.wallTime.name] = wallTime
            if state.last != nil { measures[CgroupMeasure.missedSamples.name] = Double(missedSamples) }
            for derived in CgroupMeasure.derived { measures[derived.measure.name] = value(derived, state) }
            for (printed, known) in zip(experiment.measurement.printed, state.printed) {
                measures[printed.measure] =
                    switch printed.take {
                    case .last: known.last
                    case .mean: known.count > 0 ? known.sum / Double(known.count) : nil
                    case .min: known.least
                    case .max: known.most
                    }
            }
            return measures
        }
    }

    private func value(_ derived: CgroupMeasure.Derived, _ state: State) -> Double? {
        let columns = experiment.measurement.cgroupSeries
        func growth(_ name: String) -> Double? {
            guard let index = columns.firstIndex(where: { $0.name == name }), let last = state.last?.values[index]
            else { return nil }
            return last - (state.first?.values[index] ?? 0)
        }
        switch derived.reduction {
        case .peak:
            guard let index = columns.firstIndex(where: { $0.name == derived.series }) else { return nil }
            return state.peaks[index].map { $0 * derived.factor }
        case .growth: return growth(derived.series).map { $0 * derived.factor }
        case .share(let whole):
            guard let part = growth(derived.series), let whole = growth(whole), whole > 0 else { return nil }
            return part / whole * 100
        case .rate:
            guard let growth = growth(derived.series), let last = state.last,
                let start = state.first?.seconds ?? state.startedAt, last.seconds > start
            else { return nil }
            return growth / (last.seconds - start) * derived.factor
        }
    }
}
