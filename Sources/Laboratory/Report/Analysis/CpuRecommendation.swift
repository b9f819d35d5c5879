import Foundation

extension ExperimentAnalysis {
    /// `500m`, upwards to 5 thousandths.
    private static func quantity(_ cores: Double) -> String {
        let thousandths = Int64((cores * 200).rounded(.up)) * 5
        return thousandths % 1000 == 0 ? "\(thousandths / 1000)" : "\(thousandths)m"
    }

    /// Limit: where the target is met or the curve bends. Request: what is in use nearly all the time there.
    func cpuRecommendation(_ factor: ExperimentFactor) -> Recommendation {
        guard let limit = cpuLimit(factor) else {
            return Recommendation(
                title: "No limit can be recommended",
                reasons: ["No value tried was enough."],
                next: ["the same with larger values of \(factor.name)"])
        }
        guard limit.isFound else {
            return Recommendation(title: "No limit can be recommended", reasons: [limit.reason], next: limit.next)
        }
        var reasons = [limit.reason]
        var next = limit.next
        let near = ids { $0 == limit.value }
        let usage = digest.pooled(near, \.cores)
        var request = limit.value
        if let steady = usage.quantile(0.95) {
            request = min(limit.value, max(steady, 0.001))
            reasons.append(
                "Request: at that limit 95\u{A0}% of \(Wording.count(usage.count, "sample")) of CPU in use were at or "
                    + "below \(ExperimentUnit.cores.text(steady)) (after each trial's first fifth).")
        } else {
            reasons.append("Request: there are no samples of cpu.stat, so it is as large as the limit.")
            next.append("the same with cpu.stat among the samples")
        }
        let shares = near.compactMap { digest.trials[$0]?.throttledShare }
        if let throttled = Quantiles(shares).median {
            reasons.append("At that limit \(Wording.percent(throttled)) of the periods were throttled.")
        }
        let allShares = trials.compactMap { digest.trials[$0.id]?.throttledShare }
        if !allShares.isEmpty, allShares.allSatisfy({ $0 == 0 }) {
            next.append("smaller values: nothing was ever throttled, so no value tried limited the workload")
        }
        let repeats = trials.filter { $0.values[factor.name]?.number == limit.value }.count
        if repeats < 5 {
            next.append(
                "at least 5 repeats: with \(repeats) the spread at \(factor.text(.number(limit.value))) is hardly known"
            )
        }
        return Recommendation(
            title: "Limit \(Self.quantity(limit.value)), request \(Self.quantity(request))",
            yaml: Self.resources("cpu", request: Self.quantity(request), limit: Self.quantity(limit.value)),
            reasons: reasons, next: next)
    }

    private struct Limit {
        var value: Double
        var reason: String
        var next: [String] = []
        var isFound = true
    }

    private func cpuLimit(_ factor: ExperimentFactor) -> Limit? {
        if description.bisection != nil {
            guard let holding = threshold?.holding else { return nil }
            return Limit(
                value: holding.value,
                reason: "Limit: \(factor.text(.number(holding.value))) is the smallest value for which the condition "
                    + "held, in \(holding.tally) trials.")
        }
        guard let measure, let curve = baselineCurve,
            let finding = ResponseFinding(curve, measure: measure, factor: factor, seed: description.seed),
            let value = finding.level.value.number
        else { return nil }
        let text = factor.text(finding.level.value)
        switch finding.point {
        case .target(let target, let isCertain):
            return Limit(
                value: value,
                reason: "Limit: \(text) is the smallest value tried from which on \(measure.name) meets "
                    + "\(measure.unit.text(target)).",
                next: isCertain ? [] : ["more repeats around \(text): the spread reaches beyond the target"])
        case .targetMissed(let target):
            return Limit(
                value: value,
                reason: "No value tried meets the target of \(measure.unit.text(target)), not even \(text).",
                next: ["the same with larger values of \(factor.name)"], isFound: false)
        case .knee:
            return Limit(
                value: value,
                reason: "Limit: at \(text) the curve of \(measure.name) bends; more CPU gains little from there on.")
        case .best:
            return Limit(
                value: value,
                reason: "The curve of \(measure.name) neither bends nor has a target to meet, so no limit stands out.",
                next: ["a target for \(measure.name), or values over a wider range"], isFound: false)
        }
    }

    /// The curve that has the baseline's values, else the first.
    var baselineCurve: ResponseCurve? {
        curves.first { curve in
            !description.baseline.isEmpty && curve.others.allSatisfy { description.baseline[$0.key] == $0.value }
        } ?? curves.first
    }

