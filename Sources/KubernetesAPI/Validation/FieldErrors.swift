internal import InternetAddress

/// The path of a field in messages: `spec.containers[0].resources.limits[cpu]`.
public struct FieldPath: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    public init(_ description: String = "") { self.description = description }

    public func child(_ name: String) -> FieldPath {
        FieldPath(description.isEmpty ? name : "\(description).\(name)")
    }

    public subscript(index: Int) -> FieldPath { FieldPath("\(description)[\(index)]") }
    public subscript(key: String) -> FieldPath { FieldPath("\(description)[\(key)]") }
}

/// One thing that is wrong with one field, in the API server's words (`field.Error`).
public struct FieldError: Sendable, Hashable {
    public var path: FieldPath
    public var reason: CauseType
    /// E.g. `Invalid value: -1: must be greater than or equal to 0`.
    public var message: String

    /// With the path in front.
    public var description: String { "\(path): \(message)" }
}

/// What is wrong with an object, gathered by validation.
public struct FieldErrors: Sendable {
    public private(set) var all: [FieldError] = []

    public init() {}

    public var isEmpty: Bool { all.isEmpty }

    public mutating func add(_ reason: CauseType, _ path: FieldPath, _ message: String) {
        all.append(FieldError(path: path, reason: reason, message: message))
    }

    public mutating func required(_ path: FieldPath, _ detail: String = "") {
        add(.fieldValueRequired, path, Self.join("Required value", detail))
    }

    /// - Parameter value: as JSON, so that a string is quoted and a list or map is readable.
    public mutating func invalid(_ path: FieldPath, _ value: some JSONConvertible, _ detail: String) {
        add(.fieldValueInvalid, path, Self.join("Invalid value: \(Self.text(value))", detail))
    }

    /// One error for each problem.
    public mutating func invalid(_ path: FieldPath, _ value: some JSONConvertible, _ problems: [String]) {
        for problem in problems { invalid(path, value, problem) }
    }

    public mutating func notSupported(_ path: FieldPath, _ value: some JSONConvertible, _ supported: [String]) {
        let listed = supported.sorted().map { Self.text($0) }.joined(separator: ", ")
        add(
            .fieldValueNotSupported, path,
            Self.join("Unsupported value: \(Self.text(value))", supported.isEmpty ? "" : "supported values: \(listed)"))
    }

    public mutating func forbidden(_ path: FieldPath, _ detail: String) {
        add(.fieldValueForbidden, path, Self.join("Forbidden", detail))
    }

    public mutating func duplicate(_ path: FieldPath, _ value: some JSONConvertible) {
        add(.fieldValueDuplicate, path, "Duplicate value: \(Self.text(value))")
    }

    public mutating func notFound(_ path: FieldPath, _ value: some JSONConvertible) {
        add(.fieldValueNotFound, path, "Not found: \(Self.text(value))")
    }

    public mutating func tooLong(_ path: FieldPath, limit: Int) {
        add(.fieldValueTooLong, path, "Too long: may not be more than \(limit) bytes")
    }

    public mutating func tooMany(_ path: FieldPath, _ count: Int, limit: Int) {
        add(.fieldValueTooMany, path, "Too many: \(count): must have at most \(limit) items")
    }

    private static func text(_ value: some JSONConvertible) -> String { value.json.text }
    private static func join(_ head: String, _ detail: String) -> String {
        detail.isEmpty ? head : "\(head): \(detail)"
    }

    /// 422 with every error as a cause: `Deployment.apps "x" is invalid: spec.replicas: Invalid value: ...`; nil
    /// where nothing is wrong.
    public func refusal(of kind: GroupVersionKind, name: String) -> APIError? {
        guard !all.isEmpty else { return nil }
        var seen: Set<String> = []
        let messages = all.map(\.description).filter { seen.insert($0).inserted }
        let list = messages.count == 1 ? messages[0] : "[\(messages.joined(separator: ", "))]"
        let qualified = kind.group.isEmpty ? kind.kind : "\(kind.kind).\(kind.group)"
        var details = StatusDetails()
        details.name = name
        details.group = kind.group
        details.kind = kind.kind
        details.causes = all.map { error in
            var cause = StatusCause()
            cause.reason = error.reason
            cause.message = error.message
            cause.field = error.path.description
            return cause
        }
        return APIError(
            code: 422, reason: .invalid, message: "\(qualified) \"\(name)\" is invalid: \(list)", details: details)
    }
}

extension FieldErrors {
    static let notNegative = "must be greater than or equal to 0"
    static let positive = "must be greater than zero"
    static let immutable = "field is immutable"
    static let portRange = "must be between 1 and 65535, inclusive"
    static let address = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"

    mutating func requireNotNegative(_ path: FieldPath, _ value: Int64) {
        if value < 0 { invalid(path, value, Self.notNegative) }
    }

    mutating func requirePort(_ path: FieldPath, _ port: Int32) {
        if !(1...65535).contains(port) { invalid(path, port, Self.portRange) }
    }

    mutating func requireAddress(_ path: FieldPath, _ address: String) {
        if IPAddress(address) == nil { invalid(path, address, Self.address) }
    }

    /// A number in range, or the name of a port.
    mutating func requirePort(_ path: FieldPath, _ port: IntOrString?) {
        switch port {
        case .int(let number): requirePort(path, number)
        case .string(let name): invalid(path, name, name.isEmpty ? [Self.portRange] : NameRules.portName(name))
        case nil: invalid(path, 0 as Int32, Self.portRange)
        }
    }

    /// - Parameter isRequired: whether an empty value is an error of its own (`Required value`) or fine.
    mutating func requireKnown<Value: StringValue>(
        _ path: FieldPath, _ value: Value, of supported: [Value], isRequired: Bool = true
    ) {
        if value.isEmpty {
            if isRequired { required(path) }
        } else if !supported.contains(value) {
            notSupported(path, value.rawValue, supported.map(\.rawValue))
        }
    }

    mutating func requireUnchanged<Value: JSONConvertible>(_ path: FieldPath, _ new: Value, _ old: Value) {
        if new != old { invalid(path, new, Self.immutable) }
    }
}
