import KubernetesAPI
import NIOCore

/// Turns what the object service answers into what the client wants to see.
struct AnswerWriter: Sendable {
    /// Bytes of one part of a long list.
    private static let chunk = 256 << 10

    let format: AnswerFormat
    let request: ObjectRequest
    /// Seconds since 1970, for ages in tables.
    let now: Int64

    func answer(_ answer: ObjectAnswer) throws -> HTTPAnswer {
        switch answer {
        case .stored(let object, let code):
            guard format != .json else {
                return HTTPAnswer(
                    status: .init(code: code), contentType: "application/json",
                    body: .bytes(HTTPAnswer.line(object.bytes)))
            }
            return try .object(converted(object.value), code: code, format.encoding)
        case .made(let value, let code):
            guard value["kind"] != "Status" else { return try .object(value, code: code, format.encoding) }
            return try .object(converted(value), code: code, format.encoding)
        case .list(let page): return try list(page)
        case .watch(let watch):
            return HTTPAnswer(
                status: .ok, contentType: format.encoding.streamType, body: .watch(watch, format))
        case .log(let log):
            return HTTPAnswer(status: .ok, contentType: "text/plain", body: .log(log))
        case .raw(let answer):
            return HTTPAnswer(
                status: .ok, contentType: answer.contentType, body: .bytes(ByteBuffer(bytes: answer.body)))
        }
    }

    private func converted(_ value: JSONValue) -> JSONValue {
        switch format.form {
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

    private func list(_ page: ObjectPage) throws -> HTTPAnswer {
        var metadata = JSONObject()
        // What is not stored has no version.
        if page.resourceVersion > 0 { metadata["resourceVersion"] = .string(String(page.resourceVersion)) }
        if !page.continueToken.isEmpty { metadata["continue"] = .string(page.continueToken) }
        if let remaining = page.remaining { metadata["remainingItemCount"] = .integer(Int64(remaining)) }
        let kind = request.resource.kind
        switch (format.form, format.encoding) {
        case (.object, .json): return encoded(page, metadata)
        case (.object, .protobuf):
            return try encodedAsProtobuf(page.objects, of: kind, metadata) { try $0.protobufMessage(of: kind) }
        case (.metadata, .protobuf):
            let kind = PartialMetadata.kind
            return try encodedAsProtobuf(page.objects, of: kind, metadata) { object in
                try ProtobufEncoder.message(PartialMetadata.object(object.unkeptValue), of: kind)
            }
        case (.object, .yaml):
            return try .object(
                [
                    "kind": .string(kind.kind + "List"), "apiVersion": .string(kind.apiVersion),
                    "metadata": .object(metadata), "items": .array(page.objects.map(\.unkeptValue)),
                ], .yaml)
        case (.table, _):
            return try .object(
                TableForm.table(
                    of: page.objects.map(\.value), kind: kind, metadata: metadata, now: now,
                    includeObject: request.options.raw["includeObject"] ?? ""), format.encoding)
        case (.metadata, _):
            return try .object(
                [
                    "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1",
                    "metadata": .object(metadata),
                    "items": .array(page.objects.map { PartialMetadata.object($0.unkeptValue) }),
                ], format.encoding)
        }
    }

    /// A list's message in parts: its metadata is field 1, each object a field 2.
    private func encodedAsProtobuf(
        _ objects: [StoredObject], of kind: GroupVersionKind, _ metadata: JSONObject,
        _ message: (StoredObject) throws -> [UInt8]
    ) throws -> HTTPAnswer {
        var chunks: [ByteBuffer] = []
        var writer = ProtobufWriter()
        var length = 0
        func cut() {
            length += writer.bytes.count
            chunks.append(ByteBuffer(bytes: writer.bytes))
            writer = ProtobufWriter()
        }
        writer.bytes(1, try ProtobufEncoder.listMetadata(metadata))
        for object in objects {
            writer.bytes(2, try message(object))
            if writer.bytes.count > Self.chunk { cut() }
        }
        if !writer.bytes.isEmpty { cut() }
        // The length of the whole message stands before it.
        let list = GroupVersionKind(group: kind.group, version: kind.version, kind: kind.kind + "List")
        let head = ProtobufEnvelope.head(of: list, messageLength: length)
        chunks.insert(ByteBuffer(bytes: head), at: 0)
        chunks.append(ByteBuffer(bytes: ProtobufEnvelope.tail))
        return HTTPAnswer(
            status: .ok, contentType: AnswerEncoding.protobuf.rawValue,
            body: .chunks(chunks, length: head.count + length + ProtobufEnvelope.tail.count))
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
    static let kind = GroupVersionKind(group: "meta.k8s.io", version: "v1", kind: "PartialObjectMetadata")

    static func object(_ value: JSONValue) -> JSONValue {
        [
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": value["metadata"] ?? .object(JSONObject()),
        ]
    }
}
