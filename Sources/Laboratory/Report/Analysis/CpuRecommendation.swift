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
}
