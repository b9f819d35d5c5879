import Foundation

/// How many times larger one group of repeats is than another.
struct RatioComparison: Sendable, Hashable {
    /// The median of all ratios of one value of each group (Hodges and Lehmann's estimate on a logarithmic scale).
    var ratio: Double
    /// From the exact distribution of the rank sum (Mann and Whitney): it assumes nothing about the distributions but
    /// that one is the other, stretched.
    var interval: Interval

    /// Nil where a group is empty, or has values that are not above zero.
    init?(of values: [Double], to reference: [Double], certainty wanted: Double = 0.95) {
        guard !values.isEmpty, !reference.isEmpty, (values + reference).allSatisfy({ $0 > 0 && $0.isFinite }) else {
            return nil
        }
        let ratios = values.flatMap { value in reference.map { value / $0 } }.sorted()
        let logarithms = Quantiles(ratios.map { log($0) })
        guard let middle = logarithms.median else { return nil }
        ratio = exp(middle)
        let tails = Self.tails(values.count, reference.count)
        var skip = 0
        while skip + 1 < ratios.count / 2, 1 - 2 * tails[skip + 1] >= wanted { skip += 1 }
        interval = Interval(
            lower: ratios[skip], upper: ratios[ratios.count - 1 - skip], certainty: max(0, 1 - 2 * tails[skip]))
    }

    /// At index u the chance that at most u of the n * m pairs have the first one's value below, if there is no
    /// difference.
    static func tails(_ n: Int, _ m: Int) -> [Double] {
        // Beyond that many repeats the table would be large, and the interval is narrow anyway.
        let n = min(n, 40)
        let m = min(m, 40)
        // The number of ways to have u pairs, by the last element's group; as shares, so that nothing overflows.
        var table: [[Double]] = Array(repeating: [1], count: m + 1)
        for i in 1...n {
            var next: [[Double]] = [[1]]
            for j in 1...m {
                var counts = [Double](repeating: 0, count: i * j + 1)
                let first = Double(i) / Double(i + j)
                for (u, share) in table[j].enumerated() { counts[u + j] += share * first }
                for (u, share) in next[j - 1].enumerated() { counts[u] += share * (1 - first) }
                next.append(counts)
            }
            table = next
        }
        var sum = 0.0
        return table[m].map { share in
            sum += share
            return sum
        }
    }
}
