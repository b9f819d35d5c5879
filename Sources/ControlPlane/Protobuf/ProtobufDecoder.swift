import Foundation
import KubernetesAPI

/// Turns Kubernetes' protobuf form of objects into JSON, by the field numbers of the API's description.
///
/// An object travels in an envelope: four bytes of magic, then a message `Unknown` with the kind and the object's own
/// bytes (apimachinery `runtime/serializer/protobuf`). `kubectl create deployment` and its kin send nothing else.
struct ProtobufDecoder {
    private static let magic: [UInt8] = [0x6B, 0x38, 0x73, 0x00]
    private static let maximumDepth = 100
    private let schema = Schema.shared

    /// The object with its apiVersion and kind.
    static func decode(_ bytes: [UInt8]) throws(ProtobufError) -> JSONValue {
        guard bytes.starts(with: magic) else { throw ProtobufError(description: "the envelope is missing") }
        var envelope = ProtobufReader(bytes.dropFirst(magic.count))
        var apiVersion = ""
        var kind = ""
        var raw: ArraySlice<UInt8> = []
        while let (number, value) = try envelope.next() {
            guard case .bytes(let content) = value else { continue }
            switch number {
            case 1:
                var type = ProtobufReader(content)
                while let (number, value) = try type.next() {
                    guard case .bytes(let text) = value else { continue }
                    if number == 1 { apiVersion = String(decoding: text, as: UTF8.self) }
                    if number == 2 { kind = String(decoding: text, as: UTF8.self) }
                }
            case 2: raw = content
            default: break
            }
        }
        let decoder = ProtobufDecoder()
        let type = GroupVersionKind(apiVersion: apiVersion, kind: kind)
        guard let structure = decoder.schema.structure(of: type) else {
            throw ProtobufError(description: "the kind \(type) is not known")
        }
        var object: JSONObject = ["kind": .string(kind), "apiVersion": .string(apiVersion)]
        try decoder.read(raw, as: structure, into: &object, depth: 0)
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
            guard
                let field = structure.fields.first(where: { $0.number == number && isOwn($0, of: structure) })
            else {
                // Go writes zeros of fields that are newer than our description; nothing is lost with them.
                if value.isZero { continue }
                throw ProtobufError(description: "\(structure.name) has no field number \(number)")
            }
            try read(value, into: field, of: &object, depth: depth)
        }
    }

    private func isOwn(_ field: Schema.Field, of structure: Schema.Structure) -> Bool {
        guard let embedded = field.embeddedIn else { return true }
        return !structure.embeddedMessages.contains { $0.name == embedded }
    }

    private func read(
        _ value: ProtobufReader.Value, into field: Schema.Field, of object: inout JSONObject, depth: Int
    ) throws(ProtobufError) {
        switch field.type {
        case .list(let item):
            // Lists of numbers may be packed into one field.
            var items = object[field.name]?.arrayValue ?? []
            items.append(try json(value, as: item, depth: depth))
            object[field.name] = .array(items)
        case .map(let item):
            guard case .bytes(let content) = value else { throw mismatch(field) }
            var entry = ProtobufReader(content)
            var key = ""
            var member: JSONValue?
            while let (number, part) = try entry.next() {
                if number == 1, case .bytes(let text) = part { key = String(decoding: text, as: UTF8.self) }
                if number == 2 { member = try json(part, as: item, depth: depth) }
            }
            var map = object[field.name] ?? .object(JSONObject())
            if member == nil { member = try zero(of: item) }
            map[key] = member
            object[field.name] = map
        default:
            let json = try json(value, as: field.type, depth: depth)
            // Go sends required fields also where they are zero, and an absent time as an empty message.
            guard json != .null else { return }
            if json == "", !field.isNullable, !field.isRequired { return }
            object[field.name] = json
        }
    }

    private func mismatch(_ field: Schema.Field) -> ProtobufError {
        ProtobufError(description: "\(field.name) has the wrong wire type")
    }

    private func zero(of type: Schema.TypeReference) throws(ProtobufError) -> JSONValue {
        try json(.bytes([]), as: type, depth: 0)
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
        case (.enumeration, .bytes(let text)): return .string(String(decoding: text, as: UTF8.self))
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
        case (.double, .fixed64(let bits)): return .number(Double(bitPattern: bits))
        case (.string, .bytes(let text)): return .string(String(decoding: text, as: UTF8.self))
        case (.bytes, .bytes(let content)): return .string(Data(content).base64EncodedString())
        case (.quantity, .bytes(let content)):
            var reader = ProtobufReader(content)
            while let (number, part) = try reader.next() {
                if number == 1, case .bytes(let text) = part { return .string(String(decoding: text, as: UTF8.self)) }
            }
            return "0"
        case (.intOrString, .bytes(let content)): return try intOrString(content)
        case (.time, .bytes(let content)), (.microTime, .bytes(let content)):
            let (seconds, nanoseconds) = try secondsAndNanoseconds(content)
            guard let seconds else { return .null }
            if scalar == .time { return Timestamp(seconds: seconds).json }
            return MicroTimestamp(microseconds: seconds * 1_000_000 + nanoseconds / 1000).json
        case (.duration, .bytes(let content)):
            let (nanoseconds, _) = try secondsAndNanoseconds(content)
            return .string("\(nanoseconds ?? 0)ns")
        case (.raw, .bytes(let content)), (.object, .bytes(let content)):
            var reader = ProtobufReader(content)
            while let (number, part) = try reader.next() {
                if number == 1, case .bytes(let text) = part { return (try? JSONParser.parse(text)) ?? .null }
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
            case (3, .bytes(let value)): text = String(decoding: value, as: UTF8.self)
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
