/// An amount of a resource (`resource.Quantity`): a decimal number with a suffix such as `m`, `k`, `Mi` or `e3`.
///
/// A text that is no quantity is kept as it is, so that strict decoding and validation can name it with its path; its
/// value counts as zero. Two quantities are equal when their values are: `1` and `1000m`.
public struct Quantity: JSONConvertible, ExpressibleByStringLiteral, CustomStringConvertible {
    /// As it was written; what comes from JSON is in canonical form where it is valid.
    public var text: String

    public init(_ text: String) { self.text = text }
    public init(stringLiteral value: String) { text = value }

    public init(json: JSONValue) throws(JSONTypeError) {
        switch json {
        case .string(let value): text = value
        case .integer(let value): text = String(value)
        case .number(let value): text = "\(value)"
        default: throw json.mismatch("string or number")
        }
        if let parsed { text = parsed.canonicalText }
    }

    public var json: JSONValue { .string(text) }
    public var description: String { text }
}

extension Quantity {
    /// How a quantity is written; arithmetic keeps the left one's.
    public enum Format: Sendable, Hashable {
        /// `12e6`
        case decimalExponent
        /// `12Mi`
        case binary
        /// `12M`, `500m`
        case decimal
    }

    /// A quantity's value, exact: billionths are the finest that the API knows.
    public struct Amount: Sendable, Hashable {
        public var nanos: Int128
        public var format: Format
    }

    /// What the API server says about a text that is no quantity.
    public static let syntaxProblem =
        "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

    static let nanosPerUnit: Int128 = 1_000_000_000
    /// Larger values are cut to this one, as in apimachinery.
    static let maximumNanos = Int128(Int64.max) * nanosPerUnit

    public init(_ value: Int64, format: Format = .decimal) {
        text = Amount(nanos: Int128(value) * Self.nanosPerUnit, format: format).canonicalText
    }

    public init(milliValue: Int64, format: Format = .decimal) {
        text = Amount(nanos: Int128(milliValue) * 1_000_000, format: format).canonicalText
    }

    public init(_ amount: Amount) { text = amount.canonicalText }

    /// The value, or nil where the text is no quantity.
    public var parsed: Amount? { Amount(parsing: text) }
    public var isValid: Bool { parsed != nil }

    /// In whole units, rounded away from zero (`Quantity.Value`): bytes, cores.
    public var value: Int64 { scaled(to: Self.nanosPerUnit) }

    /// In thousandths, rounded away from zero (`Quantity.MilliValue`); cut at the ends of the range.
    public var milliValue: Int64 { scaled(to: 1_000_000) }

    /// -1, 0 or 1.
    public var sign: Int { Int((parsed?.nanos ?? 0).signum()) }

    /// The canonical form: no fraction, the largest suffix that loses nothing, e.g. `1536Mi` for `1.5Gi`. The text
    /// itself where it is no quantity.
    public var canonical: String { parsed?.canonicalText ?? text }

    private func scaled(to unit: Int128) -> Int64 {
        guard let nanos = parsed?.nanos else { return 0 }
        let (quotient, rest) = nanos.quotientAndRemainder(dividingBy: unit)
        return Int64(clamping: rest == 0 ? quotient : quotient + nanos.signum())
    }

    public static func + (left: Quantity, right: Quantity) -> Quantity {
        combine(left, right) { $0 + $1 }
    }

    public static func - (left: Quantity, right: Quantity) -> Quantity {
        combine(left, right) { $0 - $1 }
    }

    public static func += (left: inout Quantity, right: Quantity) { left = left + right }

    private static func combine(
        _ left: Quantity, _ right: Quantity, _ operation: (Int128, Int128) -> Int128
    ) -> Quantity {
        let zero = Amount(nanos: 0, format: .decimal)
        let (first, second) = (left.parsed ?? zero, right.parsed ?? zero)
        // A zero takes the other's format (`Quantity.Add`).
        let sum = operation(first.nanos, second.nanos)
        return Quantity(
            Amount(
                nanos: min(max(sum, -maximumNanos), maximumNanos),
                format: first.nanos == 0 ? second.format : first.format))
    }
}

extension Quantity: Comparable {
    public static func < (left: Quantity, right: Quantity) -> Bool {
        (left.parsed?.nanos ?? 0) < (right.parsed?.nanos ?? 0)
    }

    public static func == (left: Quantity, right: Quantity) -> Bool {
        if left.text == right.text { return true }
        guard let first = left.parsed, let second = right.parsed else { return false }
        return first.nanos == second.nanos
    }

    public func hash(into hasher: inout Hasher) {
        if let parsed { hasher.combine(parsed.nanos) } else { hasher.combine(text) }
    }
}
