/// A number, or a string such as a port's name or a percentage (`intstr.IntOrString`).
public enum IntOrString: JSONConvertible, ExpressibleByIntegerLiteral, ExpressibleByStringLiteral,
    CustomStringConvertible
{
    case int(Int32)
    case string(String)

    public init(integerLiteral value: Int32) { self = .int(value) }
    public init(stringLiteral value: String) { self = .string(value) }

    public init(json: JSONValue) throws(JSONTypeError) {
        switch json {
        case .integer: self = .int(try Int32(json: json))
        case .string(let value): self = .string(value)
        default: throw json.mismatch("integer or string")
        }
    }

    public var json: JSONValue {
        switch self {
        case .int(let value): .integer(Int64(value))
        case .string(let value): .string(value)
        }
    }

    public var description: String {
        switch self {
        case .int(let value): String(value)
        case .string(let value): value
        }
    }
}
