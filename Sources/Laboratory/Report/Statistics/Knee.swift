import Foundation

/// Where a curve bends: more of the factor gives little from there on.
///
/// After Satopää and others, "Finding a Kneedle in a Haystack" (2011): both axes are scaled to 0...1, and the knee is
/// where the curve is highest above the diagonal.
struct Knee: Sendable, Hashable {
    /// The place among the points.
    var index: Int
    /// How far above the diagonal, 0 to 1.
    var height: Double

    /// Curves less bent than this are as good as straight: noise makes such a bend.
    static let minimumHeight = 0.1

    /// `points` by ascending x, at least four. `isLogarithmic` is about x; y is taken as a logarithm where it is
    /// positive and spans more than a factor of ten, as latencies do: else a knee at ten times the best value would
    /// look as if nothing were left to gain.
    static func find(_ points: [(x: Double, y: Double)], isLogarithmic: Bool, lowerIsBetter: Bool) -> Knee? {
        guard points.count >= 4, let first = points.first, let last = points.last, last.x > first.x else { return nil }
        let useLogarithm = isLogarithmic && first.x > 0
        let x = points.map { useLogarithm ? log($0.x) : $0.x }
        let low = points.map(\.y).min() ?? 0
        let high = points.map(\.y).max() ?? 0
        // Where more makes it worse, there is nothing to look for.
        guard high > low, lowerIsBetter == (last.y < first.y) else { return nil }
        let bent = low > 0 && high / low > 10
        let y = points.map { bent ? log($0.y) : $0.y }
        let (bottom, top) = (y.min() ?? 0, y.max() ?? 1)
        var best: Knee?
        for index in points.indices {
            let across = (x[index] - x[0]) / (x[x.count - 1] - x[0])
            let up = (y[index] - bottom) / (top - bottom)
            let height = (lowerIsBetter ? 1 - up : up) - across
            if height > best?.height ?? minimumHeight { best = Knee(index: index, height: height) }
        }
        return best
    }

    /// How the knee moves when the repeats are drawn anew (with replacement, by a generator with a fixed seed):
    /// the share of draws in which each index was the knee.
    static func stability(
        _ groups: [(x: Double, values: [Double])], isLogarithmic: Bool, lowerIsBetter: Bool, seed: UInt64,
        draws: Int = 400
    ) -> [Int: Double] {
        var generator = SeededGenerator(seed: seed)
        var found: [Int: Double] = [:]
        for _ in 0..<draws {
            let points = groups.map { group in
                let drawn = group.values.map { _ in
                    group.values[Int.random(in: group.values.indices, using: &generator)]
                }
                return (x: group.x, y: Quantiles(drawn).median ?? 0)
            }
            if let knee = find(points, isLogarithmic: isLogarithmic, lowerIsBetter: lowerIsBetter) {
                found[knee.index, default: 0] += 1 / Double(draws)
            }
        }
        return found
    }
}
