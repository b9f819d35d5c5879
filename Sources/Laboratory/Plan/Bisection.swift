/// The search for the smallest value for which a condition holds, one decision at a time.
///
/// It is a function of what is known: how often each value held and failed. Both ends are tried first, the upper one before
/// the lower one, then the middle of what is left. A value counts as failing where its trials miss the quorum, and the
/// answer is the smallest value that held above every failing one: noise, or a workload that fails again at larger
/// values, moves the answer up and never hides a failure. The answer is tried again (`confirmations`) before it counts;
/// where that fails, the search goes on above it. As soon as one value was seen both to hold and to fail, every value has
/// to hold as often as an answer before anything below it is tried: else noise would be met again at each next value.
struct Bisection {
    struct Votes: Hashable {
        var holds = 0
        var fails = 0
        /// Trials that say nothing; after as many as `Bisection.patience` beyond the votes that are needed, the search
        /// gives up.
        var broken = 0
    }

    enum Step: Hashable {
        /// So many more trials of a value.
        case test(Double, times: Int)
        /// It holds there and fails at the largest value below that was tried; nil where it holds at the lower end.
        case found(Double, fails: Double?)
        /// It does not hold at the upper end.
        case neverHolds
        /// A value's trials were broken again and again.
        case givenUp(Double)
    }

    let range: BisectionRange
    let repeats: Int
    /// The nearest value that the knob can have.
    let round: (Double) -> Double
    static let patience = 2

    func next(_ votes: [Double: Votes]) -> Step {
        func missing(_ value: Double, _ needed: Int) -> Step? {
            let votes = votes[value] ?? Votes()
            let times = needed - votes.holds - votes.fails
            guard times > 0 else { return nil }
            return votes.broken > Self.patience ? .givenUp(value) : .test(value, times: times)
        }
        func holds(_ value: Double) -> Bool {
            let votes = votes[value] ?? Votes()
            return range.quorum == .all ? votes.fails == 0 : votes.holds > votes.fails
        }
        for end in [range.highest, range.lowest] {
            if let step = missing(end, repeats) { return step }
        }
        let known = votes.filter { $0.value.holds + $0.value.fails >= repeats }.keys
        let failing = known.filter { !holds($0) }.max()
        guard let holding = known.filter({ holds($0) && $0 > (failing ?? -.infinity) }).min() else {
            return .neverHolds
        }
        let isNoisy = votes.values.contains { $0.holds > 0 && $0.fails > 0 }
        if isNoisy, let step = missing(holding, repeats + range.confirmations) { return step }
        if let failing, holding - failing > range.allowedWidth(below: holding) {
            let middle = round((failing + holding) / 2)
            // Nothing lies between two neighbours of the knob's grain.
            if middle > failing, middle < holding {
                return missing(middle, repeats) ?? .found(holding, fails: failing)
            }
        }
        return missing(holding, repeats + range.confirmations) ?? .found(holding, fails: failing)
    }

    /// How many trials may be left, for the time that is: halvings from here on, and the confirmation.
    func estimate(_ votes: [Double: Votes]) -> Int {
        switch next(votes) {
        case .found, .neverHolds, .givenUp: return 0
        case .test(let value, let times):
            let known = votes.filter { $0.value.holds + $0.value.fails >= repeats }
            let failing = known.filter { $0.value.fails > 0 && $0.key < value }.keys.max()
            let holding = known.filter { $0.value.fails == 0 && $0.key >= value }.keys.min()
            let ends = [range.lowest, range.highest].filter { votes[$0] == nil && $0 != value }.count
            let (low, high) = (failing ?? range.lowest, holding ?? range.highest)
            var halvings = 0
            var width = high - low
            // A middle that is about to be tested halves once by itself.
            if value > low, value < high { width /= 2 }
            while width > range.allowedWidth(below: high), halvings < 64 {
                width /= 2
                halvings += 1
            }
            let isConfirmation = known[value] != nil
            return times + (isConfirmation ? 0 : (ends + halvings) * repeats + range.confirmations)
        }
    }
}
