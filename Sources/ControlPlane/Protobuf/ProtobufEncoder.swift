import Foundation
import KubernetesAPI

/// Turns objects from JSON into Kubernetes' protobuf form, by the field numbers of the API's description: what
/// `ProtobufDecoder` reads.
///
/// What is absent or null in JSON is not written. Go writes the zeros of required fields besides; its decoder, as any,
/// takes an absent field for zero.
struct ProtobufEncoder {
    private let schema = Schema.shared

    /// An object in its envelope, or a list of objects.
    static func encode(_ object: JSONValue) throws(ProtobufError) -> [UInt8] {
        guard let apiVersion = object["apiVersion"]?.stringValue, let kind = object["kind"]?.stringValue else {
            throw ProtobufError(description: "an object without a kind has no protobuf form")
        }
        let type = GroupVersionKind(apiVersion: apiVersion, kind: kind)
        return ProtobufEnvelope.wrap(try message(object, of: type), of: type)
    }

    /// An object's own message, as lists hold it.
    static func message(_ object: JSONValue, of type: GroupVersionKind) throws(ProtobufError) -> [UInt8] {
        let encoder = ProtobufEncoder()
        var writer = ProtobufWriter()
        if let structure = encoder.schema.structure(of: type) {
            try encoder.write(object.objectValue ?? JSONObject(), as: structure, into: &writer)
            return writer.bytes
        }
        // Lists are not in the description: all of them have the same two fields.
        guard type.kind.hasSuffix("List"), let items = object["items"]?.arrayValue else {
            throw ProtobufError(description: "\(type) has no protobuf form")
        }
        let item = GroupVersionKind(group: type.group, version: type.version, kind: String(type.kind.dropLast(4)))
        writer.bytes(1, try listMetadata(object["metadata"]?.objectValue ?? JSONObject()))
        for value in items { writer.bytes(2, try message(value, of: item)) }
        return writer.bytes
    }

    /// The message of a `ListMeta`.
    static func listMetadata(_ metadata: JSONObject) throws(ProtobufError) -> [UInt8] {
        let encoder = ProtobufEncoder()
        var writer = ProtobufWriter()
        if let structure = encoder.schema.structures["meta.v1.ListMeta"] {
            try encoder.write(metadata, as: structure, into: &writer)
        }
        return writer.bytes
    }

    // MARK: Structures

    private func write(
        _ object: JSONObject, as structure: Schema.Structure, into writer: inout ProtobufWriter
    ) throws(ProtobufError) {
        var embedded: Set<String> = []
        for (key, value) in object {
            guard value != .null, let field = structure[key] else { continue }
            if let inner = field.embeddedIn, structure.embeddedMessages.contains(where: { $0.name == inner }) {
                embedded.insert(inner)
            } else if let number = field.number {
                try write(value, as: field, number, into: &writer)
            }
        }
        // What Go inlines is a message of its own here, whose fields stand among the structure's in JSON.
        for (name, number) in structure.embeddedMessages where embedded.contains(name) {
            guard let inner = schema.structures[name] else { continue }
            try writer.message(number) { (writer) throws(ProtobufError) in
                try write(object, as: inner, into: &writer)
            }
        }
    }

    private func write(
        _ value: JSONValue, as field: Schema.Field, _ number: Int, into writer: inout ProtobufWriter
    ) throws(ProtobufError) {
        switch (field.type, value) {
        case (.list(let item), .array(let items)):
            for value in items { try write(value, as: item, number, field.name, into: &writer) }
        case (.map(let item), .object(let members)):
            for (key, value) in members {
                try writer.message(number) { (entry) throws(ProtobufError) in
                    entry.string(1, key)
                    try write(value, as: item, 2, field.name, into: &entry)
                }
            }
        default: try write(value, as: field.type, number, field.name, into: &writer)
        }
    }

