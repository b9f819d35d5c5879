/// What a knob was set to in a trial: an amount in its factor's unit, or a word such as `max` or `none`.
public enum ExperimentValue: Sendable, Hashable, CustomStringConvertible {
    case number(Double)
    case word(String)

    /// The amount, or nil where it is a word.
    public var number: Double? {
        if case .number(let value) = self { value } else { nil }
    }

    /// As in `results.csv`: a number without a unit (whole ones without a fraction), or the word.
    public var description: String {
        switch self {
        case .number(let value): NumberText.plain(value)
        case .word(let word): word
        }
    }

    /// Reads what `description` wrote.
    public init(_ text: String) {
        if let value = Double(text), value.isFinite { self = .number(value) } else { self = .word(text) }
    }
}

extension ExperimentValue: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else {
            self = .word(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let value): try container.encode(value)
        case .word(let word): try container.encode(word)
        }
    }
}

extension ExperimentValue: Comparable {
    /// Numbers by size, then words by the alphabet.
    public static func < (left: ExperimentValue, right: ExperimentValue) -> Bool {
        switch (left, right) {
        case (.number(let a), .number(let b)): a < b
        case (.number, .word): true
        case (.word, .number): false
        case (.word(let a), .word(let b)): a < b
        }
    }
}
