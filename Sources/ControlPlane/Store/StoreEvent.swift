import KubernetesAPI
import NIOCore
import Synchronization

/// One change of one object, as watches see it. Encoded once per event type, however many watch.
final class StoreEvent: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case added = "ADDED"
        case modified = "MODIFIED"
        case deleted = "DELETED"
    }

    let kind: Kind
    /// The version that the change made; for a deletion the last state under the deletion's resourceVersion.
    let object: StoredObject
    /// The version before: what decides whether an object leaves or enters a selection.
    let previous: StoredObject?
    /// The line of a watch, and the frame of one in protobuf.
    private struct Frames {
        var lines: [Kind: ByteBuffer] = [:]
        var messages: [Kind: ByteBuffer] = [:]
    }

    private let frames = Mutex(Frames())

    init(kind: Kind, object: StoredObject, previous: StoredObject?) {
        self.kind = kind
        self.object = object
        self.previous = previous
    }

    var resourceVersion: Int64 { object.resourceVersion }

    /// The event as one line of a watch. `kind` can differ from the event's own: to a watch with a selector, an
    /// object that begins to match is `ADDED`.
    func frame(as kind: Kind) -> ByteBuffer {
        frames.withLock { frames in
            if let frame = frames.lines[kind] { return frame }
            let frame = Self.frame(type: kind.rawValue, object: object.bytes)
            frames.lines[kind] = frame
            return frame
        }
    }

    /// The event as one frame of a watch in protobuf.
    func protobufFrame(as kind: Kind, of objectKind: GroupVersionKind) throws(ProtobufError) -> ByteBuffer {
        if let frame = frames.withLock({ $0.messages[kind] }) { return frame }
        let frame = Self.protobufFrame(
            type: kind.rawValue,
            object: ProtobufEnvelope.wrap(try object.protobufMessage(of: objectKind), of: objectKind))
        frames.withLock { $0.messages[kind] = frame }
        return frame
    }

    /// One line of a watch: `{"type":"ADDED","object":{...}}`.
    static func frame(type: String, object: [UInt8]) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(object.count + type.utf8.count + 24)
        buffer.writeString("{\"type\":\"\(type)\",\"object\":")
        buffer.writeBytes(object)
        buffer.writeString("}\n")
        return buffer
    }

    /// One frame of a watch in protobuf: four bytes of length, then a message `WatchEvent`, whose object is in its
    /// envelope (apimachinery `framer` and `runtime/serializer/streaming`).
    static func protobufFrame(type: String, object: [UInt8]) -> ByteBuffer {
        var event = ProtobufWriter()
        event.string(1, type)
        event.message(2) { $0.bytes(1, object) }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(event.bytes.count + 4)
        buffer.writeInteger(UInt32(event.bytes.count))
        buffer.writeBytes(event.bytes)
        return buffer
    }
}