    /// Writes one value under a number: a list's item, a map's value, or a field that is neither.
    private func write(
        _ value: JSONValue, as type: Schema.TypeReference, _ number: Int, _ field: String,
        into writer: inout ProtobufWriter
    ) throws(ProtobufError) {
        switch (type, value) {
        case (_, .null): writer.bytes(number, [])
        case (.structure(let name), .object(let object)):
            try writer.message(number) { (writer) throws(ProtobufError) in
                guard let structure = schema.structures[name] else { return }
                try write(object, as: structure, into: &writer)
            }
        case (.enumeration, .string(let text)): writer.string(number, text)
        case (.list(let item), .array(let items)):
            // A list within a map: a message of its own, with the items under number 1.
            try writer.message(number) { (writer) throws(ProtobufError) in
                for value in items { try write(value, as: item, 1, field, into: &writer) }
            }
        case (.scalar(let scalar), _): try write(value, as: scalar, number, field, into: &writer)
        default: throw mismatch(field, value)
        }
    }

    private func mismatch(_ field: String, _ value: JSONValue) -> ProtobufError {
        ProtobufError(description: "\(field): a \(value.typeName) is not of the field's type")
    }

    // MARK: Scalars

    private func write(
        _ value: JSONValue, as scalar: Schema.Scalar, _ number: Int, _ field: String, into writer: inout ProtobufWriter
    ) throws(ProtobufError) {
        switch (scalar, value) {
        case (.boolean, .bool(let flag)): writer.integer(number, flag ? 1 : 0)
        case (.int32, .integer(let integer)), (.int64, .integer(let integer)): writer.integer(number, integer)
        case (.double, .integer(let integer)): writer.double(number, Double(integer))
        case (.double, .number(let double)): writer.double(number, double)
        case (.string, .string(let text)): writer.string(number, text)
        case (.bytes, .string(let text)):
            guard let data = Data(base64Encoded: text) else { throw mismatch(field, value) }
            writer.bytes(number, data)
        case (.quantity, .string(let text)): writer.message(number) { $0.string(1, text) }
        case (.quantity, .integer), (.quantity, .number): writer.message(number) { $0.string(1, value.text) }
        case (.intOrString, .integer(let integer)):
            writer.message(number) {
                $0.integer(1, 0)
                $0.integer(2, integer)
            }
        case (.intOrString, .string(let text)):
            writer.message(number) {
                $0.integer(1, 1)
                $0.string(3, text)
            }
        case (.time, .string):
            guard let time = try? Timestamp(json: value) else { throw mismatch(field, value) }
            writer.message(number) { $0.integer(1, time.seconds) }
        case (.microTime, .string):
            guard let time = try? MicroTimestamp(json: value) else { throw mismatch(field, value) }
            let fraction = ((time.microseconds % 1_000_000) + 1_000_000) % 1_000_000
            writer.message(number) {
                $0.integer(1, (time.microseconds - fraction) / 1_000_000)
                $0.integer(2, fraction * 1000)
            }
        case (.duration, .string(let text)):
            guard let nanoseconds = GoDuration.nanoseconds(text) else { throw mismatch(field, value) }
            writer.message(number) { $0.integer(1, nanoseconds) }
        case (.raw, _), (.object, _): writer.message(number) { $0.bytes(1, value.bytes) }
        default: throw mismatch(field, value)
        }
    }
}

/// Go's text of a duration (`time.ParseDuration`): `1m30s`, `1.5h`, `-2ms`.
enum GoDuration {
    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]

    /// Nil where the text is no duration, or one of more than 292 years.
    static func nanoseconds(_ text: String) -> Int64? {
        var rest = text[...]
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total = 0.0
        while !rest.isEmpty {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(number.count)
            let unit = rest.prefix { !$0.isNumber && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard let count = Double(number), let size = units[String(unit)] else { return nil }
            total += count * size
        }
        guard total.isFinite else { return nil }
        return Int64(exactly: (isNegative ? -total : total).rounded())
    }
}
