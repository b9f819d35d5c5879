/// All trials with the same value of the factor that the curve runs along (and of all others).
struct Level: Sendable {
    var value: ExperimentValue
    /// Without broken ones, in the order of running.
    var trials: [ExperimentTrial]
    /// The response, of the trials that came to their end.
    var responses: [Response]
    var quantiles: Quantiles
    /// How many trials came through.
    var holds: Proportion

    struct Response: Sendable, Hashable {
        var trial: Int
        var value: Double
    }

    init(value: ExperimentValue, trials: [ExperimentTrial], measure: ExperimentMeasure?) {
        self.value = value
        self.trials = trials
        responses = trials.compactMap { trial in
            guard trial.outcome == .completed, let measure, let value = trial.measures[measure.name] else {
                return nil
            }
            return Response(trial: trial.id, value: value)
        }
        quantiles = Quantiles(responses.map(\.value))
        holds = Proportion(successes: trials.filter(\.cameThrough).count, count: trials.count)
    }

    var median: Double? { quantiles.median }
    var interval: Interval? { quantiles.medianInterval() }
    /// Those that have no response to draw.
    var failing: [ExperimentTrial] {
        trials.filter { trial in !responses.contains { $0.trial == trial.id } }
    }
}

extension ExperimentTrial {
    /// Whether the bisection's condition held or, where there is none, the workload came to its end.
    var cameThrough: Bool { holds ?? (outcome == .completed) }
}

/// The levels of one factor, with the other factors held: one line of the chart.
struct ResponseCurve: Sendable {
    /// The other factors' values, e.g. `cpu.weight 400`; empty where there are none.
    var label: String
    /// The values of the other factors.
    var others: [String: ExperimentValue]
    /// Ascending by value; in the file's order for categories.
    var levels: [Level]

    func level(_ value: ExperimentValue) -> Level? { levels.first { $0.value == value } }
}
