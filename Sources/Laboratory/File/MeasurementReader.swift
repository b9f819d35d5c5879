import KubernetesAPI

/// Reads `spec.measure` and `spec.sample`.
struct MeasurementReader {
    let problems: FileProblems
    /// Containers of the workload's pod; the first one is the measured one.
    let containers: [String]
    let neighbours: [String]
    let load: Experiment.Load?

    func read(_ fields: FileFields) -> Measurement {
        var measures: [ExperimentMeasure] = []
        var printed: [Measurement.Printed] = []
        for (json, path) in fields.list("measure") {
            let found: ExperimentMeasure?
            if let name = json.stringValue {
                found = builtIn(name, path)
            } else {
                found = item(json, path, &printed)
            }
            guard let found else { continue }
            if measures.contains(where: { $0.name == found.name }) {
                problems.add(path, "measure \"\(found.name)\" is there twice")
            } else {
                measures.append(found)
            }
        }
        for measure in CgroupMeasure.all where !measures.contains(where: { $0.name == measure.name }) {
            measures.append(measure)
        }
        var series: [SampleSeries] = []
        for value in printed.map(Measurement.series) where !series.contains(where: { $0.column == value.column }) {
            series.append(value)
        }
        return Measurement(
            measures: measures, printed: printed, cgroupSeries: cgroupSeries(fields), printedSeries: series)
    }

    private func cgroupSeries(_ fields: FileFields) -> [CgroupColumn] {
        guard fields.has("sample") else { return CgroupColumn.all }
        var groups: Set<CgroupColumn.Group> = []
        for (json, path) in fields.list("sample") {
            guard let group = json.stringValue.flatMap(CgroupColumn.Group.init(rawValue:)) else {
                let known = CgroupColumn.Group.allCases.map(\.rawValue).joined(separator: ", ")
                problems.add(path, "unknown series \(json.text): known are \(known)")
                continue
            }
            if !groups.insert(group).inserted { problems.add(path, "\(group.rawValue) is there twice") }
        }
        return CgroupColumn.all.filter { groups.contains($0.group) }
    }

    private func builtIn(_ name: String, _ path: FieldPath) -> ExperimentMeasure? {
        if let measure = CgroupMeasure.all.first(where: { $0.name == name }) { return measure }
        let known = CgroupMeasure.all.map(\.name).joined(separator: ", ")
        problems.add(
            path, "unknown measure \"\(name)\": known are \(known); {printed: \(name)} is what a program prints")
        return nil
    }

    private enum Better: String, CaseIterable {
        case lower, higher
    }

    private func item(
        _ json: JSONValue, _ path: FieldPath, _ printed: inout [Measurement.Printed]
    ) -> ExperimentMeasure? {
        let known = ["better", "from", "name", "printed", "take", "target", "unit"]
        guard let fields = FileFields(json, at: path, known: known, problems) else { return nil }
        let better = fields.word("better", Better.self)
        var measure: ExperimentMeasure
        if fields.has("printed") {
            guard let key = fields.string("printed") else { return nil }
            let name = fields.string("name") ?? key
            for (field, text) in [("printed", key), ("name", name)] where !Self.isKey(text) {
                fields.problem(field, "must be letters, digits, '_', '-' and '.'")
                return nil
            }
            if CgroupMeasure.all.contains(where: { $0.name == name }) {
                fields.problem(
                    fields.has("name") ? "name" : "printed",
                    "\"\(name)\" is a measure of the laboratory: name it otherwise")
                return nil
            }
            let unit = ExperimentUnit(fields.string("unit") ?? "")
            measure = ExperimentMeasure(name: name, unit: unit)
            guard let source = source(fields) else { return nil }
            let take = fields.word("take", Measurement.Take.self) ?? .last
            printed.append(.init(measure: name, key: key, source: source, take: take, unit: unit))
        } else {
            for key in ["from", "take", "unit"] where fields.has(key) {
                fields.problem(key, "belongs to what a program prints only")
            }
            guard let name = fields.string("name", required: true), let found = builtIn(name, path.child("name"))
            else { return nil }
            measure = found
        }
        if let better { measure.direction = better == .lower ? .lowerIsBetter : .higherIsBetter }
        if let json = fields["target"] {
            if let number = try? Double(json: json) {
                measure.target = number
            } else {
                fields.problem("target", "must be a number")
            }
            if measure.direction == .neither { fields.problem("target", "needs better: lower or better: higher") }
        }
        return measure
    }

    /// Who prints it: a container, a neighbour, or `load`; the measured container where nothing is said.
    private func source(_ fields: FileFields) -> Measurement.Source? {
        guard let name = fields.string("from") else { return containers.first.map(Measurement.Source.container) }
        if name == "load", case .host = load { return .hostLoad }
        if containers.contains(name) { return .container(name) }
        if neighbours.contains(name) { return .neighbour(name) }
        var known = containers + neighbours
        if case .host = load { known.append("load") }
        fields.problem("from", "nobody is named \"\(name)\": known are \(known.joined(separator: ", "))")
        return nil
    }

    static func isKey(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { PrintedValues.isKey($0) }
    }
}
