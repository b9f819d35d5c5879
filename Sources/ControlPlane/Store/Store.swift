import DequeModule
import Dispatch
import Foundation
import KubernetesAPI
import Logging
import Synchronization

/// The cluster's objects: durable in SQLite, live in memory, watched from memory.
///
/// Reads never wait for the disk. Writes go through a bounded queue to one thread, which decides each by
/// compare-and-swap, commits them together, then publishes and answers; a write that was answered survives any crash
/// (but for those that ask not to wait, see `StoreWrite.isDurable`).
final class Store: Sendable {
    struct Configuration: Sendable {
        /// The file; its folder has to exist.
        var path: String
        var history = StoreState.HistoryLimit()
        /// Seconds that objects of a collection live after they were last written.
        var lifetimes: [String: Int64] = ["events": 3600]
        /// Events that a watch may be behind before it is cut off.
        var watchBuffer = 1024
        var queueLimit = 4096
        /// Seconds without a write after which the writer looks for what else is due.
        var idleSeconds = 10.0
        /// Seconds since 1970.
        var now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }

        init(path: String) { self.path = path }
    }

    /// One write on its way, with whom to tell.
    struct Request: Sendable {
        var write: StoreWrite
        var answer: @Sendable (Result<StoredObject, StoreError>) -> Void
    }

    /// What the writer's thread and everyone else share.
    final class Shared: Sendable {
        let configuration: Configuration
        let logger: Logger
        let state: Mutex<StoreState>
        private let queue = Mutex(Queue())
        private let wakeUp = DispatchSemaphore(value: 0)
        private static let batchLimit = 256

        private struct Queue {
            var requests: Deque<Request> = []
            var writerSleeps = false
            var isClosed = false
            /// The file has been let go.
            var isReleased = false
            var waitingForRelease: [CheckedContinuation<Void, Never>] = []
        }

        init(configuration: Configuration, logger: Logger, state: consuming StoreState) {
            self.configuration = configuration
            self.logger = logger
            self.state = Mutex(state)
        }

        func now() -> Int64 { configuration.now() }

        func submit(_ request: Request) {
            let refusal: StoreError? = queue.withLock { queue in
                guard !queue.isClosed else { return .closed }
                guard queue.requests.count < configuration.queueLimit else { return .overloaded }
                queue.requests.append(request)
                if queue.writerSleeps {
                    queue.writerSleeps = false
                    wakeUp.signal()
                }
                return nil
            }
            if let refusal { request.answer(.failure(refusal)) }
        }

        func close() {
            queue.withLock { queue in
                queue.isClosed = true
                wakeUp.signal()
            }
        }

        func release() {
            let waiting = queue.withLock { queue in
                queue.isReleased = true
                defer { queue.waitingForRelease = [] }
                return queue.waitingForRelease
            }
            for continuation in waiting { continuation.resume() }
        }

        func untilReleased() async {
            await withCheckedContinuation { continuation in
                let isReleased = queue.withLock { queue in
                    if !queue.isReleased { queue.waitingForRelease.append(continuation) }
                    return queue.isReleased
                }
                if isReleased { continuation.resume() }
            }
        }

        var isClosed: Bool { queue.withLock { $0.isClosed } }
        var isIdle: Bool { queue.withLock { $0.requests.isEmpty } }

        /// The next writes, at most a batch; empty after `seconds` without one; nil when the store is closed.
        func nextBatch(waitingAtMost seconds: Double) -> [Request]? {
            enum Step { case work([Request]), sleep, end }
            func step() -> Step {
                queue.withLock { queue in
                    if queue.requests.isEmpty {
                        queue.writerSleeps = !queue.isClosed
                        return queue.isClosed ? .end : .sleep
                    }
                    let count = min(queue.requests.count, Self.batchLimit)
                    let batch = Array(queue.requests.prefix(count))
                    queue.requests.removeFirst(count)
                    return .work(batch)
                }
            }
            if case .work(let batch) = step() { return batch }
            if wakeUp.wait(timeout: .now() + seconds) == .timedOut {
                queue.withLock { $0.writerSleeps = false }
            }
            switch step() {
            case .work(let batch): return batch
            case .sleep:
                queue.withLock { $0.writerSleeps = false }
                return []
            case .end: return nil
            }
        }
    }

    private let shared: Shared
    /// What could not be read when the store was opened, a sentence each.
    let unreadable: [String]

    private init(shared: Shared, unreadable: [String]) {
        self.shared = shared
        self.unreadable = unreadable
    }

    /// Opens or makes the store. Everything that waits for the disk happens on the store's own thread.
    static func open(_ configuration: Configuration, logger: Logger) async throws -> Store {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                let store: Store
                var writer: StoreWriter
                do {
                    (store, writer) = try load(configuration, logger: logger)
                } catch {
                    continuation.resume(throwing: error)
                    return
                }
                continuation.resume(returning: store)
                writer.run()
                store.shared.release()
            }
            thread.name = "store"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    private static func load(_ configuration: Configuration, logger: Logger) throws -> (Store, StoreWriter) {
        let database = try StoreDatabase(path: configuration.path)
        var contents = try database.load(now: configuration.now())
        for problem in contents.unreadable {
            logger.error("set aside a row of the store that cannot be read", metadata: ["row": "\(problem)"])
        }
        // Versions that were answered but lost in a crash are not given out again.
        var next = contents.lastVersion + 1
        if contents.lastVersion > 0 { next += StoreWriter.versionGap }
        contents.state.raiseResourceVersion(to: next - 1)
        let shared = Shared(configuration: configuration, logger: logger, state: contents.state)
        let writer = StoreWriter(
            shared: shared, database: database, nextVersion: next, obsolete: contents.obsolete)
        return (Store(shared: shared, unreadable: contents.unreadable), writer)
    }

    /// Writes what is still in the queue, lets the file go and ends all watches. Returns when that is done.
    func close() async {
        shared.close()
        await shared.untilReleased()
        shared.state.withLock { $0.endWatches() }
    }

    var isOpen: Bool { !shared.isClosed }

    // MARK: Writing

    /// Makes one change. Returns when it is on the disk (see `StoreWrite.isDurable`) and in everybody's view.
    func commit(_ write: StoreWrite) async throws(StoreError) -> StoredObject {
        let outcome: Result<StoredObject, StoreError> = await withCheckedContinuation { continuation in
            shared.submit(Request(write: write) { continuation.resume(returning: $0) })
        }
        return try outcome.get()
    }

    // MARK: Reading

    func object(_ collection: String, _ key: ObjectKey) -> StoredObject? {
        shared.state.withLock { $0.object(collection, key) }
    }

    /// The version of the last change in any of the collections since the store was opened; 0 where there was none.
    func version(ofLastChangeIn collections: [String]) -> Int64 {
        shared.state.withLock { state in collections.reduce(0) { max($0, state.lastChanges[$1] ?? 0) } }
    }

    /// The version of the last change.
    var resourceVersion: Int64 { shared.state.withLock { $0.resourceVersion } }

    var objectCounts: [String: Int] { shared.state.withLock { $0.collections.mapValues(\.objects.count) } }
    var watcherCount: Int { shared.state.withLock { $0.watcherCount } }

    /// The objects of a namespace (all where it is empty) in order, at a version of the recent past or now.
    /// Throws `.compacted` where the version is older than what is kept.
    func objects(
        _ collection: String, namespace: String, at version: Int64? = nil
    ) throws(StoreError) -> (objects: [StoredObject], resourceVersion: Int64) {
        let outcome: Result<([StoredObject], Int64), StoreError> = shared.state.withLock { state in
            let version = version ?? state.resourceVersion
            guard version >= state.compactedVersion else {
                return .failure(.compacted(requested: version, oldest: state.compactedVersion))
            }
            return .success((state.objects(collection, namespace: namespace, at: version), version))
        }
        return try outcome.get()
    }

    /// Opens a watch after a version; without one it begins with the present objects.
    func watch(
        _ collection: String, namespace: String = "", name: String = "", after version: Int64?,
        withObjects: Bool = false
    ) throws(StoreError) -> StoreWatch {
        let (items, continuation) = AsyncStream.makeStream(
            of: StoreWatchItem.self, bufferingPolicy: .bufferingOldest(shared.configuration.watchBuffer))
        let watcher = StoreWatcher(
            collection: collection, namespace: namespace, name: name, continuation: continuation)
        let outcome: Result<StoreWatch, StoreError> = shared.state.withLock { state in
            var objects: [StoredObject] = []
            var backlog: [StoreEvent] = []
            if withObjects || version == nil {
                objects = state.objects(collection, namespace: namespace, at: state.resourceVersion)
                    .filter { watcher.wants($0.key) }
            } else if let version {
                guard version >= state.compactedVersion else {
                    return .failure(.compacted(requested: version, oldest: state.compactedVersion))
                }
                backlog = state.history.filter {
                    $0.resourceVersion > version && $0.object.collection == collection
                        && watcher.wants($0.object.key)
                }
            }
            // A watch that has ended is taken off when it is next given something: a minute later at the latest.
            state.add(watcher)
            return .success(
                StoreWatch(
                    objects: objects, backlog: backlog, resourceVersion: state.resourceVersion, items: items,
                    cancel: { continuation.finish() }))
        }
        return try outcome.get()
    }

    /// Tells every watch the present version, so that bookmarks can be sent.
    func publishProgress() {
        shared.state.withLock { $0.publishProgress() }
    }
}
