/// What a curve along a number says: where a target is met from, and where it bends.
struct ResponseFinding: Sendable {
    enum Point: Sendable {
        /// From here on the target is met; `isCertain` where the whole interval of the median does at each level.
        case target(Double, isCertain: Bool)
        /// No value met the target.
        case targetMissed(Double)
        /// The curve bends here; the share of redrawn repeats that agree.
        case knee(share: Double, neighbours: ClosedRange<Double>)
        /// It neither bends nor has a target: the best level.
        case best
    }

    var point: Point
    /// The level that it is about.
    var level: Level
    /// The level before, where one less was given.
    var before: Level?
    /// The level at the far end.
    var last: Level
    /// What there is without a limit, where that was tried.
    var unlimited: Level?

    /// Nil where no level has a median.
    init?(_ curve: ResponseCurve, measure: ExperimentMeasure, factor: ExperimentFactor, seed: UInt64) {
        let levels = curve.levels.filter { $0.value.number != nil && $0.median != nil }
        guard let last = levels.last else { return nil }
        self.last = last
        unlimited = curve.levels.first { $0.value == .word("max") && $0.median != nil }
        let lowerIsBetter = measure.direction != .higherIsBetter
        if let target = measure.target, measure.direction != .neither {
            func meets(_ value: Double?) -> Bool { value.map { lowerIsBetter ? $0 <= target : $0 >= target } ?? false }
            // From the easy end on: the first level that misses ends the run of those that meet.
            let missed = levels.lastIndex { !meets($0.median) || !$0.holds.isAll }
            let first = missed.map { $0 + 1 } ?? 0
            guard first < levels.count else {
                level = last
                before = nil
                point = .targetMissed(target)
                return
            }
            level = levels[first]
            before = first > 0 ? levels[first - 1] : nil
            let certain = levels[first...].allSatisfy { level in
                meets(lowerIsBetter ? level.interval?.upper : level.interval?.lower)
            }
            point = .target(target, isCertain: certain)
            return
        }
        let points = levels.compactMap { level in level.value.number.map { (x: $0, y: level.median ?? 0) } }
        let isLogarithmic = factor.scale == .logarithmic
        if measure.direction != .neither,
            let knee = Knee.find(points, isLogarithmic: isLogarithmic, lowerIsBetter: lowerIsBetter)
        {
            let groups = levels.compactMap { level in
                level.value.number.map { (x: $0, values: level.quantiles.sorted) }
            }
            let shares = Knee.stability(
                groups, isLogarithmic: isLogarithmic, lowerIsBetter: lowerIsBetter, seed: seed)
            // What at least one redrawing in forty says counts as possible; the neighbours of one level do not.
            let possible = shares.filter { $0.value >= 0.025 }.map { points[$0.key].x } + [points[knee.index].x]
            level = levels[knee.index]
            before = knee.index > 0 ? levels[knee.index - 1] : nil
            point = .knee(
                share: shares[knee.index] ?? 0,
                neighbours: (possible.min() ?? points[knee.index].x)...(possible.max() ?? points[knee.index].x))
            return
        }
        let best = levels.min { left, right in
            let (a, b) = (left.median ?? 0, right.median ?? 0)
            return lowerIsBetter ? a < b : a > b
        }
        level = best ?? last
        before = nil
        point = .best
    }
}
