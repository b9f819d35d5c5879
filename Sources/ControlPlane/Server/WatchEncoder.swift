import KubernetesAPI
import NIOCore

/// Encodes the frames of one watch: lines of JSON, or protobuf messages with their length before them.
struct WatchEncoder: Sendable {
    let kind: GroupVersionKind
    let format: AnswerFormat
    /// Seconds since 1970, for ages in tables.
    let now: @Sendable () -> Int64
    /// The columns of a table are sent with the first event only.
    private var hasSentColumns = false

    init(kind: GroupVersionKind, format: AnswerFormat, now: @escaping @Sendable () -> Int64) {
        self.kind = kind
        self.format = format
        self.now = now
    }

    mutating func frame(_ frame: ObjectWatch.Frame) throws -> ByteBuffer {
        switch frame {
        case .object(let type, let object, let event):
            switch (format.form, format.encoding) {
            case (.object, .protobuf):
                // Encoded once for everybody who watches.
                if let event { return try event.protobufFrame(as: type, of: kind) }
                let message = try object.protobufMessage(of: kind)
                return StoreEvent.protobufFrame(
                    type: type.rawValue, object: ProtobufEnvelope.wrap(message, of: kind))
            case (.object, _):
                if let event { return event.frame(as: type) }
                return StoreEvent.frame(type: type.rawValue, object: object.bytes)
            default: return try encoded(type.rawValue, converted(object.value))
            }
        case .bookmark(let version, let endsInitialEvents):
            let object = ObjectWatch.bookmark(
                kind: kind, resourceVersion: version, endsInitialEvents: endsInitialEvents)
            return try encoded("BOOKMARK", bookmark(object))
        case .failure(let status): return try encoded("ERROR", HTTPAnswer.statusJSON(status))
        }
    }

    private func encoded(_ type: String, _ value: JSONValue) throws -> ByteBuffer {
        guard format.encoding == .protobuf else { return StoreEvent.frame(type: type, object: value.bytes) }
        return StoreEvent.protobufFrame(type: type, object: try ProtobufEncoder.encode(value))
    }

    private mutating func converted(_ value: JSONValue) -> JSONValue {
        guard format.form == .table else { return PartialMetadata.object(value) }
        var metadata = JSONObject()
        metadata["resourceVersion"] = value[path: "metadata", "resourceVersion"]
        var table = TableForm.table(of: [value], kind: kind, metadata: metadata, now: now(), includeObject: "")
        if hasSentColumns { table["columnDefinitions"] = .null }
        hasSentColumns = true
        return table
    }

    /// A bookmark of a table is a table with one row that has no cells.
    private func bookmark(_ object: JSONValue) -> JSONValue {
        switch format.form {
        case .object: return object
        case .metadata: return PartialMetadata.object(object)
        case .table:
            return [
                "kind": "Table", "apiVersion": "meta.k8s.io/v1",
                "metadata": ["resourceVersion": object[path: "metadata", "resourceVersion"] ?? ""],
                "columnDefinitions": nil,
                "rows": [["cells": [], "object": PartialMetadata.object(object)]],
            ]
        }
    }
}
