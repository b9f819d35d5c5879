import Failpoint
import KubernetesAPI
import Logging
import Metrics

/// The one place where the store changes: drains the queue into one transaction, then tells everyone.
///
/// Lives on the store's own thread, and nothing else has a reference to it.
struct StoreWriter {
    /// Rows that were answered before they were on the disk. Resource versions of rows that a crash took must not be
    /// given out again, so `versionGap` has to be larger than `maximumPending`.
    static let maximumPending = 500
    static let versionGap: Int64 = 1000
    /// Obsolete rows removed with one transaction, so that compaction never holds up a write for long.
    static let compactionBatch = 200

    private let shared: Store.Shared
    private let database: StoreDatabase
    private var nextVersion: Int64
    /// Answered, published, and not yet on the disk.
    private var pending: [StoreDatabase.Row] = []
    private var obsolete: [Int64]
    private let commits = Metrics.Timer(label: "minikube_lite_store_commit_duration_seconds")

    init(shared: Store.Shared, database: StoreDatabase, nextVersion: Int64, obsolete: [Int64]) {
        self.shared = shared
        self.database = database
        self.nextVersion = nextVersion
        self.obsolete = obsolete
    }

    /// Works until the store is closed and the queue is empty.
    mutating func run() {
        var lastMaintenance = ContinuousClock.now
        while let batch = shared.nextBatch(waitingAtMost: pending.isEmpty ? shared.configuration.idleSeconds : 0.2) {
            if !batch.isEmpty { process(batch) }
            let now = ContinuousClock.now
            if batch.isEmpty || now - lastMaintenance > .seconds(shared.configuration.idleSeconds) {
                maintain()
                lastMaintenance = now
            }
        }
        flush()
        try? database.close()
    }

    /// What is due while nothing else is: late rows to the disk, old events out, obsolete rows away.
    private mutating func maintain() {
        flush()
        expireEvents()
        while !obsolete.isEmpty, shared.isIdle {
            guard flush(evenEmpty: true) else { break }
        }
    }

    /// Returns whether the disk took it.
    @discardableResult
    private mutating func flush(evenEmpty: Bool = false) -> Bool {
        guard evenEmpty || !pending.isEmpty else { return true }
        do {
            try commit(pending)
            pending = []
            return true
        } catch {
            shared.logger.error("cannot write to the store", metadata: ["error": "\(error)"])
            return false
        }
    }

    private mutating func commit(_ rows: [StoreDatabase.Row]) throws {
        let removed = obsolete.prefix(Self.compactionBatch)
        let compacted = shared.state.withLock { $0.compactedVersion }
        let started = ContinuousClock.now
        defer { commits.record(duration: started.duration(to: .now)) }
        try database.write(rows, removing: removed, compactedVersion: compacted)
        obsolete.removeFirst(removed.count)
    }

    private mutating func process(_ batch: [Store.Request]) {
        let now = shared.now()
        var events: [StoreEvent] = []
        var rows: [StoreDatabase.Row] = []
        var changed: [String: [ObjectKey: StoredObject?]] = [:]
        var answers: [(Store.Request, Result<StoredObject, StoreError>)] = []
        answers.reserveCapacity(batch.count)
        var version = nextVersion
        var mustWait = false
        for request in batch {
            let write = request.write
            let present: StoredObject?
            if let state = changed[write.collection]?[write.key] {
                present = state
            } else {
                present = shared.state.withLock { $0.object(write.collection, write.key) }
            }
            let holds =
                switch write.expectation {
                case .absent: present == nil
                case .version(let expected): present?.resourceVersion == expected
                }
            guard holds else {
                answers.append((request, .failure(.conflict(present: present))))
                continue
            }
            let (event, row) = change(write, present: present, version: version, now: now)
            version += 1
            events.append(event)
            rows.append(row)
            changed[write.collection, default: [:]][write.key] = .some(row.isDeletion ? nil : row.object)
            answers.append((request, .success(row.object)))
            mustWait = mustWait || write.isDurable
        }
        if mustWait || pending.count + rows.count > Self.maximumPending {
            do {
                Failpoint.hit("store.rows.commit")
                try commit(pending + rows)
                pending = []
                Failpoint.hit("store.rows.committed")
            } catch {
                shared.logger.error("cannot write to the store", metadata: ["error": "\(error)"])
                for (request, answer) in answers {
                    if case .failure = answer {
                        request.answer(answer)
                    } else {
                        request.answer(.failure(.disk("\(error)")))
                    }
                }
                return
            }
        } else {
            pending += rows
        }
        nextVersion = version
        publish(events)
        Failpoint.hit("store.rows.published")
        for (request, answer) in answers { request.answer(answer) }
    }

    private mutating func publish(_ events: [StoreEvent]) {
        guard !events.isEmpty else { return }
        obsolete += shared.state.withLock { state in
            for event in events { state.apply(event) }
            return state.trimHistory(to: shared.configuration.history)
        }
    }

    private func change(
        _ write: StoreWrite, present: StoredObject?, version: Int64, now: Int64
    ) -> (StoreEvent, StoreDatabase.Row) {
        let isDeletion: Bool
        var value: JSONValue
        switch write.change {
        case .put(let state): (value, isDeletion) = (state, false)
        case .delete(let state): (value, isDeletion) = (state, true)
        }
        var metadata = value["metadata"]?.objectValue ?? JSONObject()
        // Where the API server writes it: after the uid.
        let index = metadata.keys.firstIndex(of: "uid").map { $0 + 1 } ?? metadata.count
        metadata.members.updateValue(.string(String(version)), forKey: "resourceVersion", insertingAt: index)
        value["metadata"] = .object(metadata)
        let object = StoredObject(
            collection: write.collection, key: write.key, resourceVersion: version, writtenAt: now,
            bytes: value.bytes, value: value)
        let kind: StoreEvent.Kind = isDeletion ? .deleted : present == nil ? .added : .modified
        return (
            StoreEvent(kind: kind, object: object, previous: present),
            StoreDatabase.Row(object: object, isDeletion: isDeletion)
        )
    }

    /// Deletes what has outlived its collection's time, as etcd's leases do for events.
    private mutating func expireEvents() {
        let now = shared.now()
        for (collection, lifetime) in shared.configuration.lifetimes {
            let old = shared.state.withLock { state in
                (state.collections[collection]?.objects.values).map { objects in
                    Array(objects.lazy.filter { $0.writtenAt + lifetime <= now }.prefix(Self.maximumPending))
                } ?? []
            }
            guard !old.isEmpty else { continue }
            process(
                old.map { object in
                    Store.Request(
                        write: StoreWrite(
                            collection: collection, key: object.key, expectation: .version(object.resourceVersion),
                            change: .delete(object.value), isDurable: false),
                        answer: { _ in })
                })
        }
    }
}
