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
    private let frames = Mutex<[Kind: ByteBuffer]>([:])

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
            if let frame = frames[kind] { return frame }
            let frame = Self.frame(type: kind.rawValue, object: object.bytes)
            frames[kind] = frame
            return frame
        }
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
}
