public import Foundation

/// A value whose JSON type is not the field's, with the field's path.
public struct JSONTypeError: Error, Sendable, Hashable, CustomStringConvertible {
    /// E.g. `spec.containers[0].ports[1].containerPort`.
    public var path: String
    /// E.g. `expected integer, found string`.
    public var problem: String

    public init(path: String = "", problem: String) {
        self.path = path
        self.problem = problem
    }

    public var description: String { path.isEmpty ? problem : "\(path): \(problem)" }

    func inside(_ component: String) -> JSONTypeError {
        let separator = path.isEmpty || path.hasPrefix("[") ? "" : "."
        return JSONTypeError(path: component + separator + path, problem: problem)
    }
}

/// A Swift type with a JSON form. The generated API types are such; unknown members are passed over here (strict
/// decoding is `Schema`'s), and a member that is `null` counts as absent.
public protocol JSONConvertible: Sendable, Hashable {
    init(json: JSONValue) throws(JSONTypeError)
    var json: JSONValue { get }
}

extension JSONValue {
    func mismatch(_ expected: String) -> JSONTypeError {
        JSONTypeError(problem: "expected \(expected), found \(typeName)")
    }

    public func requireObject() throws(JSONTypeError) -> JSONObject {
        guard case .object(let object) = self else { throw mismatch("object") }
        return object
    }
}

extension JSONObject {
    public func decode<Value: JSONConvertible>(_ key: String) throws(JSONTypeError) -> Value? {
        guard let value = members[key], value != .null else { return nil }
        do {
            return try Value(json: value)
        } catch {
            throw error.inside(key)
        }
    }

    mutating func encodeType(_ type: GroupVersionKind) {
        members["kind"] = .string(type.kind)
        members["apiVersion"] = .string(type.apiVersion)
    }

    mutating func encode(_ key: String, _ value: (some JSONConvertible)?) {
        if let value { members[key] = value.json }
    }

    mutating func encodeRequired(_ key: String, _ value: some JSONConvertible) {
        members[key] = value.json
    }

    mutating func encodeNonEmpty(_ key: String, _ value: some JSONConvertible & Collection) {
        if !value.isEmpty { members[key] = value.json }
    }

    mutating func encodeNonZero(_ key: String, _ value: some JSONConvertible & JSONZero) {
        if !value.isZero { members[key] = value.json }
    }
}

/// A scalar with Go's idea of emptiness: the zero value of an `omitempty` field is not written.
protocol JSONZero {
    var isZero: Bool { get }
}

extension JSONValue: JSONConvertible {
    public init(json: JSONValue) { self = json }
    public var json: JSONValue { self }
}

extension String: JSONConvertible, JSONZero {
    public init(json: JSONValue) throws(JSONTypeError) {
        guard case .string(let value) = json else { throw json.mismatch("string") }
        self = value
    }
    public var json: JSONValue { .string(self) }
    var isZero: Bool { isEmpty }
}

extension Bool: JSONConvertible, JSONZero {
    public init(json: JSONValue) throws(JSONTypeError) {
        guard case .bool(let value) = json else { throw json.mismatch("boolean") }
        self = value
    }
    public var json: JSONValue { .bool(self) }
    var isZero: Bool { !self }
}

extension Int64: JSONConvertible, JSONZero {
    public init(json: JSONValue) throws(JSONTypeError) {
        guard case .integer(let value) = json else { throw json.mismatch("integer") }
        self = value
    }
    public var json: JSONValue { .integer(self) }
    var isZero: Bool { self == 0 }
}

extension Int32: JSONConvertible, JSONZero {
    public init(json: JSONValue) throws(JSONTypeError) {
        guard case .integer(let wide) = json else { throw json.mismatch("integer") }
        guard let value = Int32(exactly: wide) else {
            throw JSONTypeError(problem: "number \(wide) does not fit in 32 bits")
        }
        self = value
    }
    public var json: JSONValue { .integer(Int64(self)) }
    var isZero: Bool { self == 0 }
}

extension Double: JSONConvertible, JSONZero {
    public init(json: JSONValue) throws(JSONTypeError) {
        switch json {
        case .integer(let value): self = Double(value)
        case .number(let value): self = value
        default: throw json.mismatch("number")
        }
    }
    public var json: JSONValue { .number(self) }
    var isZero: Bool { self == 0 }
}

extension Data: JSONConvertible {
    public init(json: JSONValue) throws(JSONTypeError) {
        guard case .string(let text) = json else { throw json.mismatch("string") }
        guard let data = Data(base64Encoded: text) else { throw JSONTypeError(problem: "illegal base64 data") }
        self = data
    }
    public var json: JSONValue { .string(base64EncodedString()) }
}

extension Array: JSONConvertible where Element: JSONConvertible {
    public init(json: JSONValue) throws(JSONTypeError) {
        guard case .array(let values) = json else { throw json.mismatch("array") }
        self = []
        reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            do {
                append(try Element(json: value))
            } catch {
                throw error.inside("[\(index)]")
            }
        }
    }
    public var json: JSONValue { .array(map(\.json)) }
}

extension Dictionary: JSONConvertible where Key == String, Value: JSONConvertible {
    public init(json: JSONValue) throws(JSONTypeError) {
        let object = try json.requireObject()
        self = [:]
        reserveCapacity(object.count)
        for (key, value) in object {
            do {
                self[key] = try Value(json: value)
            } catch {
                throw error.inside("[\(key)]")
            }
        }
    }
    public var json: JSONValue {
        var object = JSONObject()
        for key in keys.sorted() { object.members[key] = self[key]?.json }
        return .object(object)
    }
}
