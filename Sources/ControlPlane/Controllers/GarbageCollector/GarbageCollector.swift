import KubernetesAPI
import Logging
import Synchronization

/// Deletes what has lost its owners, and carries out deletions in the foreground and with orphaning, which the API
/// asks for by finalizers.
final class GarbageCollector: Controller {
    /// As which it speaks in events.
    static let name = "garbage-collector-controller"

    private let client: APIClient
    private let logger: Logger
    private let events: EventRecorder
    private let queue: WorkQueue<OwnershipGraph.Task>
    private let graph = Mutex(OwnershipGraph())

    init(
        client: APIClient, tracker: MetadataTracker, events: EventRecorder, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.logger = logger
        self.events = events
        queue = WorkQueue(time: time)
        tracker.onChange { [weak self] change in
            guard let self else { return }
            let (tasks, misplaced) = graph.withLock { ($0.apply(change), $0.misplacedReferences(after: change)) }
            for task in tasks { queue.add(task) }
            for (dependent, owner) in misplaced { complain(of: owner, to: dependent) }
        }
    }

    private func complain(of owner: OwnerReference, to dependent: OwnershipGraph.Node) {
        let metadata = dependent.metadata
        var object = ObjectReference()
        object.apiVersion = dependent.kind.apiVersion
        object.kind = dependent.kind.kind
        object.namespace = metadata.namespace
        object.name = metadata.name
        object.uid = metadata.uid
        let named = "\(owner.apiVersion)/\(owner.kind), namespace: \(metadata.namespace), name: \(owner.name)"
        events.record(
            object, .warning, reason: ControllerReason.ownerRefInvalidNamespace,
            message: "ownerRef [\(named), uid: \(owner.uid)] does not exist in namespace "
                + metadata.namespace.quoted)
    }

    /// Works until the task is cancelled.
    func run() async {
        await queue.run(workers: 8) { [self] task in
            do {
                switch task {
                case .check(let uid): try await check(uid)
                case .orphan(let uid): try await orphan(uid)
                }
                return .done
            } catch {
                if !(error is CancellationError) {
                    logger.debug("not collected yet", metadata: ["task": "\(task)", "error": "\(error)"])
                }
                return .failed
            }
        }
    }

    private func check(_ uid: String) async throws {
        guard let node = graph.withLock({ $0.node(uid) }) else { return }
        if node.waitsForDependents { return try await finishForeground(node) }
        guard !node.metadata.isBeingDeleted, !node.metadata.ownerReferences.isEmpty,
            let kind = KindClient(client, node.kind)
        else { return }
        // Asked freshly: nothing is deleted for what a cache says.
        guard let object = try await kind.get(node.metadata.key), object.uid == uid, !object.isBeingDeleted else {
            return
        }
        var owners: [(reference: OwnerReference, state: DependentVerdict.OwnerState)] = []
        for reference in object.ownerReferences {
            owners.append((reference, try await state(of: reference, namespace: object.namespace)))
        }
        let hasDependents = graph.withLock { !$0.dependents(of: uid).isEmpty }
        switch DependentVerdict(of: object, owners: owners, hasDependents: hasDependents) {
        case .keep: return
        case .dropReferences(let kept): try await kind.patch(object, ["ownerReferences": kept.json])
        case .delete(let policy): try await kind.delete(object, policy)
        }
    }

    private func state(
        of reference: OwnerReference, namespace: String
    ) async throws -> DependentVerdict.OwnerState {
        let name = GroupVersionKind(apiVersion: reference.apiVersion, kind: reference.kind)
        if let known = graph.withLock({ $0.node(reference.uid) }), known.isMeant(by: reference, in: namespace) {
            return known.waitsForDependents ? .waiting : .solid
        }
        // Of a kind that is not served here nobody can say that it is gone.
        guard ResourceCatalogue.shared.resource(of: name) != nil, let kind = KindClient(client, name) else {
            return .solid
        }
        // What is in no namespace does not say in which one its owner would be.
        if namespace.isEmpty, kind.isNamespaced { return .solid }
        let key = ObjectKey(namespace: kind.isNamespaced ? namespace : "", name: reference.name)
        guard let owner = try await kind.get(key), owner.uid == reference.uid else { return .absent }
        return OwnershipGraph.Node(kind: name, metadata: owner).waitsForDependents ? .waiting : .solid
    }

    /// Lets an object go that waits for its dependents, when those that block it are gone.
    private func finishForeground(_ node: OwnershipGraph.Node) async throws {
        let blocking = graph.withLock { $0.blockingDependents(of: node.metadata.uid) }
        for dependent in blocking where !dependent.metadata.isBeingDeleted {
            queue.add(.check(dependent.metadata.uid))
        }
        guard blocking.isEmpty else { return }
        try await removeFinalizer(OwnershipGraph.Finalizer.foreground, from: node)
    }

    /// Takes an object's reference off its dependents and lets it go.
    private func orphan(_ uid: String) async throws {
        let (node, dependents) = graph.withLock { ($0.node(uid), $0.dependents(of: uid)) }
        guard let node, node.orphansDependents else { return }
        for dependent in dependents {
            guard let kind = KindClient(client, dependent.kind),
                let object = try await kind.get(dependent.metadata.key),
                object.uid == dependent.metadata.uid
            else { continue }
            let kept = object.ownerReferences.filter { $0.uid != uid }
            if kept != object.ownerReferences {
                try await kind.patch(object, ["ownerReferences": kept.isEmpty ? .null : kept.json])
            }
        }
        try await removeFinalizer(OwnershipGraph.Finalizer.orphan, from: node)
    }

    private func removeFinalizer(_ finalizer: String, from node: OwnershipGraph.Node) async throws {
        guard let kind = KindClient(client, node.kind), let object = try await kind.get(node.metadata.key),
            object.uid == node.metadata.uid, object.finalizers.contains(finalizer)
        else { return }
        let kept = object.finalizers.filter { $0 != finalizer }
        try await kind.patch(object, ["finalizers": kept.isEmpty ? .null : kept.json])
    }
}

extension ObjectMeta {
    var key: ObjectKey { ObjectKey(namespace: namespace, name: name) }
}
