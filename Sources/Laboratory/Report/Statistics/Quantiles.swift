/// Order statistics of a list of numbers.
struct Quantiles {
    /// In ascending order, finite.
    let sorted: [Double]

    init(_ values: some Sequence<Double>) { sorted = values.filter(\.isFinite).sorted() }

    var count: Int { sorted.count }
    var minimum: Double? { sorted.first }
    var maximum: Double? { sorted.last }
    var median: Double? { quantile(0.5) }

    /// With linear interpolation between neighbours, as spreadsheets, R (type 7) and NumPy do it; nil of nothing.
    func quantile(_ share: Double) -> Double? {
        guard let last = sorted.last else { return nil }
        let place = min(max(share, 0), 1) * Double(sorted.count - 1)
        let below = Int(place)
        guard below + 1 < sorted.count else { return last }
        return sorted[below] + (sorted[below + 1] - sorted[below]) * (place - Double(below))
    }
}

/// An interval that covers the true value with a known certainty.
struct Interval: Sendable, Hashable {
    var lower: Double
    var upper: Double
    /// 0 to 1; with few repeats less than what was asked for, and then it is said.
    var certainty: Double

    func contains(_ value: Double) -> Bool { lower <= value && value <= upper }
    func overlaps(_ other: Interval) -> Bool { lower <= other.upper && other.lower <= upper }
}

extension Quantiles {
    /// The interval of the median between two of the values themselves. It assumes nothing about how they are
    /// distributed: the number of values below the median is binomial with 1/2. The narrowest one with at least the
    /// certainty asked for or, where there are too few values (below 6 for 95 %), their range with the certainty that it has.
    /// Nil for fewer than two values.
    func medianInterval(certainty wanted: Double = 0.95) -> Interval? {
        guard count >= 2 else { return nil }
        var outside = 0.0
        var term = 1.0
        for _ in 0..<count { term /= 2 }
        var best: (skip: Int, certainty: Double)?
        for skip in 0..<(count + 1) / 2 {
            // Leaving out `skip` values at each end loses the cases with at most `skip` values on one side.
            outside += 2 * term
            let certainty = 1 - outside
            if best != nil, certainty < wanted { break }
            best = (skip, certainty)
            if certainty < wanted { break }
            term *= Double(count - skip) / Double(skip + 1)
        }
        return best.map {
            Interval(lower: sorted[$0.skip], upper: sorted[count - 1 - $0.skip], certainty: max(0, $0.certainty))
        }
    }

    /// The values far from the others: more than three interquartile ranges outside the quartiles. None of fewer than
    /// five values, where a quartile is a single value.
    var outlierBounds: ClosedRange<Double>? {
        guard count >= 5, let lower = quantile(0.25), let upper = quantile(0.75), upper > lower else { return nil }
        return (lower - 3 * (upper - lower))...(upper + 3 * (upper - lower))
    }
}
