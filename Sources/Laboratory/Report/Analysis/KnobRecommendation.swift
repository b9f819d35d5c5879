extension ExperimentAnalysis {
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
            .map { $0.setting(group.key[$0.name]) }.joined(separator: ", ")
        let interval = comparison.interval
        let text =
            "\(burden.isEmpty ? "" : "With \(burden): ")\(measure.name) at \(chosen.setting(value)) is "
            + "×\(Effect.ratio(comparison.ratio)) of that at \(chosen.text(other)) "
            + "(\(Effect.ratio(interval.lower))–\(Effect.ratio(interval.upper)), "
            + "\(Wording.percent(interval.certainty)) certain)."
        // Three repeats of each give 90 % at best.
        guard !interval.contains(1), interval.certainty > 0.89 else {
            return Recommendation(
                title: "No setting is certain to be better", reasons: [text],
                next: ["more repeats: at least 5 of each setting"])
        }
        let fewest = group.value.map(\.level.responses.count).min() ?? 0
        return Recommendation(
            title: "\(chosen.name): \(chosen.text(value))", yaml: annotation(chosen, value), reasons: [text],
            next: fewest < 5 ? ["at least 5 repeats of each setting: \(fewest) leave much to chance"] : [])
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
