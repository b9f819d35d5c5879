import KubernetesAPI

/// One change that the store is asked for, with what has to be true for it to happen.
struct StoreWrite: Sendable {
    /// Compared with the store's state at the moment of the write (compare-and-swap).
    enum Expectation: Sendable {
        /// The object is not there.
        case absent
        /// The object is there in exactly this version.
        case version(Int64)
    }

    enum Change: Sendable {
        /// The object's new state; its `metadata.resourceVersion` is filled in by the store.
        case put(JSONValue)
        /// The object goes; the state is the last one that watches see.
        case delete(JSONValue)
    }

    var collection: String
    var key: ObjectKey
    var expectation: Expectation
    var change: Change
    /// False for what may be lost in a power cut (events): answered before it is on the disk.
    var isDurable = true
}

/// Why the store did not do what it was asked for.
enum StoreError: Error, Sendable {
    /// The expectation did not hold; `present` is what is there instead, nil where nothing is.
    case conflict(present: StoredObject?)
    /// More writes wait than the queue holds.
    case overloaded
    /// The store has been closed.
    case closed
    /// The disk refused; nothing was changed.
    case disk(String)
    /// A watch or a list from before the oldest version that is still known.
    case compacted(requested: Int64, oldest: Int64)
}
