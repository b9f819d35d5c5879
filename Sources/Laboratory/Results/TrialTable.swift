import Foundation

/// The lines of `results.csv`: trials as text and back.
struct TrialTable {
    let description: ExperimentDescription

    static let leading = ["trial", "order"]
    static let trailing = ["repeat", "outcome", "reason", "exit_code", "holds", "start", "end"]

    /// Names with their units: `memory.max [B]`.
    var header: [String] {
        Self.leading + description.factors.map { Self.column($0.name, $0.unit) } + Self.trailing
            + description.measures.map { Self.column($0.name, $0.unit) }
    }

    static func column(_ name: String, _ unit: ExperimentUnit) -> String {
        unit.rawValue.isEmpty ? name : "\(name) [\(unit.rawValue)]"
    }

    func fields(_ trial: ExperimentTrial) -> [String] {
        [String(trial.id), String(trial.order)]
            + description.factors.map { trial.values[$0.name]?.description ?? "" }
            + [
                String(trial.repeatNumber), trial.outcome.rawValue, trial.reason, trial.exitCode.map(String.init) ?? "",
                trial.holds.map { $0 ? "yes" : "no" } ?? "", Self.text(trial.start), Self.text(trial.end),
            ]
            + description.measures.map { measure in
                trial.measures[measure.name].map { $0.isFinite ? NumberText.plain($0) : "" } ?? ""
            }
    }

    /// The trial of a line; throws a sentence about what is wrong with it.
    func trial(_ fields: [String]) throws(Problem) -> ExperimentTrial {
        guard fields.count == header.count else {
            throw Problem("\(fields.count) fields instead of \(header.count)")
        }
        var rest = fields[...]
        let id = try integer(rest.removeFirst(), "trial")
        let order = try integer(rest.removeFirst(), "order")
        var values: [String: ExperimentValue] = [:]
        for factor in description.factors {
            let text = rest.removeFirst()
            guard !text.isEmpty else { throw Problem("no value of \(factor.name)") }
            values[factor.name] = ExperimentValue(text)
        }
        let repeatNumber = try integer(rest.removeFirst(), "repeat")
        let word = rest.removeFirst()
        guard let outcome = TrialOutcome(rawValue: word) else { throw Problem("\"\(word)\" is no outcome") }
        let reason = rest.removeFirst()
        let code = rest.removeFirst()
        guard code.isEmpty || Int32(code) != nil else { throw Problem("\"\(code)\" is no exit code") }
        let holds = rest.removeFirst()
        let start = try time(rest.removeFirst())
        let end = try time(rest.removeFirst())
        var measures: [String: Double] = [:]
        for measure in description.measures {
            let text = rest.removeFirst()
            if text.isEmpty { continue }
            guard let value = Double(text) else { throw Problem("\"\(text)\" is no \(measure.name)") }
            measures[measure.name] = value
        }
        return ExperimentTrial(
            id: id, values: values, repeatNumber: repeatNumber, order: order, start: start, end: end, outcome: outcome,
            reason: reason, exitCode: Int32(code), holds: holds.isEmpty ? nil : holds == "yes", measures: measures)
    }

    struct Problem: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    private func integer(_ text: String, _ name: String) throws(Problem) -> Int {
        guard let value = Int(text) else { throw Problem("\"\(text)\" is no number of a \(name)") }
        return value
    }

    private func time(_ text: String) throws(Problem) -> Date {
        guard let date = try? Date(text, strategy: Self.style) else { throw Problem("\"\(text)\" is no time") }
        return date
    }

    /// RFC 3339 in UTC with milliseconds.
    static func text(_ date: Date) -> String { date.formatted(style) }
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
