import KubernetesAPI
import NIOCore

/// Turns what the object service answers into what the client wants to see.
struct AnswerWriter: Sendable {
    /// Bytes of one part of a long list.
    private static let chunk = 256 << 10

    let form: AnswerForm
    let request: ObjectRequest
    /// Seconds since 1970, for ages in tables.
    let now: Int64

    func answer(_ answer: ObjectAnswer) throws -> HTTPAnswer {
        switch answer {
        case .stored(let object, let code):
            guard form != .object else {
                return HTTPAnswer(
                    status: .init(code: code), contentType: "application/json",
                    body: .bytes(ByteBuffer(bytes: object.bytes)))
            }
            return .json(converted(object.value), code: code)
        case .made(let value, let code):
            guard value["kind"] != "Status" else { return .json(value, code: code) }
            return .json(converted(value), code: code)
        case .list(let page): return list(page)
        case .watch(let watch):
            return HTTPAnswer(
                status: .ok, contentType: "application/json", body: .watch(watch, form))
        case .log(let log):
            return HTTPAnswer(status: .ok, contentType: "text/plain", body: .log(log))
        case .raw(let answer):
            return HTTPAnswer(
                status: .ok, contentType: answer.contentType, body: .bytes(ByteBuffer(bytes: answer.body)))
        }
    }

    private func converted(_ value: JSONValue) -> JSONValue {
        switch form {
        case .object: value
        case .table:
            TableForm.table(
                of: [value], kind: tableKind(value), metadata: Self.listMetadata(of: value), now: now,
                includeObject: request.options.raw["includeObject"] ?? "")
        case .metadata: PartialMetadata.object(value)
        }
    }

    /// A subresource such as `scale` answers with another kind than the resource's.
    private func tableKind(_ value: JSONValue) -> GroupVersionKind {
        GroupVersionKind(
            apiVersion: value["apiVersion"]?.stringValue ?? request.resource.kind.apiVersion,
            kind: value["kind"]?.stringValue ?? request.resource.kind.kind)
    }

    private static func listMetadata(of value: JSONValue) -> JSONObject {
        var metadata = JSONObject()
        metadata["resourceVersion"] = value[path: "metadata", "resourceVersion"]
        return metadata
    }

    private func list(_ page: ObjectPage) -> HTTPAnswer {
        var metadata = JSONObject()
        // What is not stored has no version.
        if page.resourceVersion > 0 { metadata["resourceVersion"] = .string(String(page.resourceVersion)) }
        if !page.continueToken.isEmpty { metadata["continue"] = .string(page.continueToken) }
        if let remaining = page.remaining { metadata["remainingItemCount"] = .integer(Int64(remaining)) }
        switch form {
        case .object: return encoded(page, metadata)
        case .table:
            return .json(
                TableForm.table(
                    of: page.objects.map(\.value), kind: request.resource.kind, metadata: metadata, now: now,
                    includeObject: request.options.raw["includeObject"] ?? ""))
        case .metadata:
            return .json([
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": .object(metadata),
                "items": .array(page.objects.map { PartialMetadata.object($0.value) }),
            ])
        }
    }

    /// The list from the objects' encoded bytes: nothing is encoded again.
    private func encoded(_ page: ObjectPage, _ metadata: JSONObject) -> HTTPAnswer {
        let kind = request.resource.kind
        var chunks: [ByteBuffer] = []
        var length = 0
        var buffer = ByteBuffer()
        buffer.reserveCapacity(min(Self.chunk, page.objects.reduce(256) { $0 + $1.bytes.count + 1 }))
        buffer.writeString("{\"kind\":\"\(kind.kind)List\",\"apiVersion\":\"\(kind.apiVersion)\",\"metadata\":")
        buffer.writeBytes(JSONValue.object(metadata).bytes)
        buffer.writeString(",\"items\":[")
        for (index, object) in page.objects.enumerated() {
            if index > 0 { buffer.writeInteger(UInt8(ascii: ",")) }
            if buffer.readableBytes + object.bytes.count > Self.chunk {
                length += buffer.readableBytes
                chunks.append(buffer)
                buffer = ByteBuffer()
                buffer.reserveCapacity(Self.chunk)
            }
            buffer.writeBytes(object.bytes)
        }
        buffer.writeString("]}\n")
        length += buffer.readableBytes
        guard !chunks.isEmpty else {
            return HTTPAnswer(status: .ok, contentType: "application/json", body: .bytes(buffer))
        }
        chunks.append(buffer)
        return HTTPAnswer(status: .ok, contentType: "application/json", body: .chunks(chunks, length: length))
    }
}

/// Objects reduced to what all of them have.
enum PartialMetadata {
    static func object(_ value: JSONValue) -> JSONValue {
        [
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": value["metadata"] ?? .object(JSONObject()),
        ]
    }
}
