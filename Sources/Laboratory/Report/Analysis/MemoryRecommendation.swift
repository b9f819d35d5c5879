import Foundation

extension ExperimentAnalysis {
    private static let mebibyte = 1_048_576.0

    /// In whole mebibytes, upwards: a limit that is rounded down may be one that fails.
    private static func quantity(_ bytes: Double) -> String { "\(Int64((bytes / mebibyte).rounded(.up)))Mi" }

    /// Limit: what is enough, with a margin. Request: what is in use nearly all the time.
    func memoryRecommendation(_ factor: ExperimentFactor) -> Recommendation {
        guard let threshold, let holding = threshold.holding else {
            let largest = threshold?.failing?.value ?? 0
            return Recommendation(
                title: "No limit can be recommended",
                reasons: ["Every value tried failed, the largest was \(factor.text(.number(largest)))."],
                next: ["the same with larger values, from \(factor.text(.number(largest))) to four times that"])
        }
        var reasons: [String] = []
        var next: [String] = []
        let base = holding.value
        let peaks = Quantiles(
            trials.filter { $0.cameThrough && ($0.values[factor.name]?.number ?? 0) > base * 1.2 }
                .compactMap { $0.measures["memory.peak"] })
        // With one peak there is no spread to see.
        let spread = max(threshold.width ?? 0, peaks.count > 1 ? (peaks.maximum ?? 0) - (peaks.minimum ?? 0) : 0)
        let margin = max(base * 0.1, 2 * spread)
        let limit = base + margin
        let why =
            margin > base * 0.1
            ? "twice the spread of \(ExperimentUnit.bytes.text(spread)) that the threshold and the peaks showed"
            : "10\u{A0}%, which is more than twice the spread that was seen"
        if threshold.failing == nil {
            reasons.append(
                "\(factor.text(.number(base))), the smallest value tried, was enough, so less may be, too. The limit "
                    + "is that value plus a margin of \(ExperimentUnit.bytes.text(margin)).")
            next.append("the same with values below \(factor.text(.number(base))), to find where it fails")
        } else {
            reasons.append(
                "Limit: \(factor.text(.number(base))) is the smallest value at which all trials came through; a margin "
                    + "of \(ExperimentUnit.bytes.text(margin)) on top (\(why)) makes "
                    + "\(ExperimentUnit.bytes.text(limit)).")
        }
        let usage = digest.pooled(ids { $0 >= base }, \.workingSet)
        var request = limit
        if let steady = usage.quantile(0.95) {
            request = min(limit, steady)
            reasons.append(
                "Request: 95\u{A0}% of \(Wording.count(usage.count, "sample")) of the working set were at or below "
                    + "\(ExperimentUnit.bytes.text(steady)) (after each trial's first fifth).")
        } else {
            reasons.append("Request: there are no samples of the working set, so it is as large as the limit.")
            next.append("the same with memory.current and memory.stat among the samples")
        }
        if holding.holds.count < 5 {
            next.append(
                "at least 5 repeats at \(factor.text(.number(base))): \(holding.tally) can be luck "
                    + "(the chance to hold may be as low as \(Wording.percent(holding.holds.interval.lower)))")
        }
        return Recommendation(
            title: "Limit \(Self.quantity(limit)), request \(Self.quantity(request))",
            yaml: Self.resources("memory", request: Self.quantity(request), limit: Self.quantity(limit)),
            reasons: reasons, next: next)
    }
}
