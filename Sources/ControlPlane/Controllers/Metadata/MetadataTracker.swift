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
    private let own: [Informer<PartialObjectMetadata>]

    /// - Parameter shared: kinds that are followed anyway; `attach` brings their changes in here.
    init(client: APIClient, shared: [any KubernetesObject.Type], time: TimeSource, logger: Logger) {
        let known = Set(shared.map { $0.groupVersionKind } + [Event.groupVersionKind])
        let kinds = ResourceCatalogue.shared.stored.map(\.kind).filter { !known.contains($0) }
        own = kinds.map { kind in
            Informer(PartialObjectMetadata.self, kind: kind, client: client, time: time) { error in
                logger.warning(
                    "cannot follow the API's objects, trying again",
                    metadata: ["kind": "\(kind.kind)", "error": "\(error)"])
            }
        }
        for (kind, informer) in zip(kinds, own) { attach(informer, kind: kind) }
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
    func run() async {
        await withDiscardingTaskGroup { group in
            for informer in own { group.addTask { await informer.run() } }
        }
    }

    private func deliver(_ change: Change) {
        for handler in handlers.withLock({ $0 }) { handler(change) }
    }
}
