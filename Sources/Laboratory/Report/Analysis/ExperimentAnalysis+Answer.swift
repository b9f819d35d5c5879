import Foundation

extension ExperimentAnalysis {
    /// The answer to the experiment's question, as far as the trials give one.
    var answer: Answer {
        var answer = plainAnswer
        answer.qualifiers.append(Wording.count(trials.count, "trial"))
        if wasUnenforced { answer.warnings.append("limits may not have been enforced") }
        if !broken.isEmpty { answer.warnings.append("\(broken.count) broken") }
        if let planned = description.plannedTrials, trials.count + broken.count < planned {
            answer.warnings.append("interim: \(trials.count + broken.count) of \(planned)")
        }
        return answer
    }

    private var plainAnswer: Answer {
        guard let factor, !trials.isEmpty else {
            return Answer(
                headline: "no answer yet",
                sentence: broken.isEmpty
                    ? "No trial has ended yet." : "All \(broken.count) trials that ended are broken: see the problems.")
        }
        if let threshold, description.bisection != nil || threshold.failing != nil && factor.unit == .bytes {
            return thresholdAnswers(threshold, factor)
        }
        guard let measure else {
            if let threshold { return thresholdAnswers(threshold, factor) }
            return Answer(headline: "no answer", sentence: "No trial has a value of any measure.")
        }
        return form == .response ? responseAnswer(measure, factor) : comparisonAnswer(measure, factor)
    }

    // MARK: the smallest value that holds

    /// `holds` as a verb: what the condition is, or that the workload came through.
    private var conditionText: String { description.bisection?.condition ?? "the workload comes to its end" }

    /// That of the first curve in full, of the others the number.
    private func thresholdAnswers(_ threshold: ThresholdEstimate, _ factor: ExperimentFactor) -> Answer {
        var answer = thresholdAnswer(threshold, factor)
        guard curves.count > 1, thresholds.count == curves.count else { return answer }
        answer.caption += " with \(curves[0].label)"
        answer.sentence = "With \(curves[0].label): \(answer.sentence)"
        let others = zip(curves, thresholds).dropFirst().map { curve, threshold in
            "with \(curve.label) it is \(thresholdAnswer(threshold, factor).headline)"
        }
        answer.sentence += " \(Wording.capitalized(Wording.list(others, limit: 4)))."
        return answer
    }

    private func thresholdAnswer(_ threshold: ThresholdEstimate, _ factor: ExperimentFactor) -> Answer {
        let above = description.bisection?.holdsAbove ?? true
        let superlative = above ? "smallest" : "largest"
        // No more digits than the width of the interval is worth.
        let isCoarse = threshold.width.map { $0 > 0.004 * (threshold.holding?.value ?? 0) } ?? true
        func text(_ value: Double) -> String { factor.unit.text(value, digits: isCoarse ? 3 : 4) }
        guard let holding = threshold.holding else {
            let edge = threshold.failing?.value ?? 0
            return Answer(
                headline: "\(above ? "above" : "below") \(text(edge))",
                caption: "the \(superlative) \(factor.name) that holds",
                sentence: "No value tried was enough for “\(conditionText)”: at \(text(edge)) it still "
                    + "\(threshold.failing?.failureText ?? "failed").")
        }
        let odds =
            "held in \(holding.tally), so with 95\u{A0}% certainty at least "
            + "\(Wording.percent(holding.holds.interval.lower)) of runs do"
        guard let failing = threshold.failing, let width = threshold.width else {
            return Answer(
                headline: "\(above ? "at most" : "at least") \(text(holding.value))",
                caption: "the \(superlative) \(factor.name) that holds",
                sentence: "Every value tried was enough for “\(conditionText)”, down to \(text(holding.value)) "
                    + "(\(odds)): the threshold lies outside of what was tried.",
                qualifiers: [Wording.count(holding.holds.count, "repeat")])
        }
        let width2 = Wording.percent(width / max(abs(holding.value), abs(failing.value)))
        var sentence =
            "The \(superlative) \(factor.name) for which “\(conditionText)” holds lies between "
            + "\(text(failing.value)) (\(failing.failureText)) and \(text(holding.value)) (\(odds))."
        if let hopeless = threshold.hopeless {
            sentence += " Only at \(text(hopeless.value)) it never held: in between it is a matter of chance."
        }
        return Answer(
            headline: text(holding.value), caption: "the \(superlative) \(factor.name) that holds",
            sentence: sentence,
            qualifiers: [
                "known to within \(width2)", "\(Wording.count(holding.holds.count, "repeat")) at the answer",
            ])
    }

    // MARK: where the curve bends

    private func interval(_ level: Level, _ measure: ExperimentMeasure) -> String {
        guard let median = level.median else { return "not measured" }
        guard let interval = level.interval else { return "\(measure.unit.text(median)) (one trial)" }
        return "\(measure.unit.text(median)) (\(measure.unit.range(interval.lower, interval.upper)))"
    }

    private func responseAnswer(_ measure: ExperimentMeasure, _ factor: ExperimentFactor) -> Answer {
        let findings = curves.compactMap { curve in
            ResponseFinding(curve, measure: measure, factor: factor, seed: description.seed).map { (curve, $0) }
        }
        guard let (curve, finding) = findings.first else {
            return Answer(headline: "no answer", sentence: "No trial that came to its end has a \(measure.name).")
        }
        var answer = sentence(finding, measure, factor)
        if findings.count > 1 {
            answer.sentence = "With \(curve.label): \(answer.sentence)"
            let others = findings.dropFirst().map { other, finding in
                "with \(other.label) it is \(headline(finding, factor, short: true))"
            }
            answer.sentence += " \(Wording.capitalized(Wording.list(others, limit: 4)))."
        }
        if let interval = finding.level.interval {
            answer.qualifiers += [
                Wording.count(finding.level.responses.count, "repeat") + " at the answer",
                "medians with \(Wording.percent(interval.certainty)) intervals",
            ]
        } else {
            answer.qualifiers += ["no repeats, so no spread is known"]
        }
        return answer
    }

