/// Which trial comes next. A function of the experiment, the seed and the trials that there are, so that an interrupted
/// run goes on where it stopped.
struct TrialPlan {
    struct Planned: Hashable {
        /// One for each factor, in their order.
        var values: [ExperimentValue]
        /// From 1.
        var repeatNumber: Int
    }

    let experiment: Experiment
    let seed: UInt64
    /// Without a bisection: all trials in their random order.
    private let order: [Planned]
    /// With one: the combinations of the other factors. Each is a search of its own.
    private let searches: [[ExperimentValue]]

    init(experiment: Experiment, seed: UInt64) {
        self.experiment = experiment
        self.seed = seed
        let lists = experiment.factors.filter { $0.values.isEmpty == false }.map(\.values)
        let combinations = Combinations.all(lists)
        if experiment.bisection == nil {
            var generator = SeededGenerator(seed: seed)
            order = generator.shuffle(
                combinations.flatMap { values in
                    (1...experiment.repeats).map { Planned(values: values, repeatNumber: $0) }
                })
            searches = []
        } else {
            order = []
            searches = combinations
        }
    }

    /// How many trials there will be; nil where a search finds that out.
    var count: Int? { experiment.bisection == nil ? order.count : nil }

    /// Nil where all is done. A broken trial is not run again, but in a search, which needs its votes.
    func next(after trials: [ExperimentTrial]) -> Planned? {
        guard experiment.bisection != nil else {
            let done = Set(trials.map(planned))
            return order.first { !done.contains($0) }
        }
        let tests = searches.compactMap { others -> Planned? in
            guard case .test(let value, _) = step(others, trials) else { return nil }
            let values = combine(others, .number(value))
            let repeats = trials.filter { self.values($0) == values }.map(\.repeatNumber)
            return Planned(values: values, repeatNumber: (repeats.max() ?? 0) + 1)
        }
        // Searches take turns at random.
        guard !tests.isEmpty else { return nil }
        var generator = SeededGenerator(seed: seed &+ UInt64(trials.count))
        return tests[Int(generator.next() % UInt64(tests.count))]
    }

    /// How many trials are still to be run, a guess where there is a search.
    func remaining(after trials: [ExperimentTrial]) -> Int {
        guard experiment.bisection != nil else {
            let done = Set(trials.map(planned))
            return order.count { !done.contains($0) }
        }
        return searches.reduce(0) { $0 + (bisection?.estimate(votes($1, trials)) ?? 0) }
    }

    /// The state of each search, with the values of the other factors.
    func answers(_ trials: [ExperimentTrial]) -> [(others: [ExperimentValue], step: Bisection.Step)] {
        searches.map { ($0, step($0, trials)) }
    }

    private var bisection: Bisection? {
        experiment.bisection.map { index, range in
            Bisection(range: range, repeats: experiment.repeats, round: experiment.factors[index].knob.rounded)
        }
    }

    private func step(_ others: [ExperimentValue], _ trials: [ExperimentTrial]) -> Bisection.Step {
        bisection?.next(votes(others, trials)) ?? .neverHolds
    }

    private func votes(_ others: [ExperimentValue], _ trials: [ExperimentTrial]) -> [Double: Bisection.Votes] {
        guard let index = experiment.bisection?.index else { return [:] }
        var votes: [Double: Bisection.Votes] = [:]
        for trial in trials {
            var values = values(trial)
            guard let value = values.remove(at: index).number, values == others else { continue }
            switch trial.holds {
            case true?: votes[value, default: .init()].holds += 1
            case false?: votes[value, default: .init()].fails += 1
            case nil: votes[value, default: .init()].broken += 1
            }
        }
        return votes
    }

    private func combine(_ others: [ExperimentValue], _ value: ExperimentValue) -> [ExperimentValue] {
        var values = others
        values.insert(value, at: experiment.bisection?.index ?? 0)
        return values
    }

    private func values(_ trial: ExperimentTrial) -> [ExperimentValue] {
        experiment.factors.map { trial.values[$0.name] ?? Knob.none }
    }

    private func planned(_ trial: ExperimentTrial) -> Planned {
        Planned(values: values(trial), repeatNumber: trial.repeatNumber)
    }
}
