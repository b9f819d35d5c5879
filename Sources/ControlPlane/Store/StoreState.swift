import DequeModule
import KubernetesAPI

/// What the store holds in memory: the live objects, the recent history, and who watches.
///
/// Changed by the writer's thread alone, read by everyone under the store's lock.
struct StoreState: Sendable {
    /// The objects of one collection, findable by name and in the order of lists.
    struct Collection: Sendable {
        private(set) var objects: [ObjectKey: StoredObject] = [:]
        private(set) var keys: [ObjectKey] = []

        mutating func set(_ object: StoredObject) {
            if objects.updateValue(object, forKey: object.key) == nil {
                keys.insert(object.key, at: index(of: object.key))
            }
        }

        mutating func remove(_ key: ObjectKey) {
            guard objects.removeValue(forKey: key) != nil else { return }
            keys.remove(at: index(of: key))
        }

        /// Where the key stands, or would.
        func index(of key: ObjectKey) -> Int {
            var low = 0
            var high = keys.count
            while low < high {
                let middle = (low + high) / 2
                if keys[middle] < key { low = middle + 1 } else { high = middle }
            }
            return low
        }

        /// The positions in `keys` of one namespace; of everything where it is empty.
        func range(ofNamespace namespace: String) -> Range<Int> {
            guard !namespace.isEmpty else { return 0..<keys.count }
            let start = index(of: ObjectKey(namespace: namespace, name: ""))
            // U+0000 cannot be in a name, so this sorts right after the namespace's last object.
            let end = index(of: ObjectKey(namespace: namespace + "\u{0}", name: ""))
            return start..<end
        }
    }

    /// Bounds of the history: watches from before it get 410 Gone, and older rows leave the disk.
    struct HistoryLimit: Sendable {
        var events = 2000
        var bytes = 16 << 20
    }

    private(set) var collections: [String: Collection] = [:]
    private(set) var history: Deque<StoreEvent> = []
    private var historyBytes = 0
    /// The version of the last change.
    private(set) var resourceVersion: Int64
    /// Changes up to this version are no longer in the history.
    private(set) var compactedVersion: Int64
    /// The version of the last change in a collection, since the store was opened.
    private(set) var lastChanges: [String: Int64] = [:]
    private var watchers: [String: [UInt64: StoreWatcher]] = [:]
    private var nextWatcher: UInt64 = 0

    init(resourceVersion: Int64, compactedVersion: Int64) {
        self.resourceVersion = resourceVersion
        self.compactedVersion = compactedVersion
    }

    func object(_ collection: String, _ key: ObjectKey) -> StoredObject? { collections[collection]?.objects[key] }

    // MARK: Changes

    /// Takes in a change: live objects, history, watches.
    mutating func apply(_ event: StoreEvent) {
        let object = event.object
        switch event.kind {
        case .added, .modified: collections[object.collection, default: Collection()].set(object)
        case .deleted: collections[object.collection]?.remove(object.key)
        }
        resourceVersion = max(resourceVersion, event.resourceVersion)
        lastChanges[object.collection] = event.resourceVersion
        history.append(event)
        historyBytes += object.bytes.count
        publish(.event(event), to: object.collection, in: object.key)
    }

    /// Puts a version that is older than the history in place while the store is loaded.
    mutating func load(_ object: StoredObject) {
        collections[object.collection, default: Collection()].set(object)
    }

    mutating func loadDeletion(_ collection: String, _ key: ObjectKey) {
        collections[collection]?.remove(key)
    }

    mutating func raiseResourceVersion(to version: Int64) { resourceVersion = max(resourceVersion, version) }

    /// Shortens the history to its limit and returns the rows that nothing needs any more.
    mutating func trimHistory(to limit: HistoryLimit) -> [Int64] {
        var obsolete: [Int64] = []
        while history.count > limit.events || historyBytes > limit.bytes, let event = history.popFirst() {
            historyBytes -= event.object.bytes.count
            compactedVersion = event.resourceVersion
            // Most objects lie still: those that have for long are kept as bytes alone.
            event.object.forgetValue()
            if let previous = event.previous { obsolete.append(previous.resourceVersion) }
            if event.kind == .deleted { obsolete.append(event.resourceVersion) }
        }
        return obsolete
    }

    // MARK: Watches

    mutating func add(_ watcher: StoreWatcher) {
        nextWatcher += 1
        watchers[watcher.collection, default: [:]][nextWatcher] = watcher
    }

    var watcherCount: Int { watchers.values.reduce(0) { $0 + $1.count } }

    /// Tells every watch how far the store is: it has been given everything up to this version.
    mutating func publishProgress() {
        for collection in watchers.keys { publish(.progress(resourceVersion), to: collection, in: nil) }
    }

    /// Ends every watch.
    mutating func endWatches() {
        for watchers in watchers.values {
            for watcher in watchers.values { watcher.continuation.finish() }
        }
        watchers = [:]
    }

    private mutating func publish(_ item: StoreWatchItem, to collection: String, in key: ObjectKey?) {
        guard let listeners = watchers[collection] else { return }
        for (id, watcher) in listeners where key.map(watcher.wants) ?? true {
            switch watcher.continuation.yield(item) {
            case .enqueued: break
            default:
                // Too slow or gone: it is cut off, and lists again.
                watcher.continuation.finish()
                watchers[collection]?[id] = nil
            }
        }
    }

    // MARK: The past

    /// The collection's objects of a namespace as they were at a version, in order. The versions in between are
    /// undone from the history; `version` must not be older than that.
    func objects(_ name: String, namespace: String, at version: Int64) -> [StoredObject] {
        guard let collection = collections[name] else { return [] }
        let keys = collection.keys[collection.range(ofNamespace: namespace)]
        guard version < resourceVersion else { return keys.compactMap { collection.objects[$0] } }
        // The oldest change after the version knows what was there before it.
        var past: [ObjectKey: StoredObject?] = [:]
        for event in history.reversed() {
            guard event.resourceVersion > version else { break }
            let object = event.object
            guard object.collection == name, namespace.isEmpty || object.key.namespace == namespace else { continue }
            past[object.key] = .some(event.previous)
        }
        guard !past.isEmpty else { return keys.compactMap { collection.objects[$0] } }
        var objects = keys.compactMap { key -> StoredObject? in
            if let state = past[key] { return state }
            return collection.objects[key]
        }
        objects += past.compactMap { key, state in collection.objects[key] == nil ? state : nil }
        return objects.sorted { $0.key < $1.key }
    }
}
