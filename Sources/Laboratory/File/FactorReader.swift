import Foundation
import KubernetesAPI

/// Reads `spec.vary`.
struct FactorReader {
    /// A pod that factors can be about: its name (nil: the workload) and its containers.
    struct PodNames {
        var neighbour: String?
        var containers: [String]
        /// The one that is meant where none is named.
        var container: String
    }

    let problems: FileProblems
    let pods: [PodNames]
    /// Names of all measures, for conditions.
    let measures: Set<String>

    private static let longestList = 1000
    private static let kinds = ["bisect", "logRange", "range", "values"]

    func read(_ json: JSONValue, at path: FieldPath) -> Factor? {
        let known = ["baseline", "container", "device", "env", "knob", "limit", "name", "neighbour", "pod", "scale"]
        guard let fields = FileFields(json, at: path, known: known + Self.kinds, problems) else { return nil }
        let knob = knob(fields)
        let owner = owner(fields, knob)
        guard let knob, let owner, let levels = levels(fields, knob) else { return nil }
        var values: [ExperimentValue] = []
        if case .list(let list) = levels { values = list }
        var baseline: ExperimentValue?
        if let json = fields["baseline"] {
            do throws(Knob.Problem) {
                baseline = try knob.value(json)
            } catch {
                fields.problem("baseline", error.message)
            }
            if let baseline, !values.contains(baseline) { fields.problem("baseline", "must be one of the values") }
        }
        let scale: ExperimentFactor.Scale
        if let word = fields.word("scale", ScaleWord.self) {
            scale = word.scale
        } else if fields.has("logRange") {
            scale = .logarithmic
        } else {
            scale = !values.isEmpty && values.allSatisfy { $0.number == nil } ? .category : .linear
        }
        return Factor(
            name: fields.string("name") ?? Self.name(knob, owner, pods), knob: knob, owner: owner, levels: levels,
            scale: scale, baseline: baseline)
    }

    private enum ScaleWord: String, CaseIterable {
        case linear, logarithmic, category

        var scale: ExperimentFactor.Scale {
            switch self {
            case .linear: .linear
            case .logarithmic: .logarithmic
            case .category: .category
            }
        }
    }

    /// The knob's name where it is the measured container's, else with whose it is in front.
    private static func name(_ knob: Knob, _ owner: Factor.Owner, _ pods: [PodNames]) -> String {
        var name = knob.name
        if case .ioMax(_, let limit) = knob.target { name += " \(limit)" }
        return switch owner {
        case .container(let container):
            container == pods.first { $0.neighbour == nil }?.container ? name : "\(container) \(name)"
        case .pod: "pod \(name)"
        case .neighbour(let neighbour, _): "\(neighbour) \(name)"
        case .neighbourPod(let neighbour): "\(neighbour) pod \(name)"
        }
    }

    // MARK: What and whose

