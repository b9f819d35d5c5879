/// A string with a set of known values (a Go string type with constants). Unknown values are kept: they come from
/// newer clients, and validation reports them with their path.
public protocol StringValue: JSONConvertible, RawRepresentable<String>, ExpressibleByStringLiteral,
    CustomStringConvertible
{
    init(rawValue: String)
    /// The values of the API's description, in its order.
    static var knownValues: [String] { get }
}

extension StringValue {
    public init(stringLiteral value: String) { self.init(rawValue: value) }
    public init(json: JSONValue) throws(JSONTypeError) { self.init(rawValue: try String(json: json)) }
    public var json: JSONValue { .string(rawValue) }
    public var description: String { rawValue }
    public var isEmpty: Bool { rawValue.isEmpty }
}

extension JSONObject {
    mutating func encodeNonZero(_ key: String, _ value: some StringValue) {
        if !value.rawValue.isEmpty { members[key] = value.json }
    }
}
