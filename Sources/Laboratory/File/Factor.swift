/// One thing that an experiment varies: a knob, whose it is, and its values.
public struct Factor: Sendable, Hashable {
    /// Whose cgroup or environment the knob is of.
    public enum Owner: Sendable, Hashable {
        case container(String)
        /// The workload's pod as a whole.
        case pod
        /// A container of a neighbour.
        case neighbour(String, container: String)
        case neighbourPod(String)
    }

    /// The values to try.
    public enum Levels: Sendable, Hashable {
        /// In the file's order, without duplicates, not empty.
        case list([ExperimentValue])
        case bisection(BisectionRange)
    }

    /// Its column in the results, unique in the experiment.
    public let name: String
    public let knob: Knob
    public let owner: Owner
    public let levels: Levels
    let scale: ExperimentFactor.Scale
    /// What the others are compared with.
    let baseline: ExperimentValue?

    /// The values of a list; empty for a bisection.
    var values: [ExperimentValue] { if case .list(let values) = levels { values } else { [] } }

    var description: ExperimentFactor {
        let container =
            switch owner {
            case .container(let name): name
            case .pod: ""
            case .neighbour(let pod, let container): "\(pod)/\(container)"
            case .neighbourPod(let pod): pod
            }
        return ExperimentFactor(
            name: name, knob: knob.name, container: container, unit: knob.unit, scale: scale, values: values)
    }
}

/// A search for the smallest value for which a condition holds.
public struct BisectionRange: Sendable, Hashable {
    /// When the search ends.
    public enum Tolerance: Sendable, Hashable {
        /// In the knob's unit.
        case absolute(Double)
        /// A share of the interval's upper end.
        case relative(Double)
    }

    /// How many of a value's repeats have to hold.
    public enum Quorum: String, Sendable, Hashable, CaseIterable {
        case all
        /// More than half.
        case most
    }

    /// In the knob's unit; `lowest` is below `highest`.
    public let lowest: Double
    public let highest: Double
    public let tolerance: Tolerance
    public let condition: Condition
    public let quorum: Quorum
    /// How often the answer is tried once more when it is found.
    public let confirmations: Int

    /// The width of the interval in which the search ends, seen from its upper end.
    func allowedWidth(below highest: Double) -> Double {
        switch tolerance {
        case .absolute(let width): width
        case .relative(let share): highest * share
        }
    }
}