    /// For knobs that are neither request nor limit: the setting that did best, as an annotation of the pod.
    func knobRecommendation(_ factor: ExperimentFactor) -> Recommendation {
        if let threshold, description.bisection != nil {
            guard let holding = threshold.holding else {
                return Recommendation(
                    title: "No value can be recommended", reasons: ["No value tried was enough."],
                    next: ["the same over a wider range of \(factor.name)"])
            }
            let value = ExperimentValue.number(holding.value)
            return Recommendation(
                title: "\(factor.name): \(factor.text(value))", yaml: annotation(factor, value),
                reasons: ["The condition held there in \(holding.tally) trials."])
        }
        guard let measure, measure.direction != .neither else {
            return Recommendation(
                title: "No value can be recommended",
                reasons: ["The experiment does not say whether more or less of its measure is better."])
        }
        let effects = Effect.find(curves, factor: factor, baseline: description.baseline[factor.name])
        return settingRecommendation(measure, effects: effects)
    }

    /// Among all combinations with the same burden, the one with the best median, if it is certain to be better.
    private func settingRecommendation(_ measure: ExperimentMeasure, effects: [Effect]) -> Recommendation {
        let lowerIsBetter = measure.direction == .lowerIsBetter
        func isBetter(_ a: Double, _ b: Double) -> Bool { lowerIsBetter ? a < b : a > b }
        // A factor that sets a knob can be chosen; one that only stands for a load cannot.
        let choosable = description.factors.filter { $0.knob.contains(".") }
        guard let chosen = choosable.first else {
            return Recommendation(
                title: "Nothing to set", reasons: ["None of the factors is a knob of a cgroup: see the chart."])
        }
        let cells = curves.flatMap { curve in
            curve.levels.map { level in
                (values: level.trials.first?.values ?? [:], level: level)
            }
        }.filter { $0.level.median != nil }
        // Per burden (the other factors' values) the settings are compared; the heaviest burden decides.
        let groups = Dictionary(grouping: cells) { cell in cell.values.filter { $0.key != chosen.name } }
        let hardest = groups.filter { $0.value.count > 1 }.max { left, right in
            let a = left.value.compactMap(\.level.median).reduce(0, +) / Double(left.value.count)
            let b = right.value.compactMap(\.level.median).reduce(0, +) / Double(right.value.count)
            return isBetter(a, b)
        }
        guard let group = hardest,
            let best = group.value.min(by: { isBetter($0.level.median ?? 0, $1.level.median ?? 0) }),
            let worst = group.value.max(by: { isBetter($0.level.median ?? 0, $1.level.median ?? 0) }),
            let value = best.values[chosen.name], let other = worst.values[chosen.name],
            let comparison = RatioComparison(of: best.level.quantiles.sorted, to: worst.level.quantiles.sorted)
        else {
            return Recommendation(
                title: "No setting can be recommended",
                reasons: ["There are no two settings of \(chosen.name) to compare."],
                next: ["at least two values of \(chosen.name), each with 5 repeats"])
        }
        let burden = description.factors.filter { $0.name != chosen.name }
            .map { "\($0.name) \(group.key[$0.name].map($0.text) ?? "?")" }.joined(separator: ", ")
        let interval = comparison.interval
        let text =
            "\(burden.isEmpty ? "" : "With \(burden): ")\(measure.name) at \(chosen.name) \(chosen.text(value)) is "
            + "×\(Effect.ratio(comparison.ratio)) of that at \(chosen.text(other)) "
            + "(\(Effect.ratio(interval.lower))–\(Effect.ratio(interval.upper)), "
            + "\(Wording.percent(interval.certainty)) certain)."
        guard !interval.contains(1), interval.certainty >= 0.9 else {
            return Recommendation(
                title: "No setting is certain to be better", reasons: [text],
                next: ["more repeats: at least 5 of each setting"])
        }
        return Recommendation(
            title: "\(chosen.name): \(chosen.text(value))", yaml: annotation(chosen, value), reasons: [text])
    }

    /// Nil for what is no annotation by itself: a variable of the environment, a period, one limit of one device.
    private func annotation(_ factor: ExperimentFactor, _ value: ExperimentValue) -> String? {
        guard factor.knob.contains("."), factor.knob != "cpu.max.period", factor.knob != "io.max" || value.number == nil
        else { return nil }
        let parts = factor.container.split(separator: "/").map(String.init)
        let isNeighbour = parts.count == 2 || description.fixed["neighbour \(factor.container)"] != nil
        let prefix = parts.count == 2 ? "\(parts[1])." : isNeighbour || parts.isEmpty ? "" : "\(parts[0])."
        return (isNeighbour ? "# pod \(parts[0])\n" : "")
            + "metadata:\n  annotations:\n    \(prefix)cgroup.minikube-lite/\(factor.knob): \"\(value)\"\n"
    }
}
