import KubernetesAPI
import NIOCore

/// Encodes the frames of one watch as lines.
struct WatchEncoder: Sendable {
    let kind: GroupVersionKind
    let form: AnswerForm
    /// Seconds since 1970, for ages in tables.
    let now: @Sendable () -> Int64
    /// The columns of a table are sent with the first event only.
    private var hasSentColumns = false

    init(kind: GroupVersionKind, form: AnswerForm, now: @escaping @Sendable () -> Int64) {
        self.kind = kind
        self.form = form
        self.now = now
    }

    mutating func line(_ frame: ObjectWatch.Frame) throws -> ByteBuffer {
        switch frame {
        case .object(let type, let object, let event):
            guard form == .object else {
                return StoreEvent.frame(type: type.rawValue, object: converted(object.value).bytes)
            }
            // Encoded once for everybody who watches.
            if let event { return event.frame(as: type) }
            return StoreEvent.frame(type: type.rawValue, object: object.bytes)
        case .bookmark(let version, let endsInitialEvents):
            let object = ObjectWatch.bookmark(
                kind: kind, resourceVersion: version, endsInitialEvents: endsInitialEvents)
            return StoreEvent.frame(type: "BOOKMARK", object: bookmark(object).bytes)
        }
    }

    private mutating func converted(_ value: JSONValue) -> JSONValue {
        guard form == .table else { return PartialMetadata.object(value) }
        var metadata = JSONObject()
        metadata["resourceVersion"] = value[path: "metadata", "resourceVersion"]
        var table = TableForm.table(of: [value], kind: kind, metadata: metadata, now: now(), includeObject: "")
        if hasSentColumns { table["columnDefinitions"] = .null }
        hasSentColumns = true
        return table
    }

    /// A bookmark of a table is a table with one row that has no cells.
    private func bookmark(_ object: JSONValue) -> JSONValue {
        switch form {
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
