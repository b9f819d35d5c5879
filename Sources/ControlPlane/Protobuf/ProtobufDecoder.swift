import Foundation
import KubernetesAPI

/// Turns Kubernetes' protobuf form of objects into JSON, by the field numbers of the API's description.
///
/// `kubectl create deployment` and its kin send nothing else. The bytes come from outside: time and memory are
/// proportional to their number, whatever they are.
struct ProtobufDecoder {
    /// Messages inside each other; the deepest kind of the API has about twenty.
    private static let maximumDepth = 100
    /// The times that have an RFC 3339 form: the years 1 to 9999.
    private static let seconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
    private let schema = Schema.shared

    /// The object with its apiVersion and kind.
    static func decode(_ bytes: [UInt8]) throws(ProtobufError) -> JSONValue {
        let envelope = try ProtobufEnvelope(bytes)
        let decoder = ProtobufDecoder()
        guard let structure = decoder.schema.structure(of: envelope.kind) else {
            throw ProtobufError(description: "the kind \(envelope.kind) is not known")
        }
        var object: JSONObject = [
            "kind": .string(envelope.kind.kind), "apiVersion": .string(envelope.kind.apiVersion),
        ]
        try decoder.read(envelope.raw, as: structure, into: &object, depth: 0)
        return .object(object)
    }

    private func read(
        _ bytes: ArraySlice<UInt8>, as structure: Schema.Structure, into object: inout JSONObject, depth: Int
    ) throws(ProtobufError) {
        guard depth < Self.maximumDepth else { throw ProtobufError(description: "too deep") }
        var reader = ProtobufReader(bytes)
        while let (number, value) = try reader.next() {
            if let embedded = structure.embeddedMessages.first(where: { $0.number == number }) {
                // In JSON its fields are the structure's own.
                guard case .bytes(let content) = value, let inner = schema.structures[embedded.name] else { continue }
                try read(content, as: inner, into: &object, depth: depth + 1)
                continue
            }
            guard let field = structure[number: number] else {
                // Go writes zeros of fields that are newer than our description; nothing is lost with them.
                if value.isZero { continue }
                throw ProtobufError(description: "\(structure.name) has no field number \(number)")
            }
            try read(value, into: field, of: &object, depth: depth)
        }
    }

    private func read(
        _ value: ProtobufReader.Value, into field: Schema.Field, of object: inout JSONObject, depth: Int
    ) throws(ProtobufError) {
        switch field.type {
        case .list(let item):
            var values: [JSONValue] = []
            if let numbers = try packed(value, as: item) {
                values = numbers
            } else {
                values.append(try json(value, as: item, depth: depth))
            }
            object.withMember(field.name) { member in
                guard case .array(var items)? = member else {
                    member = .array(values)
                    return
                }
                member = nil  // gives up the only other reference: long lists grow in place
                items.append(contentsOf: values)
                member = .array(items)
            }
        case .map(let item):
            guard case .bytes(let content) = value else { throw mismatch(field) }
            var entry = ProtobufReader(content)
            var key = ""
            var value: JSONValue?
            while let (number, part) = try entry.next() {
                if number == 1 { key = try part.text() }
                if number == 2 { value = try json(part, as: item, depth: depth) }
            }
            if value == nil { value = try zero(of: item) }
            object.withMember(field.name) { member in
                guard case .object(var map)? = member else {
                    member = value.map { .object([key: $0]) }
                    return
                }
                member = nil
                map[key] = value
                member = .object(map)
            }
        default:
            let json = try json(value, as: field.type, depth: depth)
            // Go sends required fields also where they are zero, and an absent time as an empty message.
            guard json != .null else { return }
            if json == "", !field.isNullable, !field.isRequired { return }
            object[field.name] = json
        }
    }

    /// Several numbers in one field, which a writer may choose for lists of them.
    private func packed(
        _ value: ProtobufReader.Value, as item: Schema.TypeReference
    ) throws(ProtobufError) -> [JSONValue]? {
        guard case .bytes(let content) = value, case .scalar(let scalar) = item,
            [.int32, .int64, .boolean].contains(scalar)
        else { return nil }
        var reader = ProtobufReader(content)
        var items: [JSONValue] = []
        while !reader.isAtEnd { items.append(try json(.varint(try reader.varint()), as: scalar)) }
        return items
    }

    private func mismatch(_ field: Schema.Field) -> ProtobufError {
        ProtobufError(description: "\(field.name) has the wrong wire type")
    }

    private func zero(of type: Schema.TypeReference) throws(ProtobufError) -> JSONValue {
        switch type {
        case .scalar(.boolean), .scalar(.int32), .scalar(.int64): try json(.varint(0), as: type, depth: 0)
        case .scalar(.double): try json(.fixed64(0), as: type, depth: 0)
        default: try json(.bytes([]), as: type, depth: 0)
        }
    }

