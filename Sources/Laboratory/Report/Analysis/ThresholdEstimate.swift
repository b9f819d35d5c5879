/// Between which two values the outcome turns from failing to holding.
struct ThresholdEstimate: Sendable {
    struct Side: Sendable {
        var value: Double
        var holds: Proportion
        var trials: [ExperimentTrial]
    }

    /// The largest value (smallest, where small ones hold) at which at least one trial did not hold; with a majority
    /// rule, at least half of them.
    var failing: Side?
    /// The next value on the way to easier ones: there and beyond all trials held. Nil where none did.
    var holding: Side?
    /// The largest value at which no trial held, where there are others between it and `holding`.
    var hopeless: Side?
    /// Where the data contradicts itself, in sentences.
    var contradictions: [String] = []
    /// All values, ascending.
    var sides: [Side]

    /// `levels` need numbers as values; words are left out.
    init?(_ levels: [Level], factor: ExperimentFactor, rule: ExperimentBisection?) {
        let holdsAbove = rule?.holdsAbove ?? true
        func passes(_ side: Side) -> Bool {
            rule?.holdsByMajority == true ? side.holds.share > 0.5 : side.holds.isAll
        }
        let ascending = levels.compactMap { level in
            level.value.number.map { Side(value: $0, holds: level.holds, trials: level.trials) }
        }.filter { $0.holds.count > 0 }.sorted { $0.value < $1.value }
        guard !ascending.isEmpty else { return nil }
        sides = ascending
        let path = holdsAbove ? ascending : ascending.reversed()
        let last = path.lastIndex { !passes($0) }
        if let last {
            failing = path[last]
            holding = path.index(after: last) < path.endIndex ? path[last + 1] : nil
            if !path[last].holds.isNone || path[..<last].contains(where: { !$0.holds.isNone }) {
                hopeless = path[..<last].last { $0.holds.isNone }
            }
            for side in path[..<last] where passes(side) {
                contradictions.append(
                    "\(factor.text(.number(side.value))) held in \(side.tally), but "
                        + "\(factor.text(.number(path[last].value))) did not in "
                        + "\(path[last].holds.count - path[last].holds.successes) of \(path[last].holds.count): near "
                        + "the threshold the outcome is partly chance, and the answer takes the cautious side")
            }
        } else {
            holding = path.first
        }
    }

    /// The width of the interval; nil where one side is missing.
    var width: Double? {
        guard let failing, let holding else { return nil }
        return abs(holding.value - failing.value)
    }
}

extension ThresholdEstimate.Side {
    /// `3 of 3`
    var tally: String { "\(holds.successes) of \(holds.count)" }

    /// What became of those that did not hold: `OOM-killed in 3 of 3`.
    var failureText: String {
        let failed = trials.filter { !$0.cameThrough }
        let kinds = Dictionary(grouping: failed, by: \.outcome).mapValues(\.count)
        let words: [(TrialOutcome, String)] = [
            (.oomKilled, "OOM-killed"), (.failed, "failed"), (.timedOut, "timed out"), (.completed, "did not hold"),
        ]
        let parts = words.compactMap { outcome, word in kinds[outcome].map { "\(word) in \($0)" } }
        return parts.isEmpty ? "held in \(tally)" : "\(Wording.list(parts)) of \(holds.count)"
    }
}
