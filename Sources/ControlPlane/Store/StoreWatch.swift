import KubernetesAPI

/// What a watch receives.
enum StoreWatchItem: Sendable {
    case event(StoreEvent)
    /// Everything up to this version has been sent (a bookmark).
    case progress(Int64)
}

/// A watch as the store's state knows it.
struct StoreWatcher: Sendable {
    let collection: String
    /// Empty: all namespaces.
    let namespace: String
    /// Empty: all names.
    let name: String
    let continuation: AsyncStream<StoreWatchItem>.Continuation

    func wants(_ key: ObjectKey) -> Bool {
        (namespace.isEmpty || key.namespace == namespace) && (name.isEmpty || key.name == name)
    }
}

/// An open watch. Read `objects`, then `backlog`, then `items`: together they have no gap and no repetition.
struct StoreWatch: Sendable {
    /// The state at `resourceVersion`, where the watch was asked to begin with it.
    let objects: [StoredObject]
    /// Changes between the version asked for and the opening of the watch.
    let backlog: [StoreEvent]
    /// The store's version when the watch was opened.
    let resourceVersion: Int64
    /// Ends when the watch is cancelled, was too slow, or the store closes.
    let items: AsyncStream<StoreWatchItem>
    /// Ends the watch.
    let cancel: @Sendable () -> Void

    /// Nothing, at once.
    static let ended = StoreWatch(
        objects: [], backlog: [], resourceVersion: 0, items: AsyncStream { $0.finish() }, cancel: {})
}
