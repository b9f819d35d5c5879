import Testing

@testable import Laboratory

@Suite struct StatisticsTests {
    @Test(arguments: [
        ([3.0, 1, 2], 0.5, 2.0), ([1, 2, 3, 4], 0.5, 2.5), ([1, 2, 3, 4], 0.25, 1.75), ([7], 0.95, 7),
        ([0, 10], 0.95, 9.5), ([1, 2, .nan, 3], 1, 3),
    ])
    func quantiles(values: [Double], share: Double, expected: Double) {
        #expect(abs((Quantiles(values).quantile(share) ?? .nan) - expected) < 1e-12)
    }

    @Test func nothingHasNoQuantiles() {
        #expect(Quantiles([]).median == nil)
        #expect(Quantiles([1]).medianInterval() == nil)
        #expect(Quantiles([1, 2, 3, 4]).outlierBounds == nil)
    }

    /// Certainties from the binomial distribution: 1 - 2 / 2^n for the range, and for n = 10 the known 2nd and 9th.
    @Test(arguments: [
        (2, 1, 2, 0.5), (3, 1, 3, 0.75), (5, 1, 5, 0.9375), (6, 1, 6, 0.96875), (8, 1, 8, 0.9921875),
        (9, 2, 8, 0.9609375), (10, 2, 9, 0.978515625), (20, 6, 15, 0.9586105347),
    ])
    func medianIntervals(count: Int, lower: Int, upper: Int, certainty: Double) throws {
        let interval = try #require(Quantiles((1...count).map(Double.init)).medianInterval())
        #expect(interval.lower == Double(lower) && interval.upper == Double(upper))
        #expect(abs(interval.certainty - certainty) < 1e-7)
    }

    /// Against R's binom::binom.wilson.
    @Test(arguments: [(0, 3, 0.0, 0.5615), (3, 3, 0.4385, 1.0), (5, 10, 0.2366, 0.7634), (0, 0, 0, 1)])
    func wilsonIntervals(successes: Int, count: Int, lower: Double, upper: Double) {
        let interval = Proportion(successes: successes, count: count).interval
        #expect(abs(interval.lower - lower) < 5e-4 && abs(interval.upper - upper) < 5e-4)
    }

    @Test func rankSumTailsAreTheTabulatedOnes() {
        // P(U <= 0) is 1 over the number of ways to choose; P(U <= 2) for 5 and 5 is 4/252.
        #expect(abs(RatioComparison.tails(3, 3)[0] - 1.0 / 20) < 1e-12)
        #expect(abs(RatioComparison.tails(5, 5)[2] - 4.0 / 252) < 1e-12)
        #expect(abs((RatioComparison.tails(4, 6).last ?? 0) - 1) < 1e-12)
    }

    @Test func ratiosOfGroups() throws {
        let doubled = try #require(RatioComparison(of: [20, 22, 21, 19, 20.5], to: [10, 11, 10.5, 9.5, 10.25]))
        #expect(abs(doubled.ratio - 2) < 1e-9)
        #expect(doubled.interval.lower < 2 && doubled.interval.upper > 2)
        #expect(doubled.interval.lower > 1.7 && doubled.interval.upper < 2.3)
        #expect(doubled.interval.certainty >= 0.95)
        let few = try #require(RatioComparison(of: [2, 2, 2], to: [1, 1, 1]))
        #expect(abs(few.interval.certainty - 0.9) < 1e-12)
        #expect(RatioComparison(of: [0, 1], to: [1]) == nil)
        #expect(RatioComparison(of: [], to: [1]) == nil)
    }

    @Test(arguments: [
        // Latency that stops falling at the fourth value, over two orders of magnitude.
        ([100.0, 200, 400, 800, 1600, 3200], [2000.0, 900, 120, 30, 28, 27], true, true, 3),
        // Throughput that saturates.
        ([1, 2, 3, 4, 5, 6], [10, 20, 30, 31, 31.5, 32], false, false, 2),
        // A straight line and a flat one have no knee.
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], false, true, -1),
        ([1, 2, 3, 4, 5], [5, 5, 5, 5, 5], false, true, -1),
        // Too few points to tell.
        ([1, 2, 3], [100, 10, 9], false, true, -1),
        // It gets worse with more: no knee in that.
        ([1, 2, 3, 4], [1, 5, 9, 10], false, true, -1),
    ])
    func knees(x: [Double], y: [Double], isLogarithmic: Bool, lowerIsBetter: Bool, expected: Int) {
        let knee = Knee.find(
            Array(zip(x, y)).map { (x: $0, y: $1) }, isLogarithmic: isLogarithmic, lowerIsBetter: lowerIsBetter)
        #expect((knee?.index ?? -1) == expected)
    }

    @Test func kneesAreStableWhereRepeatsAgree() {
        let groups = zip([100.0, 200, 400, 800, 1600, 3200], [2000.0, 900, 120, 30, 28, 27]).map { x, y in
            (x: x, values: [y * 0.98, y, y * 1.02])
        }
        let shares = Knee.stability(groups, isLogarithmic: true, lowerIsBetter: true, seed: 1)
        #expect((shares[3] ?? 0) > 0.95)
        #expect(shares == Knee.stability(groups, isLogarithmic: true, lowerIsBetter: true, seed: 1))
    }

    @Test func outliersAreFarFromTheRest() throws {
        let bounds = try #require(Quantiles([10, 11, 10.5, 9.5, 10.25, 40]).outlierBounds)
        #expect(bounds.contains(11) && !bounds.contains(40))
    }
}
