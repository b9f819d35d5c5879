/// JSON patch (RFC 6902): operations that are done in order, all or none.
public struct JSONPatch: Sendable, Hashable {
    /// More operations than this are refused (the API server's `maxJSONPatchOperations`).
    public static let maximumOperations = 10_000
    /// What copies may add to an object together, in values and in bytes of text: a short patch must not make a huge
    /// object.
    private static let maximumCopy = JSONSize(values: 100_000, bytes: 3 << 20)
    /// What the values of all operations together may have: who moves a large value back and forth is slow, not us.
    private static let maximumWork = JSONSize(values: 2_000_000, bytes: 64 << 20)

    enum Operation: Sendable, Hashable {
        case add(JSONPointer, JSONValue)
        case remove(JSONPointer)
        case replace(JSONPointer, JSONValue)
        case move(from: JSONPointer, JSONPointer)
        case copy(from: JSONPointer, JSONPointer)
        case test(JSONPointer, JSONValue)
    }

    let operations: [Operation]

    public init(_ json: JSONValue) throws(PatchError) {
        guard case .array(let items) = json else {
            throw PatchError(.malformed, "a JSON patch is an array of operations, found \(json.typeName)")
        }
        guard items.count <= Self.maximumOperations else {
            throw PatchError(
                .malformed,
                "The allowed maximum operations in a JSON patch is \(Self.maximumOperations), got \(items.count)")
        }
        var operations: [Operation] = []
        for (index, item) in items.enumerated() { operations.append(try Self.operation(item, index)) }
        self.operations = operations
    }

    private static func operation(_ item: JSONValue, _ index: Int) throws(PatchError) -> Operation {
        func pointer(_ member: String) throws(PatchError) -> JSONPointer {
            guard let text = item[member]?.stringValue else {
                throw PatchError(.malformed, "operation \(index): \"\(member)\" is missing or not a string")
            }
            guard let pointer = JSONPointer(text) else {
                throw PatchError(.malformed, "operation \(index): \"\(text)\" is not a JSON pointer")
            }
            return pointer
        }
        func value() throws(PatchError) -> JSONValue {
            guard let value = item["value"] else {
                throw PatchError(.malformed, "operation \(index): \"value\" is missing")
            }
            return value
        }
        guard let name = item["op"]?.stringValue else {
            throw PatchError(.malformed, "operation \(index): \"op\" is missing or not a string")
        }
        switch name {
        case "add": return .add(try pointer("path"), try value())
        case "remove": return .remove(try pointer("path"))
        case "replace": return .replace(try pointer("path"), try value())
        case "move": return .move(from: try pointer("from"), try pointer("path"))
        case "copy": return .copy(from: try pointer("from"), try pointer("path"))
        case "test": return .test(try pointer("path"), try value())
        default: throw PatchError(.malformed, "operation \(index): unexpected kind: \(name)")
        }
    }

    public func apply(to object: JSONValue) throws(PatchError) -> JSONValue {
        var result = object
        var copy = Self.maximumCopy
        var work = Self.maximumWork
        for operation in operations {
            switch operation {
            case .add(let pointer, let value):
                try Self.check(value, at: pointer, &work)
                try result.add(value, at: pointer, "add")
            case .remove(let pointer): _ = try result.remove(at: pointer, "remove")
            case .replace(let pointer, let value):
                try Self.check(value, at: pointer, &work)
                try result.replace(at: pointer, with: value)
            case .move(let source, let pointer):
                guard !pointer.isInside(source) else {
                    throw PatchError(.inapplicable, "move operation: \(source) cannot go into itself at \(pointer)")
                }
                let value = try result.remove(at: source, "move")
                try Self.check(value, at: pointer, &work)
                try result.add(value, at: pointer, "move")
            case .copy(let source, let pointer):
                let value = try result.value(at: source, "copy")
                guard copy.take(value) != nil else {
                    throw PatchError(
                        .inapplicable,
                        "copy operations add more than \(Self.maximumCopy.values) values, or than "
                            + "\(Self.maximumCopy.bytes) bytes")
                }
                try Self.check(value, at: pointer, &work)
                try result.add(value, at: pointer, "copy")
            case .test(let pointer, let expected):
                // A member that is absent passes as null, as with the API server's own library.
                let found =
                    expected == .null
                    ? (try? result.value(at: pointer, "test")) ?? .null
                    : try result.value(at: pointer, "test")
                guard found.isSame(as: expected) else {
                    throw PatchError(.inapplicable, "testing value \(pointer) failed")
                }
            }
        }
        return result
    }

    /// Refuses what would make the object deeper than one that can be read, and what takes too long.
    private static func check(
        _ value: JSONValue, at pointer: JSONPointer, _ work: inout JSONSize
    ) throws(PatchError) {
        guard let depth = work.take(value) else {
            throw PatchError(.inapplicable, "the operations of the patch move too many values")
        }
        guard pointer.parts.count + depth <= JSONParser.maximumDepth else {
            throw PatchError(
                .inapplicable, "\(value.typeName) would be more than \(JSONParser.maximumDepth) levels deep")
        }
    }
}

/// A number of values that may still be taken.
private struct JSONSize {
    var values: Int
    var bytes: Int

