import Foundation

/// A short answer with what makes it certain or not.
struct Answer: Sendable, Hashable {
    /// A few words or a number for the first glance.
    var headline: String
    /// What the headline is, in a few words.
    var caption = ""
    /// What it means, with its uncertainty.
    var sentence: String
    /// Short statements on how sure it is: `3 repeats`, `95 % certain`.
    var qualifiers: [String] = []
    /// Likewise, what a reader must not miss: `interim: 12 of 40`.
    var warnings: [String] = []
}

/// What the trials say, before it is drawn or put in words.
struct ExperimentAnalysis: Sendable {
    /// What the first chart is.
    enum Form: Sendable, Hashable {
        /// The share of trials that held along the factor of a bisection.
        case survival
        /// The measure along a number.
        case response
        /// The measure for a few settings side by side.
        case comparison
        /// There is nothing to draw yet.
        case nothing
    }

    let description: ExperimentDescription
    /// All but the broken ones.
    let trials: [ExperimentTrial]
    let broken: [ExperimentTrial]
    let digest: SampleDigest
    /// The response: the first measure that any trial has.
    let measure: ExperimentMeasure?
    /// The factor that the chart runs along.
    let factor: ExperimentFactor?
    let curves: [ResponseCurve]
    let form: Form
    /// Of each curve, where the question is from which value on something holds.
    let thresholds: [ThresholdEstimate]
    /// What a reader has to know beside the answer, in sentences.
    var remarks: [String] = []

    init(_ result: ExperimentResult, digest: SampleDigest) {
        description = result.description
        self.digest = digest
        broken = result.trials.filter { $0.outcome == .broken }
        let usable = result.trials.filter { $0.outcome != .broken }.sorted { ($0.order, $0.id) < ($1.order, $1.id) }
        trials = usable
        let measure = Self.response(usable, result.description)
        self.measure = measure
        let factor = Self.mainFactor(result.description)
        self.factor = factor
        let curves = factor.map { Self.curves(usable, result.description, along: $0, measure) } ?? []
        self.curves = curves
        form = Self.form(result.description, factor, curves, measure)
        let isBisection = result.description.bisection != nil
        let mayFail = factor?.unit == .bytes || usable.contains { !$0.cameThrough }
        if let factor, isBisection || curves.count == 1 && mayFail {
            thresholds = curves.compactMap {
                ThresholdEstimate($0.levels, factor: factor, rule: result.description.bisection)
            }
        } else {
            thresholds = []
        }
        remarks = result.problems + digest.problems + findRemarks()
    }

    var threshold: ThresholdEstimate? { thresholds.first }

    /// The first measure that any trial has; in a bisection rather one that the condition is about.
    private static func response(
        _ trials: [ExperimentTrial], _ description: ExperimentDescription
    ) -> ExperimentMeasure? {
        let measured = description.measures.filter { measure in trials.contains { $0.measures[measure.name] != nil } }
        let asked = description.bisection.flatMap { bisection in measured.first { bisection.isAbout($0) } }
        return asked ?? measured.first
    }

    /// The factor of the bisection; else the one with most numbers; else the one whose effect is asked for by a
    /// baseline; else the first.
    private static func mainFactor(_ description: ExperimentDescription) -> ExperimentFactor? {
        if let bisection = description.bisection {
            return description.factors.first { $0.name == bisection.factor }
        }
        let numeric = description.factors.filter { factor in
            factor.scale != .category && factor.values.filter { $0.number != nil }.count >= 3
        }
        let most = numeric.map(\.values.count).max()
        return numeric.first { $0.values.count == most }
            ?? description.factors.first { description.baseline[$0.name] != nil } ?? description.factors.first
    }

    private static func curves(
        _ trials: [ExperimentTrial], _ description: ExperimentDescription, along factor: ExperimentFactor,
        _ measure: ExperimentMeasure?
    ) -> [ResponseCurve] {
        let others = description.factors.filter { $0.name != factor.name }
        let groups = Dictionary(grouping: trials) { trial in trial.values.filter { $0.key != factor.name } }
        func place(_ value: ExperimentValue?, _ factor: ExperimentFactor) -> Int {
            value.flatMap { factor.values.firstIndex(of: $0) } ?? factor.values.count
        }
        let keys = groups.keys.sorted { left, right in
            for other in others where left[other.name] != right[other.name] {
                return place(left[other.name], other) < place(right[other.name], other)
            }
            return false
        }
        return keys.map { key in
            let levels = Dictionary(grouping: groups[key] ?? []) { $0.values[factor.name] ?? .word("") }
                .map { Level(value: $0.key, trials: $0.value, measure: measure) }
                .sorted {
                    factor.scale == .category
                        ? (place($0.value, factor), $0.value) < (place($1.value, factor), $1.value)
                        : $0.value < $1.value
                }
            let label = others.map { $0.setting(key[$0.name]) }.joined(separator: ", ")
            return ResponseCurve(label: label, others: key, levels: levels)
        }
    }

    private static func form(
        _ description: ExperimentDescription, _ factor: ExperimentFactor?, _ curves: [ResponseCurve],
        _ measure: ExperimentMeasure?
    ) -> Form {
        guard let factor, !curves.isEmpty else { return .nothing }
        if let bisection = description.bisection {
            // A condition on the measure itself is best seen on its curve.
            return measure.map(bisection.isAbout) ?? false ? .response : .survival
        }
        let numbers = Set(curves.flatMap { $0.levels.compactMap(\.value.number) })
        if factor.scale != .category, numbers.count >= 3 { return measure == nil ? .survival : .response }
        return measure == nil ? .nothing : .comparison
    }
}

extension ExperimentBisection {
    /// Whether the condition compares a measure that has a curve: a count of kills or restarts has none.
    func isAbout(_ measure: ExperimentMeasure) -> Bool {
        let words = condition.split { " <>=!&|()".contains($0) }
        return measure.unit != .count && words.contains { $0 == measure.name }
    }
}
