/// What one setting does to the measure, against another one: a ratio of medians with its interval.
struct Effect: Sendable {
    /// The curve, i.e. the other factors' values under which it was compared.
    var curve: ResponseCurve
    var reference: Level
    var level: Level
    var comparison: RatioComparison

    /// Every level of each curve against that curve's reference: the baseline's value, else the factor's first.
    static func find(_ curves: [ResponseCurve], factor: ExperimentFactor, baseline: ExperimentValue?) -> [Effect] {
        curves.flatMap { curve -> [Effect] in
            let wanted = baseline ?? factor.values.first
            guard let reference = wanted.flatMap({ curve.level($0) }) ?? curve.levels.first else { return [] }
            return curve.levels.filter { $0.value != reference.value }.compactMap { level in
                RatioComparison(of: level.quantiles.sorted, to: reference.quantiles.sorted).map {
                    Effect(curve: curve, reference: reference, level: level, comparison: $0)
                }
            }
        }
    }

    /// `×0.42 (0.40–0.45)`
    var text: String {
        "×\(Self.ratio(comparison.ratio)) (\(Self.ratio(comparison.interval.lower))"
            + "–\(Self.ratio(comparison.interval.upper)))"
    }

    static func ratio(_ value: Double) -> String { NumberText.fixed(value, value < 10 ? 2 : 1) }
}
