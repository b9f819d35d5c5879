/// An amount of a resource (`resource.Quantity`): a decimal number with a suffix such as `m`, `k`, `Mi` or `e3`.
public struct Quantity: JSONConvertible, ExpressibleByStringLiteral, CustomStringConvertible {
    /// As it was written.
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
    }

    public var json: JSONValue { .string(text) }
    public var description: String { text }
}
