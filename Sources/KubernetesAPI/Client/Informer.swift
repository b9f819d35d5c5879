import Synchronization

/// A `Reflector` with an `ObjectCache`, shared by any number of handlers.
///
///     let pods = Informer(Pod.self, client: client)
///     pods.onChange { change in queue.add(...) }    // before run(); quick, and never blocks
///     group.addTask { await pods.run() }
///     try await pods.waitUntilSynced()
public final class Informer<Object: KubernetesObject>: Sendable {
    public typealias Handler = @Sendable (ObjectChange<Object>) -> Void

    public let cache = ObjectCache<Object>()
    private let reflector: Reflector<Object>
    private let handlers = Mutex<[Handler]>([])
    private let synced = Gate()

    /// The parameters are those of `Reflector`.
    public init(
        _ type: Object.Type = Object.self, kind: GroupVersionKind = Object.groupVersionKind, client: APIClient,
        namespace: String = "", options: [String: String] = [:], time: TimeSource = .system,
        resync: Duration = .seconds(600),
        onError: @escaping @Sendable (any Error) -> Void = { _ in }
    ) {
        reflector = Reflector(
            kind: kind, client: client, namespace: namespace, options: options, time: time, resync: resync,
            onError: onError)
    }

    /// Adds a handler. It is called after the cache has changed, in the order of the changes; one that is added
    /// while `run` goes on misses what was before.
    public func onChange(_ handler: @escaping Handler) {
        handlers.withLock { $0.append(handler) }
    }

    /// Keeps the cache up to date until the task is cancelled.
    public func run() async {
        await reflector.run { [self] event in
            let changes = cache.apply(event)
            let handlers = handlers.withLock { $0 }
            for change in changes {
                for handler in handlers { handler(change) }
            }
            if case .synced = event { synced.open() }
        }
    }

    /// Returns once the first list is in the cache and its handlers have run. Throws `CancellationError`.
    public func waitUntilSynced() async throws { try await synced.wait() }
}