    private func json(
        _ value: ProtobufReader.Value, as type: Schema.TypeReference, depth: Int
    ) throws(ProtobufError) -> JSONValue {
        switch (type, value) {
        case (.structure(let name), .bytes(let content)):
            var object = JSONObject()
            if let structure = schema.structures[name] {
                try read(content, as: structure, into: &object, depth: depth + 1)
            }
            return .object(object)
        case (.enumeration, .bytes): return .string(try value.text())
        case (.scalar(let scalar), _): return try json(value, as: scalar)
        case (.list(let item), .bytes(let content)):
            // An alias of a list is a message of its own: repeated items under number 1.
            var reader = ProtobufReader(content)
            var items: [JSONValue] = []
            while let (_, part) = try reader.next() { items.append(try json(part, as: item, depth: depth + 1)) }
            return .array(items)
        default: throw ProtobufError(description: "a \(type.goName) has the wrong wire type")
        }
    }

    private func json(_ value: ProtobufReader.Value, as scalar: Schema.Scalar) throws(ProtobufError) -> JSONValue {
        switch (scalar, value) {
        case (.boolean, .varint(let number)): return .bool(number != 0)
        case (.int32, .varint(let number)): return .integer(Int64(Int32(truncatingIfNeeded: number)))
        case (.int64, .varint(let number)): return .integer(Int64(bitPattern: number))
        case (.double, .fixed64(let bits)):
            let number = Double(bitPattern: bits)
            guard number.isFinite else { throw ProtobufError(description: "a number is not finite") }
            return .number(number)
        case (.string, .bytes): return .string(try value.text())
        case (.bytes, .bytes(let content)): return .string(Data(content).base64EncodedString())
        case (.quantity, .bytes(let content)):
            var reader = ProtobufReader(content)
            while let (number, part) = try reader.next() {
                if number == 1 { return .string(try part.text()) }
            }
            return "0"
        case (.intOrString, .bytes(let content)): return try intOrString(content)
        case (.time, .bytes(let content)), (.microTime, .bytes(let content)):
            let (seconds, nanoseconds) = try secondsAndNanoseconds(content)
            guard let seconds else { return .null }
            guard Self.seconds.contains(seconds) else { throw ProtobufError(description: "a time is out of range") }
            if scalar == .time { return Timestamp(seconds: seconds).json }
            return MicroTimestamp(microseconds: seconds * 1_000_000 + nanoseconds / 1000).json
        case (.duration, .bytes(let content)):
            let (nanoseconds, _) = try secondsAndNanoseconds(content)
            return .string("\(nanoseconds ?? 0)ns")
        case (.raw, .bytes(let content)), (.object, .bytes(let content)):
            var reader = ProtobufReader(content)
            while let (number, part) = try reader.next() {
                guard number == 1, case .bytes(let text) = part, !text.isEmpty else { continue }
                do { return try JSONParser.parse(text) } catch { throw ProtobufError(description: "\(error)") }
            }
            return .null
        default: throw ProtobufError(description: "a \(scalar.rawValue) has the wrong wire type")
        }
    }

    private func intOrString(_ content: ArraySlice<UInt8>) throws(ProtobufError) -> JSONValue {
        var reader = ProtobufReader(content)
        var isString = false
        var number: Int64 = 0
        var text = ""
        while let (field, part) = try reader.next() {
            switch (field, part) {
            case (1, .varint(let kind)): isString = kind == 1
            case (2, .varint(let value)): number = Int64(Int32(truncatingIfNeeded: value))
            case (3, .bytes): text = try part.text()
            default: break
            }
        }
        return isString ? .string(text) : .integer(number)
    }

    /// Nil seconds where the message is empty: Go's zero time.
    private func secondsAndNanoseconds(
        _ content: ArraySlice<UInt8>
    ) throws(ProtobufError) -> (Int64?, Int64) {
        var reader = ProtobufReader(content)
        var seconds: Int64?
        var nanoseconds: Int64 = 0
        while let (number, part) = try reader.next() {
            guard case .varint(let value) = part else { continue }
            if number == 1 { seconds = Int64(bitPattern: value) }
            if number == 2 { nanoseconds = Int64(Int32(truncatingIfNeeded: value)) }
        }
        return (seconds, nanoseconds)
    }
}

extension ProtobufReader.Value {
    fileprivate var isZero: Bool {
        switch self {
        case .varint(let number), .fixed64(let number): number == 0
        case .fixed32(let number): number == 0
        case .bytes(let content): content.isEmpty
        }
    }
}

extension JSONObject {
    /// Changes a member in place.
    fileprivate mutating func withMember(_ key: String, _ change: (inout JSONValue?) -> Void) { change(&members[key]) }
}
