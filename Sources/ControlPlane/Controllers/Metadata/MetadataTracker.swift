import KubernetesAPI
import Logging
import Synchronization

/// Follows the metadata of every kind that is served but events, which nothing owns and nobody waits for.
final class MetadataTracker: Sendable {
    struct Change: Sendable {
        var kind: GroupVersionKind
        /// Nil where the object is new.
        var old: ObjectMeta?
        /// Nil where it is gone.
        var new: ObjectMeta?
    }

    typealias Handler = @Sendable (Change) -> Void

    private let handlers = Mutex<[Handler]>([])
    private let client: APIClient
    private let time: TimeSource
    private let logger: Logger

    init(client: APIClient, time: TimeSource, logger: Logger) {
        self.client = client
        self.time = time
        self.logger = logger
    }

    /// Adds a handler; before `run`. It is quick and never blocks.
    func onChange(_ handler: @escaping Handler) { handlers.withLock { $0.append(handler) } }

    func attach<Object: KubernetesObject>(
        _ informer: Informer<Object>, kind: GroupVersionKind = Object.groupVersionKind
    ) {
        informer.onChange { [weak self] change in
            switch change {
            case .synced: break
            case .added(let object): self?.deliver(Change(kind: kind, old: nil, new: object.metadata))
            case .modified(let old, let new):
                self?.deliver(Change(kind: kind, old: old.metadata, new: new.metadata))
            case .deleted(let object): self?.deliver(Change(kind: kind, old: object.metadata, new: nil))
            }
        }
    }

    /// Follows until the task is cancelled.
    ///
    /// - Parameter attached: kinds that are followed elsewhere, whose informers `attach` was called with.
    func run(besides attached: Set<GroupVersionKind>) async {
        // Events may be lost: nothing owns them, and nobody waits for them.
        let kinds = ResourceCatalogue.shared.stored.filter { $0.isDurable && !attached.contains($0.kind) }.map(\.kind)
        await withDiscardingTaskGroup { group in
            for kind in kinds {
                let informer = Informer(PartialObjectMetadata.self, kind: kind, client: client, time: time) {
                    [logger] error in
                    logger.warning(
                        "cannot follow the API's objects, trying again",
                        metadata: ["kind": "\(kind.kind)", "error": "\(error)"])
                }
                attach(informer, kind: kind)
                group.addTask { await informer.run() }
            }
        }
    }

    private func deliver(_ change: Change) {
        for handler in handlers.withLock({ $0 }) { handler(change) }
    }
}
