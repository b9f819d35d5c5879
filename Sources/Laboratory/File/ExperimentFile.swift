import Crypto
import Foundation
import KubernetesAPI
import LinuxKernel

/// Reads experiment files: `apiVersion: minikube-lite/v1alpha1`, `kind: Experiment`. docs/experiments.md describes them.
public enum ExperimentFile {
    public static let apiVersion = "minikube-lite/v1alpha1"
    public static let kind = "Experiment"
    private static let mostTrials = 10_000

    /// Reads and checks a file. Blocks.
    ///
    /// - Throws: `LaboratoryError(.invalid)` with every problem, each with its path.
    public static func read(_ path: String) throws -> Experiment {
        let bytes: [UInt8]
        do {
            bytes = try FileAccess.read(path)
        } catch {
            throw LaboratoryError(.unavailable, "\(error)")
        }
        return try parse(bytes, folder: FileAccess.split(path).directory)
    }

    /// Reads and checks the bytes of a file.
    ///
    /// - Parameter folder: what `templateFile` is relative to.
    public static func parse(_ bytes: [UInt8], folder: String) throws(LaboratoryError) -> Experiment {
        let documents: [JSONValue]
        do {
            documents = try YAMLDocuments.read(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw LaboratoryError(.invalid, "\(error)")
        }
        guard documents.count == 1, let document = documents.first else {
            throw LaboratoryError(.invalid, "the file must have one document, not \(documents.count)")
        }
        let problems = FileProblems()
        var templates = PodTemplateReader(problems: problems, folder: folder)
        let experiment = read(document, bytes, problems, &templates)
        guard problems.all.isEmpty, let experiment else { throw LaboratoryError(.invalid, problems.all) }
        let more = TrialPods(experiment).problems()
        guard more.isEmpty else { throw LaboratoryError(.invalid, more) }
        return experiment
    }

    private static func read(
        _ document: JSONValue, _ bytes: [UInt8], _ problems: FileProblems, _ templates: inout PodTemplateReader
    ) -> Experiment? {
        let top = FileFields(document, at: FieldPath(), known: ["apiVersion", "kind", "metadata", "spec"], problems)
        guard let top else { return nil }
        if top.string("apiVersion", required: true) != apiVersion { top.problem("apiVersion", "must be \(apiVersion)") }
        if top.string("kind", required: true) != kind { top.problem("kind", "must be \(kind)") }
        let metadata = FileFields(top["metadata"], at: FieldPath("metadata"), known: ["name"], problems)
        let name = metadata.flatMap { $0.string("name", required: true) } ?? ""
        // The namespace's name has a prefix of 11 bytes.
        if !name.isEmpty, !isLabel(name) || name.utf8.count > 40 {
            problems.add(
                FieldPath("metadata.name"),
                "must be at most 40 lower case letters, digits and '-', and begin and end with a letter or digit")
        }
        let known = [
            "container", "duration", "interval", "load", "measure", "neighbours", "question", "repeat", "sample",
            "seed",
            "template", "templateFile", "timeout", "vary", "warmup",
        ]
        guard let spec = FileFields(top["spec"], at: FieldPath("spec"), known: known, problems) else { return nil }
        let question = spec.string("question", required: true) ?? ""

        var template = templates.read(spec)
        let load = readLoad(spec, templates, &template)
        let neighbours = readNeighbours(spec, &templates)
        let container = spec.string("container") ?? template?.spec.containers.first?.name ?? ""
        if let template, !template.spec.containers.contains(where: { $0.name == container }) {
            if spec.has("container") { spec.problem("container", "there is no container \"\(container)\"") }
        }

        let containers = template?.spec.containers.map(\.name) ?? []
        let measurement = MeasurementReader(
            problems: problems, containers: [container] + containers.filter { $0 != container },
            neighbours: neighbours.map(\.name), load: load
        ).read(spec)
        var pods = [FactorReader.PodNames(neighbour: nil, containers: containers, container: container)]
        pods += neighbours.map { neighbour in
            let names = neighbour.template.spec.containers.map(\.name)
            return FactorReader.PodNames(neighbour: neighbour.name, containers: names, container: names.first ?? "")
        }
        let reader = FactorReader(problems: problems, pods: pods, measures: Set(measurement.measures.map(\.name)))
        let factors = readFactors(spec, template == nil ? nil : reader, taken: measurement.measures.map(\.name))

        let day = Duration.seconds(86_400)
        let duration = spec.duration("duration", in: .milliseconds(100)...day)
        let warmup = spec.duration("warmup", in: .zero...day) ?? .zero
        let timeout =
            spec.duration("timeout", in: .seconds(1)...(day * 2)) ?? (duration ?? .seconds(240)) + .seconds(60)
        if let duration, warmup >= duration { spec.problem("warmup", "must be shorter than the duration") }
        if let duration, timeout <= duration { spec.problem("timeout", "must be longer than the duration") }
        let repeats = spec.integer("repeat", in: 1...1000) ?? 3
        let interval = spec.duration("interval", in: .milliseconds(1)...(.seconds(60))) ?? .milliseconds(100)
        let seed = spec.integer("seed", in: 0...Int64.max)
        let trials = factors.reduce(Int(repeats)) { total, factor in
            let (product, overflow) = total.multipliedReportingOverflow(by: max(factor.values.count, 1))
            return overflow ? Int.max : product
        }
        if trials > mostTrials { spec.problem("vary", "makes \(trials) trials: at most \(mostTrials)") }
        guard let template, problems.all.isEmpty else { return nil }
        return Experiment(
            name: name, question: question, template: template, container: container, factors: factors,
            repeats: Int(repeats), seed: seed.map(UInt64.init), duration: duration, warmup: warmup, timeout: timeout,
            interval: interval, neighbours: neighbours, load: load,
            measurement: withBounds(measurement, factors), digest: digest(bytes, templates.bytesRead))
    }

    private static func isLabel(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        func isEdge(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = bytes.first, let last = bytes.last, isEdge(first), isEdge(last) else { return false }
        return bytes.allSatisfy { isEdge($0) || $0 == UInt8(ascii: "-") }
    }

    private static func digest(_ bytes: [UInt8], _ more: [[UInt8]]) -> String {
        var hash = SHA256()
        for piece in [bytes] + more {
            // Lengths, so that no two sets of files are alike.
            withUnsafeBytes(of: UInt64(piece.count).littleEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: piece)
        }
        return "sha256:" + hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // MARK: Parts

    private static func readFactors(_ spec: FileFields, _ reader: FactorReader?, taken: [String]) -> [Factor] {
        let items = spec.list("vary")
        if items.isEmpty { spec.problem("vary", "name at least one thing to vary") }
        guard let reader else { return [] }
        var factors: [Factor] = []
        var names = Set(taken)
        for (json, path) in items {
            guard let factor = reader.read(json, at: path) else { continue }
            if factors.contains(where: { $0.knob.target == factor.knob.target && $0.owner == factor.owner }) {
                spec.problems.add(path, "\(factor.name) is varied twice")
            } else if !names.insert(factor.name).inserted {
                spec.problems.add(path, "the name \"\(factor.name)\" is taken: give it another one with name")
            }
            if case .bisection = factor.levels,
                factors.contains(where: { if case .bisection = $0.levels { true } else { false } })
            {
                spec.problems.add(path.child("bisect"), "only one factor can be bisected")
            }
            factors.append(factor)
        }
        return factors
    }

    private static func readLoad(
        _ spec: FileFields, _ templates: PodTemplateReader, _ template: inout PodTemplateSpec?
    ) -> Experiment.Load? {
        guard let json = spec["load"] else { return nil }
        let path = spec.path.child("load")
        guard let fields = FileFields(json, at: path, known: ["command", "container"], spec.problems) else {
            return nil
        }
        switch (fields.has("command"), fields.has("container")) {
        case (true, false): return fields.strings("command").map(Experiment.Load.host)
        case (false, true):
            guard var container = templates.container(fields, "container", defaultName: "load") else { return nil }
            if !container.env.contains(where: { $0.name == "POD_IP" }) {
                var address = EnvVar()
                address.name = "POD_IP"
                address.valueFrom = EnvVarSource()
                address.valueFrom?.fieldRef = ObjectFieldSelector()
                address.valueFrom?.fieldRef?.fieldPath = "status.podIP"
                container.env.insert(address, at: 0)
            }
            template?.spec.containers.append(container)
            return .container(name: container.name)
        default:
            spec.problems.add(path, "must have either command (on this machine) or container (in the workload's pod)")
            return nil
        }
    }

    private static func readNeighbours(
        _ spec: FileFields, _ templates: inout PodTemplateReader
    ) -> [Experiment.Neighbour] {
        var neighbours: [Experiment.Neighbour] = []
        for (json, path) in spec.list("neighbours") {
            let fields = FileFields(json, at: path, known: ["name"] + PodTemplateReader.keys, spec.problems)
            guard let fields else { continue }
            let name = fields.string("name", required: true) ?? ""
            if !name.isEmpty, !isLabel(name) || name.utf8.count > 40 {
                fields.problem("name", "must be a DNS label of at most 40 bytes")
            }
            if neighbours.contains(where: { $0.name == name }) { fields.problem("name", "\"\(name)\" is there twice") }
            if let template = templates.read(fields) {
                neighbours.append(Experiment.Neighbour(name: name, template: template))
            }
        }
        return neighbours
    }

    /// What a bisection's condition asks of a measure is that measure's target, and the measure comes first.
    private static func withBounds(_ measurement: Measurement, _ factors: [Factor]) -> Measurement {
        let conditions = factors.compactMap { factor in
            if case .bisection(let range) = factor.levels { range.condition } else { nil }
        }
        guard let condition = conditions.first else { return measurement }
        var measures = measurement.measures
        for name in condition.measures.reversed() {
            guard let index = measures.firstIndex(where: { $0.name == name }) else { continue }
            var measure = measures.remove(at: index)
            if measure.target == nil, let bound = condition.bound(of: name) {
                measure.target = bound.value
                measure.direction = bound.direction
            }
            measures.insert(measure, at: 0)
        }
        return Measurement(
            measures: measures, printed: measurement.printed, cgroupSeries: measurement.cgroupSeries,
            printedSeries: measurement.printedSeries)
    }
}
