/// What is measured in every trial, from the samples of the cgroup and the pod's status.
enum CgroupMeasure {
    static let wallTime = ExperimentMeasure(name: "wall_time", unit: .seconds, direction: .lowerIsBetter)
    static let missedSamples = ExperimentMeasure(name: "missed_samples", unit: .count)

    /// How the samples of one series become one number.
    enum Reduction {
        /// The largest value.
        case peak
        /// Last minus first, in the measure's unit.
        case growth
        /// Growth per second of the time between the samples.
        case rate
        /// Growth as percents of another series' growth.
        case share(of: String)
    }

    struct Derived {
        let measure: ExperimentMeasure
        let series: String
        let reduction: Reduction
        /// From the series' unit to the measure's.
        let factor: Double
    }

    static let derived: [Derived] = [
        derive("cpu_time", .seconds, .neither, "cpu.stat usage_usec", .growth, 1e-6),
        derive("cpu_usage", .cores, .neither, "cpu.stat usage_usec", .rate, 1e-6),
        derive("cpu_throttled_time", .seconds, .lowerIsBetter, "cpu.stat throttled_usec", .growth, 1e-6),
        derive(
            "cpu_throttled_periods", .percent, .lowerIsBetter, "cpu.stat nr_throttled",
            .share(of: "cpu.stat nr_periods"), 1),
        derive("memory.peak", .bytes, .neither, "memory.peak", .peak, 1),
        derive("memory.current", .bytes, .neither, "memory.current", .peak, 1),
        derive("memory_high_events", .count, .lowerIsBetter, "memory.events high", .growth, 1),
        derive("memory_max_events", .count, .lowerIsBetter, "memory.events max", .growth, 1),
        derive("oom_kills", .count, .lowerIsBetter, "memory.events oom_kill", .growth, 1),
        derive("major_faults", .count, .lowerIsBetter, "memory.stat pgmajfault", .growth, 1),
        // Microseconds of a second, in percent.
        derive("cpu_pressure", .percent, .lowerIsBetter, "cpu.pressure some total", .rate, 1e-4),
        derive("memory_pressure", .percent, .lowerIsBetter, "memory.pressure some total", .rate, 1e-4),
        derive("io_pressure", .percent, .lowerIsBetter, "io.pressure some total", .rate, 1e-4),
        derive("io_read", .bytes, .neither, "io.stat rbytes", .growth, 1),
        derive("io_write", .bytes, .neither, "io.stat wbytes", .growth, 1),
        derive("pids.peak", .count, .neither, "pids.current", .peak, 1),
    ]

    static let all = [wallTime] + derived.map(\.measure) + [missedSamples]

    private static func derive(
        _ name: String, _ unit: ExperimentUnit, _ direction: ExperimentMeasure.Direction, _ series: String,
        _ reduction: Reduction, _ factor: Double
    ) -> Derived {
        Derived(
            measure: ExperimentMeasure(name: name, unit: unit, direction: direction), series: series,
            reduction: reduction, factor: factor)
    }
}