    private func headline(_ finding: ResponseFinding, _ factor: ExperimentFactor, short: Bool = false) -> String {
        let value = factor.text(finding.level.value)
        switch finding.point {
        case .target, .knee, .best: return value
        case .targetMissed: return short ? "none" : "above \(value)"
        }
    }

    private func sentence(
        _ finding: ResponseFinding, _ measure: ExperimentMeasure, _ factor: ExperimentFactor
    ) -> Answer {
        let value = factor.text(finding.level.value)
        let at = interval(finding.level, measure)
        let headline = headline(finding, factor)
        // What lies between two values tried is not known.
        let resolution = finding.before.map { ["next value tried below: \(factor.text($0.value))"] } ?? []
        switch finding.point {
        case .target(let target, let isCertain):
            var text =
                "From \(factor.name) \(value) on, \(measure.name) meets its target of \(measure.unit.text(target)): "
                + "its median there is \(at)"
            text += finding.before.map { "; at \(factor.text($0.value)) it is \(interval($0, measure))." } ?? "."
            if !isCertain {
                text += " The spread over repeats reaches beyond the target, so this is likely, not certain."
            }
            return Answer(
                headline: headline, caption: "\(factor.name) from which \(measure.name) meets its target",
                sentence: text, qualifiers: resolution)
        case .targetMissed(let target):
            let unlimited = finding.unlimited.map { " Without a limit it is \(interval($0, measure))." } ?? ""
            return Answer(
                headline: headline, caption: "\(factor.name) for \(measure.name) to meet its target",
                sentence: "No value tried meets the target of \(measure.unit.text(target)): at \(factor.name) "
                    + "\(value), the last one, the median of \(measure.name) is \(at).\(unlimited)")
        case .knee(let share, let neighbours):
            var text =
                "\(measure.name) stops gaining at \(factor.name) \(value): its median there is " + at
            if let before = finding.before {
                text += ", against \(interval(before, measure)) at \(factor.text(before.value))"
            }
            text +=
                finding.level.value == finding.last.value
                ? "." : " and \(interval(finding.last, measure)) at \(factor.text(finding.last.value))."
            let agreement = Wording.percent(share)
            text += " Resampling the repeats gives the same value in \(agreement) of 400 draws"
            text +=
                neighbours.lowerBound == neighbours.upperBound
                ? "." : ", else one within \(factor.unit.range(neighbours.lowerBound, neighbours.upperBound))."
            return Answer(
                headline: headline, caption: "\(factor.name) at which \(measure.name) stops gaining", sentence: text,
                qualifiers: resolution)
        case .best:
            return Answer(
                headline: headline, caption: "\(factor.name) with the best \(measure.name)",
                sentence: "The curve has no clear bend; \(measure.name) is best at \(factor.name) "
                    + "\(value): \(at).")
        }
    }

    // MARK: with and without

    private func comparisonAnswer(_ measure: ExperimentMeasure, _ factor: ExperimentFactor) -> Answer {
        let effects = Effect.find(curves, factor: factor, baseline: description.baseline[factor.name])
        guard let first = effects.first else {
            let level = curves.first?.levels.first { $0.median != nil }
            return Answer(
                headline: level.map { measure.unit.text($0.median ?? 0) } ?? "no answer",
                sentence: "There is nothing to compare \(measure.name) with yet: "
                    + "two settings of \(factor.name) with values above zero are needed.")
        }
        // The level that does most: with more than two, the others are in the chart.
        let level =
            effects.filter { $0.curve.others == first.curve.others }
            .max { abs(log($0.comparison.ratio)) < abs(log($1.comparison.ratio)) } ?? first
        let chosen = effects.filter { $0.level.value == level.level.value }
        let parts = chosen.map { effect in
            let words = "\(changeText(effect.comparison.ratio)) (\(changeRange(effect.comparison.interval)))"
            return effect.curve.label.isEmpty ? words : "\(words) with \(effect.curve.label)"
        }
        let contrast =
            "\(factor.setting(level.level.value)) instead of \(factor.text(level.reference.value))"
        let labels = chosen.prefix(3).map(\.curve.label).filter { !$0.isEmpty }.joined(separator: " → ")
        let certainty = chosen.map(\.comparison.interval.certainty).min() ?? 0
        return Answer(
            headline: chosen.prefix(3).map { changeText($0.comparison.ratio) }.joined(separator: " → "),
            caption: "\(measure.name), \(contrast)" + (labels.isEmpty ? "" : ": \(labels)"),
            sentence: "\(Wording.capitalized(contrast)) changes \(measure.name) by \(Wording.list(parts)).",
            qualifiers: ["\(Wording.percent(certainty)) intervals"],
            warnings: chosen.contains { $0.comparison.interval.contains(1) } ? ["may be chance"] : [])
    }

    /// `-58 %`, or `×3.1` for more than a doubling.
    private func changeText(_ ratio: Double) -> String {
        if ratio >= 2 { return "×\(NumberText.short(ratio, digits: 2))" }
        let change = ((ratio - 1) * 1000).rounded() / 10
        let digits = NumberText.fixed(abs(change), abs(change) < 10 ? 1 : 0)
        return "\(change < 0 ? "−" : "+")\(digits)\u{A0}%"
    }

    private func changeRange(_ interval: Interval) -> String {
        "\(changeText(interval.lower)) to \(changeText(interval.upper))"
    }
}
