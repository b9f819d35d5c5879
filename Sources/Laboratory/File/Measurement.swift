/// What an experiment measures: values once per trial, and series while it runs.
public struct Measurement: Sendable, Hashable {
    /// Who prints a `key=value`.
    public enum Source: Sendable, Hashable {
        /// A container of the workload's pod.
        case container(String)
        case hostLoad
        case neighbour(String)
    }

    /// Which of several printed values counts.
    public enum Take: String, Sendable, Hashable, CaseIterable {
        case last, mean, min, max
    }

    /// A value that a program prints as `KEY=NUMBER`, by itself or among other words of a line.
    public struct Printed: Sendable, Hashable {
        public let measure: String
        public let key: String
        public let source: Source
        public let take: Take
        public let unit: ExperimentUnit
    }

    /// In order of importance: what the file names, then every other one of `CgroupMeasure`.
    public let measures: [ExperimentMeasure]
    public let printed: [Printed]
    /// The columns of the samples: of the measured container's cgroup, then of what is printed.
    public let cgroupSeries: [CgroupColumn]
    public let printedSeries: [SampleSeries]

    /// All columns, in their order.
    func series(container: String) -> [SampleSeries] {
        cgroupSeries.map { $0.description(container: container) } + printedSeries
    }

    /// The index among all columns of a printed value.
    func column(_ printed: Printed) -> Int? {
        let column = Self.series(printed).column
        return printedSeries.firstIndex { $0.column == column }.map { cgroupSeries.count + $0 }
    }

    static func series(_ printed: Printed) -> SampleSeries {
        let container =
            switch printed.source {
            case .container(let name), .neighbour(let name): name
            case .hostLoad: "load"
            }
        return SampleSeries(name: printed.key, container: container, unit: printed.unit)
    }
}
