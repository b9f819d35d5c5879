import KubernetesAPI
import Synchronization

/// One version of one object: what the API answers with, encoded once. A later version is another instance.
final class StoredObject: Sendable {
    /// Plural and group: `pods`, `deployments.apps`.
    let collection: String
    let key: ObjectKey
    let resourceVersion: Int64
    /// Seconds since 1970 at which this version was written.
    let writtenAt: Int64
    /// The object as compact JSON, its resourceVersion included.
    let bytes: [UInt8]
    private let decoded: Mutex<JSONValue?>

    init(
        collection: String, key: ObjectKey, resourceVersion: Int64, writtenAt: Int64, bytes: [UInt8],
        value: JSONValue? = nil
    ) {
        self.collection = collection
        self.key = key
        self.resourceVersion = resourceVersion
        self.writtenAt = writtenAt
        self.bytes = bytes
        decoded = Mutex(value)
    }

    /// The object as a tree: kept while the version is recent, later parsed when somebody asks, and then kept again.
    var value: JSONValue {
        decoded.withLock { value in
            if let value { return value }
            // What does not parse was set aside when it was loaded; everything else we wrote ourselves.
            let parsed = (try? JSONParser.parse(bytes)) ?? .null
            value = parsed
            return parsed
        }
    }

    /// The object as a tree that is not kept for others: for who looks at many objects once.
    var unkeptValue: JSONValue { decoded.withLock { $0 } ?? (try? JSONParser.parse(bytes)) ?? .null }

    /// The object's protobuf message, without an envelope.
    func protobufMessage(of kind: GroupVersionKind) throws(ProtobufError) -> [UInt8] {
        try ProtobufEncoder.message(unkeptValue, of: kind)
    }

    /// Gives back the memory of the tree; `value` parses again.
    func forgetValue() {
        decoded.withLock { $0 = nil }
    }
}
