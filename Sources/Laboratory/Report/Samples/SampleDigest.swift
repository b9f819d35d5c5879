import Foundation

/// The least and the largest value of a line in each of a fixed number of slices of time.
struct DownsampledLine: Sendable, Hashable {
    /// Nil where a slice has no sample.
    private(set) var slices: [ClosedRange<Double>?]

    init(count: Int) { slices = Array(repeating: nil, count: count) }

    mutating func add(_ value: Double, at slice: Int) {
        guard slices.indices.contains(slice) else { return }
        if let range = slices[slice] {
            slices[slice] = min(range.lowerBound, value)...max(range.upperBound, value)
        } else {
            slices[slice] = value...value
        }
    }

    /// How many slices have a sample.
    var count: Int { slices.count { $0 != nil } }

    var maximum: Double? { slices.compactMap { $0?.upperBound }.max() }
}

/// What the report needs of all samples, made in one pass: hundreds of thousands of lines become a few hundred numbers
/// per trial.
struct SampleDigest: Sendable {
    /// One trial's part.
    struct Trial: Sendable {
        /// By panel, then by line.
        var lines: [[DownsampledLine]]
        /// Working set (memory.current less inactive_file) of the experiment's container after the first fifth of the
        /// trial, in bytes.
        var workingSet: [Double] = []
        /// CPU in use likewise, in cores.
        var cores: [Double] = []
        /// The growth of nr_throttled and nr_periods over the trial.
        var throttledPeriods = 0.0
        var periods = 0.0
        var count = 0

        /// 0 to 1; nil where no period passed: without a quota there are none.
        var throttledShare: Double? { periods > 0 ? throttledPeriods / periods : nil }
    }

    static let slices = 120

    var panels: [SamplePanel]
    var trials: [Int: Trial] = [:]
    /// The length of the time axis in seconds: the longest trial.
    var duration: Double
    var count = 0
    var problems: [String] = []

    /// Without samples.
    init(_ description: ExperimentDescription) {
        panels = SamplePanel.choose(description)
        duration = 0
    }

    /// Reads a folder's samples. Those of trials that are not in the results are left out: they never ended.
    init(folder: ResultFolder, trials finished: [ExperimentTrial]) throws {
        self.init(folder.description)
        let lengths = Dictionary(
            finished.map { ($0.id, $0.end.timeIntervalSince($0.start)) }, uniquingKeysWith: { first, _ in first })
        duration = lengths.values.max() ?? 0
        let catalog = SeriesCatalog(folder.description)
        let usage = UsageColumns(
            memory: catalog.preferred("memory.current"), inactive: catalog.preferred("memory.stat inactive_file"),
            cpu: catalog.preferred("cpu.stat usage_usec"), periods: catalog.preferred("cpu.stat nr_periods"),
            throttled: catalog.preferred("cpu.stat nr_throttled"))
        var previous: [Int: ExperimentSample] = [:]
        let empty = Trial(lines: panels.map { $0.lines.map { _ in DownsampledLine(count: Self.slices) } })
        problems = try folder.forEachSample { sample in
            guard let length = lengths[sample.trial] else { return }
            count += 1
            add(
                sample, after: previous[sample.trial], to: &trials[sample.trial, default: empty], length: length, usage)
            previous[sample.trial] = sample
        }
        dropFlatPanels()
    }

    private struct UsageColumns {
        var memory, inactive, cpu, periods, throttled: Int?
    }

    private func add(
        _ sample: ExperimentSample, after previous: ExperimentSample?, to trial: inout Trial, length: Double,
        _ usage: UsageColumns
    ) {
        trial.count += 1
        let slice = duration > 0 ? min(Self.slices - 1, Int(sample.seconds / duration * Double(Self.slices))) : 0
        for (panel, description) in panels.enumerated() {
            for (line, source) in description.lines.map(\.source).enumerated() {
                if let value = Self.value(source, sample, previous) {
                    trial.lines[panel][line].add(value, at: slice)
                }
            }
        }
        if let previous {
            trial.throttledPeriods += Self.growth(usage.throttled, sample, previous) ?? 0
            trial.periods += Self.growth(usage.periods, sample, previous) ?? 0
        }
        guard sample.seconds >= length / 5 else { return }
        if let current = usage.memory.flatMap({ sample.values[$0] }) {
            trial.workingSet.append(max(0, current - (usage.inactive.flatMap { sample.values[$0] } ?? 0)))
        }
        if let cpu = usage.cpu, let cores = Self.value(.rate(cpu, 1e-6), sample, previous) { trial.cores.append(cores) }
    }

    private static func value(
        _ source: SamplePanel.Source, _ sample: ExperimentSample, _ previous: ExperimentSample?
    ) -> Double? {
        switch source {
        case .gauge(let index): return sample.values[index]
        case .rate(let index, let factor):
            guard let previous, sample.seconds > previous.seconds, let growth = growth(index, sample, previous) else {
                return nil
            }
            return growth * factor / (sample.seconds - previous.seconds)
        case .share(let part, let whole):
            guard let previous, let part = growth(part, sample, previous), let whole = growth(whole, sample, previous)
            else { return nil }
            return whole > 0 ? 100 * part / whole : 0
        }
    }

    /// Nil where it fell: the cgroup was made anew (a restart), and what it had before is not known.
    private static func growth(_ index: Int?, _ sample: ExperimentSample, _ previous: ExperimentSample) -> Double? {
        guard let index, let now = sample.values[index], let before = previous.values[index], now >= before else {
            return nil
        }
        return now - before
    }

    /// A panel that is zero all the time in all trials, or has a single value in each, is no time series.
    private mutating func dropFlatPanels() {
        let flat = panels.indices.filter { panel in
            !trials.values.contains { trial in
                trial.lines[panel].contains { ($0.maximum ?? 0) > 0 && $0.count > 1 }
            }
        }
        for panel in flat.reversed() {
            panels.remove(at: panel)
            for id in trials.keys { trials[id]?.lines.remove(at: panel) }
        }
    }

    /// The values of several trials together.
    func pooled(_ ids: [Int], _ values: KeyPath<Trial, [Double]>) -> Quantiles {
        Quantiles(ids.flatMap { trials[$0]?[keyPath: values] ?? [] })
    }
}
