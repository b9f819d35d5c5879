/// What is drawn of every trial side by side: one small chart with its lines.
struct SamplePanel: Sendable, Hashable {
    struct Line: Sendable, Hashable {
        var label: String
        var source: Source
    }

    /// How a line's value at a moment comes from the columns of `samples.csv`.
    enum Source: Sendable, Hashable {
        case gauge(Int)
        /// A counter's growth per second, times a factor.
        case rate(Int, Double)
        /// One counter's growth in percent of another's.
        case share(Int, of: Int)
    }

    var title: String
    var unit: ExperimentUnit
    var lines: [Line]
    /// The knob whose value is drawn as a limit, where it is known.
    var limitKnob: String?

    /// The panels that the series of an experiment allow, in a fixed order.
    static func choose(_ description: ExperimentDescription) -> [SamplePanel] {
        let catalog = SeriesCatalog(description)
        var panels = [
            SamplePanel(
                title: "memory in use", unit: .bytes,
                lines: catalog.perContainer("memory.current", limit: 2) { .gauge($0) }, limitKnob: "memory.max"),
            SamplePanel(
                title: "CPU in use", unit: .cores,
                lines: catalog.perContainer("cpu.stat usage_usec", limit: 3) { .rate($0, 1e-6) }, limitKnob: "cpu.max"),
            SamplePanel(
                title: "periods throttled", unit: .percent,
                lines: catalog.containers(with: "cpu.stat nr_throttled").prefix(2).compactMap { container in
                    guard let throttled = catalog.index("cpu.stat nr_throttled", container),
                        let periods = catalog.index("cpu.stat nr_periods", container)
                    else { return nil }
                    return Line(label: container, source: .share(throttled, of: periods))
                }),
            SamplePanel(
                title: "stalled, PSI some", unit: .percent,
                lines: ["cpu", "memory", "io"].compactMap { resource in
                    catalog.preferred("\(resource).pressure some total").map {
                        // Microseconds of stall per second, in percent.
                        Line(label: resource, source: .rate($0, 1e-4))
                    }
                }),
        ]
        // What the workload prints itself: everything that is no cgroup file, by unit, so that an axis makes sense.
        let printed = description.series.filter(SeriesCatalog.isPrinted)
        var units: [ExperimentUnit] = []
        for series in printed where !units.contains(series.unit) { units.append(series.unit) }
        for unit in units {
            let indices = description.series.indices.filter {
                description.series[$0].unit == unit && SeriesCatalog.isPrinted(description.series[$0])
            }.prefix(2)
            let lines = indices.map { index in
                let series = description.series[index]
                return Line(label: series.column, source: series.kind == .gauge ? .gauge(index) : .rate(index, 1))
            }
            let title = indices.count == 1 ? description.series[indices[0]].name : "printed by the workload"
            panels.append(SamplePanel(title: title, unit: unit, lines: lines))
        }
        let disk = ["rbytes": "read", "wbytes": "written"].sorted { $0.key < $1.key }.compactMap { key, label in
            description.series.firstIndex { $0.name.hasPrefix("io.stat") && $0.name.hasSuffix(key) }
                .map { Line(label: label, source: .rate($0, 1)) }
        }
        panels.append(SamplePanel(title: "disk", unit: .bytesPerSecond, lines: disk))
        if let pids = catalog.preferred("pids.current") {
            panels.append(
                SamplePanel(
                    title: "processes", unit: .count, lines: [Line(label: "", source: .gauge(pids))],
                    limitKnob: "pids.max"))
        }
        return panels.filter { !$0.lines.isEmpty }
    }
}

/// Finds series by name and container.
struct SeriesCatalog {
    private let description: ExperimentDescription
    init(_ description: ExperimentDescription) { self.description = description }

    func index(_ name: String, _ container: String) -> Int? {
        description.series.firstIndex { $0.name == name && $0.container == container }
    }

    /// Of the container that the experiment is about, else the first one that has it.
    func preferred(_ name: String) -> Int? {
        index(name, description.container) ?? description.series.firstIndex { $0.name == name }
    }

    /// The containers that have a series, the experiment's own one first.
    func containers(with name: String) -> [String] {
        let all = description.series.filter { $0.name == name }.map(\.container)
        return all.filter { $0 == description.container } + all.filter { $0 != description.container }
    }

    func perContainer(
        _ name: String, limit: Int, _ source: (Int) -> SamplePanel.Source
    ) -> [SamplePanel.Line] {
        containers(with: name).prefix(limit).compactMap { container in
            index(name, container).map { SamplePanel.Line(label: container, source: source($0)) }
        }
    }

    static func isPrinted(_ series: SampleSeries) -> Bool {
        !["memory.", "cpu.", "io.", "pids.", "cgroup.", "hugetlb.", "cpuset."].contains { series.name.hasPrefix($0) }
    }
}