    /// Takes a value with all that is in it, and tells how deep it is; nil where there is not as much left.
    mutating func take(_ value: JSONValue) -> Int? {
        values -= 1
        guard values >= 0, bytes >= 0 else { return nil }
        var depth = 0
        switch value {
        case .string(let text): bytes -= text.utf8.count
        case .array(let items):
            for item in items {
                guard let inner = take(item) else { return nil }
                depth = max(depth, inner)
            }
        case .object(let object):
            for (key, member) in object {
                bytes -= key.utf8.count
                guard let inner = take(member) else { return nil }
                depth = max(depth, inner)
            }
        default: break
        }
        return bytes >= 0 ? depth + 1 : nil
    }
}

/// The way to a value (RFC 6901): `/spec/containers/0/image`.
struct JSONPointer: Sendable, Hashable, CustomStringConvertible {
    let parts: [String]

    init?(_ text: String) {
        guard text.isEmpty || text.hasPrefix("/") else { return nil }
        parts = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
            String($0.replacing("~1", with: "/").replacing("~0", with: "~"))
        }
    }

    var description: String {
        parts.map { "/" + $0.replacing("~", with: "~0").replacing("/", with: "~1") }.joined()
    }

    /// Below `other`, and not the same.
    func isInside(_ other: JSONPointer) -> Bool {
        parts.count > other.parts.count && parts.starts(with: other.parts)
    }
}

extension JSONValue {
    /// Equal, and 1 equals 1.0.
    fileprivate func isSame(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.integer(let integer), .number(let number)), (.number(let number), .integer(let integer)):
            return Double(integer) == number
        case (.array(let left), .array(let right)):
            return left.count == right.count && zip(left, right).allSatisfy { $0.isSame(as: $1) }
        case (.object(let left), .object(let right)):
            return left.count == right.count
                && left.members.allSatisfy { right[$0.key]?.isSame(as: $0.value) ?? false }
        default: return self == other
        }
    }

    private static func missing(_ pointer: JSONPointer, _ operation: String) -> PatchError {
        PatchError(.inapplicable, "\(operation) operation does not apply: doc is missing path: \"\(pointer)\"")
    }

    /// An index of an array without sign and leading zeros, within `0...limit`.
    private static func index(_ part: String, limit: Int) -> Int? {
        guard part == "0" || part.first.map({ ("1"..."9").contains($0) }) == true, let index = Int(part),
            index <= limit
        else { return nil }
        return index
    }

    fileprivate func value(at pointer: JSONPointer, _ operation: String) throws(PatchError) -> JSONValue {
        var value = self
        for part in pointer.parts {
            switch value {
            case .object(let object):
                guard let member = object[part] else { throw Self.missing(pointer, operation) }
                value = member
            case .array(let items):
                guard let index = Self.index(part, limit: items.count - 1) else {
                    throw Self.missing(pointer, operation)
                }
                value = items[index]
            default: throw Self.missing(pointer, operation)
            }
        }
        return value
    }

    /// Changes the container that the last part is a member or an index of.
    private mutating func changeContainer(
        of pointer: JSONPointer, _ operation: String, at depth: Int = 0,
        _ change: (inout JSONValue, String) -> Bool
    ) throws(PatchError) {
        let part = pointer.parts[depth]
        if depth == pointer.parts.count - 1 {
            guard change(&self, part) else { throw Self.missing(pointer, operation) }
            return
        }
        switch self {
        case .object(var object):
            guard var member = object[part] else { throw Self.missing(pointer, operation) }
            // Gives up the other references, so that the change is made in place. Who fails throws the whole away.
            self = .null
            object[part] = .null
            try member.changeContainer(of: pointer, operation, at: depth + 1, change)
            object[part] = member
            self = .object(object)
        case .array(var items):
            guard let index = Self.index(part, limit: items.count - 1) else { throw Self.missing(pointer, operation) }
            self = .null
            try items[index].changeContainer(of: pointer, operation, at: depth + 1, change)
            self = .array(items)
        default: throw Self.missing(pointer, operation)
        }
    }

    fileprivate mutating func add(
        _ value: JSONValue, at pointer: JSONPointer, _ operation: String
    ) throws(PatchError) {
        guard !pointer.parts.isEmpty else {
            self = value
            return
        }
        try changeContainer(of: pointer, operation) { container, part in
            switch container {
            case .object(var object):
                container = .null
                object[part] = value
                container = .object(object)
            case .array(var items):
                guard let index = part == "-" ? items.count : Self.index(part, limit: items.count) else { return false }
                container = .null
                items.insert(value, at: index)
                container = .array(items)
            default: return false
            }
            return true
        }
    }

    fileprivate mutating func remove(at pointer: JSONPointer, _ operation: String) throws(PatchError) -> JSONValue {
        guard !pointer.parts.isEmpty else {
            defer { self = .null }
            return self
        }
        let removed = try value(at: pointer, operation)
        try changeContainer(of: pointer, operation) { container, part in
            switch container {
            case .object(var object):
                container = .null
                object[part] = nil
                container = .object(object)
            case .array(var items):
                guard let index = Self.index(part, limit: items.count - 1) else { return false }
                container = .null
                items.remove(at: index)
                container = .array(items)
            default: return false
            }
            return true
        }
        return removed
    }

    fileprivate mutating func replace(at pointer: JSONPointer, with value: JSONValue) throws(PatchError) {
        guard !pointer.parts.isEmpty else {
            self = value
            return
        }
        _ = try self.value(at: pointer, "replace")
        try changeContainer(of: pointer, "replace") { container, part in
            switch container {
            case .object(var object):
                container = .null
                object[part] = value
                container = .object(object)
            case .array(var items):
                guard let index = Self.index(part, limit: items.count - 1) else { return false }
                container = .null
                items[index] = value
                container = .array(items)
            default: return false
            }
            return true
        }
    }
}
