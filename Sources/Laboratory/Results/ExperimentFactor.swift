/// What an experiment varies.
public struct ExperimentFactor: Codable, Sendable, Hashable {
    /// How its values lie, and so how its axis is drawn.
    public enum Scale: String, Codable, Sendable {
        case linear
        case logarithmic
        /// Not on a number line: with and without, names.
        case category
    }

    /// Its column in `results.csv`, unique among factors and measures, e.g. `memory.max` or `neighbour cpu.weight`.
    public var name: String
    /// The cgroup file that it sets, e.g. `memory.max`, `cpu.max` (in cores), `cpu.weight`; or a variable of the
    /// environment, which is what a knob without a dot is.
    public var knob: String
    /// The container whose knob it is; empty for the pod. Of a neighbour `POD/CONTAINER`, or `POD` for all of it.
    public var container: String
    public var unit: ExperimentUnit
    public var scale: Scale
    /// The values to try, in the file's order. Empty for the factor of a bisection, whose values are found on the way.
    public var values: [ExperimentValue]

    public init(
        name: String, knob: String, container: String = "", unit: ExperimentUnit, scale: Scale = .linear,
        values: [ExperimentValue] = []
    ) {
        self.name = name
        self.knob = knob
        self.container = container
        self.unit = unit
        self.scale = scale
        self.values = values
    }
}

/// A search for the smallest value for which a condition holds (or, with `holdsAbove` false, the largest).
public struct ExperimentBisection: Codable, Sendable, Hashable {
    /// The factor's name.
    public var factor: String
    /// In words, e.g. `exit == 0 && !oomKilled`; every trial says in `holds` whether it held.
    public var condition: String
    public var lowest: Double
    public var highest: Double
    /// The search ends when the interval's width is at most this share of its upper end, e.g. 0.05.
    public var tolerance: Double
    /// True where large values hold and small ones do not, as for a limit.
    public var holdsAbove: Bool
    /// A value counts as holding where more than half of its trials do; else all have to.
    public var holdsByMajority: Bool

    public init(
        factor: String, condition: String, lowest: Double, highest: Double, tolerance: Double, holdsAbove: Bool = true,
        holdsByMajority: Bool = false
    ) {
        self.factor = factor
        self.condition = condition
        self.lowest = lowest
        self.highest = highest
        self.tolerance = tolerance
        self.holdsAbove = holdsAbove
        self.holdsByMajority = holdsByMajority
    }
}

/// What is measured once per trial.
public struct ExperimentMeasure: Codable, Sendable, Hashable {
    public enum Direction: String, Codable, Sendable {
        case lowerIsBetter, higherIsBetter, neither
    }

    /// Its column in `results.csv`, e.g. `p99` or `memory.peak`.
    public var name: String
    public var unit: ExperimentUnit
    public var direction: Direction
    /// What has to be met, in its unit: an upper bound where lower is better, a lower bound where higher is.
    public var target: Double?

    public init(name: String, unit: ExperimentUnit, direction: Direction = .neither, target: Double? = nil) {
        self.name = name
        self.unit = unit
        self.direction = direction
        self.target = target
    }
}

/// What is sampled while a trial runs: a column of `samples.csv`.
public struct SampleSeries: Codable, Sendable, Hashable {
    public enum Kind: String, Codable, Sendable {
        /// A value at a moment: `memory.current`.
        case gauge
        /// A sum since the cgroup was made, so that differences count: `usage_usec` of `cpu.stat`.
        case counter
    }

    /// The cgroup file, and after a space the key inside where it has several: `memory.current`,
    /// `cpu.stat usage_usec`, `memory.pressure some total`, `memory.stat inactive_file`. What the workload prints has
    /// the name that it gave.
    public var name: String
    /// The container; empty for the pod.
    public var container: String
    public var unit: ExperimentUnit
    public var kind: Kind

    public init(name: String, container: String = "", unit: ExperimentUnit, kind: Kind = .gauge) {
        self.name = name
        self.container = container
        self.unit = unit
        self.kind = kind
    }

    /// Its column: `CONTAINER:NAME`, or the name alone for the pod.
    public var column: String { container.isEmpty ? name : "\(container):\(name)" }
}
