/// How often something held.
struct Proportion: Sendable, Hashable {
    var successes: Int
    var count: Int

    var share: Double { count == 0 ? 0 : Double(successes) / Double(count) }
    var isAll: Bool { count > 0 && successes == count }
    var isNone: Bool { successes == 0 }

    /// Wilson's score interval with 95 % certainty: sensible for few tries, and never outside 0 to 1.
    var interval: Interval {
        guard count > 0 else { return Interval(lower: 0, upper: 1, certainty: 0.95) }
        let z = 1.959964
        let n = Double(count)
        let center = (share + z * z / (2 * n)) / (1 + z * z / n)
        let half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return Interval(lower: max(0, center - half), upper: min(1, center + half), certainty: 0.95)
    }
}
