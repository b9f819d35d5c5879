import Foundation

extension ExperimentAnalysis {
    /// What a reader could otherwise trip over: missing and broken trials, few repeats, outliers, contradictions.
    func findRemarks() -> [String] {
        var remarks: [String] = []
        let done = trials.count + broken.count
        if let planned = description.plannedTrials, done < planned {
            remarks.append(
                "\(done) of \(planned) planned trials are done: this is an interim report, and running the "
                    + "experiment again goes on")
        }
        if wasUnenforced {
            remarks.append(
                "the experiment was allowed to run on a node that may not enforce its knobs (--allow-unenforced): what "
                    + "it shows need not come from them")
        }
        for trial in broken {
            remarks.append(
                "trial \(trial.id) is broken and not counted: \(trial.reason.isEmpty ? "no reason given" : trial.reason)"
            )
        }
        remarks += thresholds.flatMap(\.contradictions)
        if let measure {
            for curve in curves {
                remarks += outliers(curve, measure) + disorder(curve, measure)
            }
        }
        let missed = trials.filter { ($0.measures["missed_samples"] ?? 0) > 0 }
        if !missed.isEmpty {
            let count = missed.compactMap { $0.measures["missed_samples"] }.reduce(0, +)
            remarks.append(
                "\(Wording.count(Int(count), "sample")) of \(Wording.count(missed.count, "trial")) came too late to be "
                    + "taken: the machine was busy, and short peaks may not be seen")
        }
        if curves.count > ResponseChart.maximumCurves {
            remarks.append("the chart has the first \(ResponseChart.maximumCurves) of \(curves.count) combinations")
        }
        let few = curves.flatMap(\.levels).filter { $0.trials.count < description.repeats }.count
        if few > 0, description.bisection == nil, done >= description.plannedTrials ?? 0 {
            remarks.append(
                "\(Wording.count(few, "setting has", "settings have")) fewer trials than the repeats asked for")
        }
        return remarks
    }

    /// Whether the runner was told not to insist on limits that count.
    var wasUnenforced: Bool { description.commandLine.contains("--allow-unenforced") }

    private func outliers(_ curve: ResponseCurve, _ measure: ExperimentMeasure) -> [String] {
        curve.levels.flatMap { level -> [String] in
            guard let bounds = level.quantiles.outlierBounds, let median = level.median else { return [] }
            // Of five values that agree to a hundredth one is easily out of bounds, and nobody would mind.
            let far = level.responses.filter {
                !bounds.contains($0.value) && abs($0.value - median) > abs(median) / 10
            }
            return far.map { response in
                "trial \(response.trial) is far from its repeats: \(measure.name) "
                    + "\(measure.unit.text(response.value)), where their median is \(measure.unit.text(median)); "
                    + "it is counted"
            }
        }
    }

    /// Levels that are worse than the one before although more was given, by more than chance explains.
    private func disorder(_ curve: ResponseCurve, _ measure: ExperimentMeasure) -> [String] {
        guard let factor, form == .response, measure.direction != .neither else { return [] }
        let levels = curve.levels.filter { $0.median != nil && $0.value.number != nil }
        guard let first = levels.first?.median, let last = levels.last?.median else { return [] }
        // The direction of the whole curve: a measure that gets worse from end to end is no contradiction.
        let falls = last < first
        let medians = levels.compactMap(\.median)
        let span = (medians.max() ?? 0) - (medians.min() ?? 0)
        return zip(levels, levels.dropFirst()).compactMap { lower, upper in
            guard let a = lower.interval, let b = upper.interval, !a.overlaps(b), let from = lower.median,
                let to = upper.median, falls == (to > from), abs(to - from) > span / 10
            else { return nil }
            return "\(measure.name) goes the other way between \(factor.text(lower.value)) and "
                + "\(factor.text(upper.value)): \(measure.unit.text(from)), then \(measure.unit.text(to)), and the "
                + "repeats do not overlap; something else changed between these trials"
        }
    }
}
