import KubernetesAPI

/// What a trial has to be like: comparisons of its outcome and its measures, joined by `and`, e.g.
/// `outcome == completed and latency_p99_ms <= 20`.
public struct Condition: Sendable, Hashable, CustomStringConvertible {
    enum Comparison: String, CaseIterable {
        // Those of two characters first: they are looked for in this order.
        case lessOrEqual = "<=", greaterOrEqual = ">=", equal = "==", notEqual = "!=", less = "<", greater = ">"
    }

    enum Term: Sendable, Hashable {
        case outcome(Comparison, TrialOutcome)
        case measure(String, Comparison, Double)
    }

    struct Problem: Error, Hashable {
        let message: String
        init(_ message: String) { self.message = message }
    }

    let terms: [Term]
    public let description: String

    /// Throws where it is no condition, or about an outcome or a measure that there is not.
    init(_ text: String, measures: Set<String>) throws(Problem) {
        description = text
        var terms: [Term] = []
        for part in Self.parts(text) { terms.append(try Self.term(part, measures)) }
        self.terms = terms
    }

    private static func parts(_ text: String) -> [String] {
        var parts: [[Substring]] = [[]]
        for word in text.split(separator: " ") {
            if word == "and" || word == "&&" { parts.append([]) } else { parts[parts.count - 1].append(word) }
        }
        return parts.map { $0.joined(separator: " ") }
    }

    private static func term(_ text: String, _ measures: Set<String>) throws(Problem) -> Term {
        for comparison in Comparison.allCases {
            guard let position = text.range(of: comparison) else { continue }
            let left = text[..<position.lowerBound].trimmed
            let right = text[position.upperBound...].trimmed
            if left == "outcome" {
                guard comparison == .equal || comparison == .notEqual else {
                    throw Problem("outcome can be compared by == and != only")
                }
                guard let outcome = TrialOutcome(rawValue: right), outcome != .broken else {
                    let known = TrialOutcome.allCases.filter { $0 != .broken }.map(\.rawValue)
                    throw Problem("\"\(right)\" is no outcome: known are \(known.joined(separator: ", "))")
                }
                return .outcome(comparison, outcome)
            }
            guard measures.contains(left) else {
                throw Problem(
                    "\"\(left)\" is neither outcome nor a measure: known are "
                        + measures.sorted().joined(separator: ", "))
            }
            guard let number = Quantity(right).parsed else { throw Problem("\"\(right)\" is no number") }
            return .measure(left, comparison, Double(number.nanos) / 1e9)
        }
        throw Problem("\"\(text)\" is no comparison such as outcome == completed or latency_p99_ms <= 20")
    }

    /// Nil for a broken trial, which says nothing. A measure that is missing holds nothing; one of a workload that
    /// was killed or failed does not either, unless the condition names the outcome.
    func holds(_ outcome: TrialOutcome, _ measures: [String: Double]) -> Bool? {
        guard outcome != .broken else { return nil }
        let namesOutcome = terms.contains { if case .outcome = $0 { true } else { false } }
        guard outcome == .completed || namesOutcome else { return false }
        return terms.allSatisfy { term in
            switch term {
            case .outcome(let comparison, let expected): (outcome == expected) == (comparison == .equal)
            case .measure(let name, let comparison, let bound):
                measures[name].map { comparison.holds($0, bound) } ?? false
            }
        }
    }

    /// The bound of a measure, and on which side of it is good; nil where the condition does not bound it.
    func bound(of measure: String) -> (value: Double, direction: ExperimentMeasure.Direction)? {
        for case .measure(measure, let comparison, let bound) in terms {
            switch comparison {
            case .less, .lessOrEqual: return (bound, .lowerIsBetter)
            case .greater, .greaterOrEqual: return (bound, .higherIsBetter)
            case .equal, .notEqual: continue
            }
        }
        return nil
    }

    /// The measures that it is about, in its order.
    var measures: [String] { terms.compactMap { if case .measure(let name, _, _) = $0 { name } else { nil } } }
}

extension Condition.Comparison {
    func holds(_ left: Double, _ right: Double) -> Bool {
        switch self {
        case .equal: left == right
        case .notEqual: left != right
        case .less: left < right
        case .lessOrEqual: left <= right
        case .greater: left > right
        case .greaterOrEqual: left >= right
        }
    }
}

extension String {
    fileprivate func range(of comparison: Condition.Comparison) -> Range<String.Index>? {
        self.firstRange(of: comparison.rawValue)
    }
}

extension Substring {
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