    private func knob(_ fields: FileFields) -> Knob? {
        if fields.has("env") {
            for key in ["device", "knob", "limit"] where fields.has(key) {
                fields.problem(key, "has no meaning beside env")
            }
            guard let name = fields.string("env") else { return nil }
            guard name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "=") }) else {
                fields.problem("env", "\"\(name)\" cannot name a variable")
                return nil
            }
            return Knob(environment: name)
        }
        guard fields.has("knob") else {
            problems.add(fields.path, "name what to vary: knob, or env")
            return nil
        }
        guard let name = fields.string("knob") else { return nil }
        if name == "io.max", fields.has("device") || fields.has("limit") {
            guard let device = fields.string("device", required: true),
                let limit = fields.string("limit", required: true)
            else { return nil }
            guard Knob.ioLimits.contains(limit) else {
                fields.problem(
                    "limit", "unknown limit \"\(limit)\": known are \(Knob.ioLimits.joined(separator: ", "))")
                return nil
            }
            return Knob(ioLimit: limit, device: device)
        }
        for key in ["device", "limit"] where fields.has(key) { fields.problem(key, "belongs to the knob io.max only") }
        guard let knob = Knob(named: name) else {
            fields.problem("knob", "unknown knob \"\(name)\": known are \(Knob.names.joined(separator: ", "))")
            return nil
        }
        return knob
    }

    private func owner(_ fields: FileFields, _ knob: Knob?) -> Factor.Owner? {
        let neighbour = fields.string("neighbour")
        guard let pod = pods.first(where: { $0.neighbour == neighbour }) else {
            let known = pods.compactMap(\.neighbour)
            fields.problem(
                "neighbour",
                "there is no neighbour \"\(neighbour ?? "")\""
                    + (known.isEmpty ? "" : ": known are \(known.joined(separator: ", "))"))
            return nil
        }
        if fields.flag("pod") {
            if fields.has("container") { fields.problem("container", "has no meaning beside pod: true") }
            if case .environment = knob?.target { fields.problem("pod", "a variable belongs to a container") }
            return neighbour.map { .neighbourPod($0) } ?? .pod
        }
        let container = fields.string("container") ?? pod.container
        guard pod.containers.contains(container) else {
            fields.problem(
                "container",
                "there is no container \"\(container)\": known are \(pod.containers.joined(separator: ", "))")
            return nil
        }
        return neighbour.map { .neighbour($0, container: container) } ?? .container(container)
    }

    // MARK: Values

    private func levels(_ fields: FileFields, _ knob: Knob) -> Factor.Levels? {
        let given = Self.kinds.filter(fields.has)
        guard given.count == 1, let kind = given.first else {
            problems.add(
                fields.path,
                given.isEmpty
                    ? "name its values: one of \(Self.kinds.joined(separator: ", "))"
                    : "has \(given.joined(separator: " and ")): only one of them can count")
            return nil
        }
        switch kind {
        case "values": return values(fields, knob).map(Factor.Levels.list)
        case "range": return range(fields, knob).map(Factor.Levels.list)
        case "logRange": return logRange(fields, knob).map(Factor.Levels.list)
        default: return bisection(fields, knob).map(Factor.Levels.bisection)
        }
    }

    private func values(_ fields: FileFields, _ knob: Knob) -> [ExperimentValue]? {
        let items = fields.list("values")
        if items.isEmpty, fields["values"]?.arrayValue != nil { fields.problem("values", "must not be empty") }
        var found: [ExperimentValue] = []
        for (json, path) in items {
            do throws(Knob.Problem) {
                let value = try knob.value(json)
                if found.contains(value) { problems.add(path, "\(knob.text(value)) is there twice") }
                found.append(value)
            } catch {
                problems.add(path, error.message)
            }
        }
        guard found.count <= Self.longestList else {
            fields.problem("values", "must be at most \(Self.longestList)")
            return nil
        }
        return found.isEmpty || found.count < items.count ? nil : found
    }

    /// `from` and `to` of a range, in order.
    private func bounds(_ range: FileFields, _ knob: Knob) -> (from: Double, to: Double)? {
        let from = number(range, "from", knob)
        let to = number(range, "to", knob)
        guard let from, let to else { return nil }
        guard from < to else {
            problems.add(range.path, "is empty: from \(knob.text(.number(from))) to \(knob.text(.number(to)))")
            return nil
        }
        return (from, to)
    }

    private func number(_ fields: FileFields, _ key: String, _ knob: Knob) -> Double? {
        guard let json = fields[key] else {
            fields.problem(key, "required")
            return nil
        }
        do throws(Knob.Problem) {
            return try knob.number(json)
        } catch {
            fields.problem(key, error.message)
            return nil
        }
    }

    private func range(_ fields: FileFields, _ knob: Knob) -> [ExperimentValue]? {
        guard let range = sub(fields, "range", ["from", "step", "to"]) else { return nil }
        let step = number(range, "step", knob)
        guard let (from, to) = bounds(range, knob), let step else { return nil }
        guard step > 0 else {
            range.problem("step", "must be greater than 0")
            return nil
        }
        // A little more than the end, for steps that are no binary fractions.
        let count = ((to - from) / step + 1e-9).rounded(.down) + 1
        guard count <= Double(Self.longestList) else {
            range.problem("step", "makes \(Int(count)) values: at most \(Self.longestList)")
            return nil
        }
        return unique((0..<Int(count)).map { from + Double($0) * step }, knob, range, "step")
    }

    private func logRange(_ fields: FileFields, _ knob: Knob) -> [ExperimentValue]? {
        guard let range = sub(fields, "logRange", ["from", "steps", "to"]) else { return nil }
        if !range.has("steps") { range.problem("steps", "required") }
        let steps = range.integer("steps", in: 2...Int64(Self.longestList))
        guard let (from, to) = bounds(range, knob), let steps else { return nil }
        guard from > 0 else {
            range.problem("from", "must be greater than 0")
            return nil
        }
        let ratio = to / from
        return unique(
            (0..<steps).map { from * pow(ratio, Double($0) / Double(steps - 1)) }, knob, range, "steps")
    }

    /// Rounded to what the knob can have.
    private func unique(
        _ numbers: [Double], _ knob: Knob, _ range: FileFields, _ key: String
    ) -> [ExperimentValue]? {
        let values = numbers.map { ExperimentValue.number(knob.rounded($0)) }
        guard Set(values).count == values.count else {
            range.problem(key, "makes values that are the same when they are rounded for \(knob.name)")
            return nil
        }
        return values
    }

    private func bisection(_ fields: FileFields, _ knob: Knob) -> BisectionRange? {
        let known = ["confirm", "for", "from", "holds", "to", "tolerance"]
        guard let range = sub(fields, "bisect", known) else { return nil }
        let condition = condition(range, "for")
        let quorum = range.word("holds", BisectionRange.Quorum.self) ?? .all
        let confirmations = range.integer("confirm", in: 0...100) ?? 1
        let bounds = bounds(range, knob)
        let tolerance = tolerance(range, knob)
        guard let condition, let (from, to) = bounds, let tolerance else { return nil }
        if case .absolute(let width) = tolerance, width >= to - from {
            range.problem("tolerance", "must be less than the width of the range")
            return nil
        }
        return BisectionRange(
            lowest: from, highest: to, tolerance: tolerance, condition: condition, quorum: quorum,
            confirmations: Int(confirmations))
    }

    /// A share such as `5%`, or an amount in the knob's unit.
    private func tolerance(_ range: FileFields, _ knob: Knob) -> BisectionRange.Tolerance? {
        if let text = range["tolerance"]?.stringValue, text.hasSuffix("%") {
            guard let percent = Double(text.dropLast()), percent > 0, percent < 100 else {
                range.problem("tolerance", "must be between 0% and 100%")
                return nil
            }
            return .relative(percent / 100)
        }
        guard let width = number(range, "tolerance", knob) else { return nil }
        guard width >= knob.grain else {
            range.problem("tolerance", "must be \(knob.text(.number(knob.grain))) or more")
            return nil
        }
        return .absolute(width)
    }

    func condition(_ fields: FileFields, _ key: String) -> Condition? {
        guard let text = fields.string(key, required: true) else { return nil }
        do throws(Condition.Problem) {
            return try Condition(text, measures: measures)
        } catch {
            fields.problem(key, error.message)
            return nil
        }
    }

    private func sub(_ fields: FileFields, _ key: String, _ known: [String]) -> FileFields? {
        FileFields(fields[key], at: fields.path.child(key), known: known, problems)
    }
}
