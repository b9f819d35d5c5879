import KubernetesAPI
import Logging

/// Empties namespaces that are being deleted, and lets them go when they are empty.
final class NamespaceController: Controller {
    private let client: APIClient
    private let time: TimeSource
    private let logger: Logger
    private let namespaces: Informer<Namespace>
    private let queue: WorkQueue<String>

    init(
        client: APIClient, namespaces: Informer<Namespace>, tracker: MetadataTracker, time: TimeSource, logger: Logger
    ) {
        self.client = client
        self.time = time
        self.logger = logger
        self.namespaces = namespaces
        queue = WorkQueue(time: time)
        namespaces.onChange { [weak self] change in
            if let namespace = change.object, namespace.metadata.isBeingDeleted {
                self?.queue.add(namespace.metadata.name)
            }
        }
        // What is gone may have been the last thing in its namespace.
        tracker.onChange { [weak self] change in
            guard let self, change.new == nil, let name = change.old?.namespace, !name.isEmpty else { return }
            let key = ObjectKey(namespace: "", name: name)
            if self.namespaces.cache[key]?.metadata.isBeingDeleted == true { queue.add(name) }
        }
    }

    /// Works until the task is cancelled.
    func run() async {
        await queue.run(workers: 4, logger: logger, "namespace not empty yet") { [self] in try await sync($0) }
    }

    private func sync(_ name: String) async throws -> WorkQueue<String>.Outcome {
        let namespace: Namespace
        do {
            namespace = try await client.get(Namespace.self, name)
        } catch let error as APIError where error.isNotFound {
            return .done
        }
        guard namespace.metadata.isBeingDeleted, namespace.spec.finalizers.contains(.kubernetes) else { return .done }
        let content = try await deleteContent(of: name)
        var changed = namespace
        changed.status = NamespaceStatus(terminating: namespace.status, content: content, now: time.now)
        if changed.status != namespace.status { changed = try await client.updateStatus(changed) }
        guard content.remaining.isEmpty, content.failures.isEmpty else {
            // The end of each object is an event; this is for one that was missed.
            return content.failures.isEmpty ? .again(after: .seconds(15)) : .failed
        }
        changed.spec.finalizers.removeAll { $0 == .kubernetes }
        do {
            _ = try await client.update(changed, subresource: "finalize")
        } catch let error as APIError where error.isNotFound {
            return .done
        }
        return .done
    }

    private func deleteContent(of namespace: String) async throws -> NamespaceContent {
        var content = NamespaceContent()
        for resource in ResourceCatalogue.shared.stored {
            guard let kind = KindClient(client, resource.kind), kind.isNamespaced else { continue }
            do {
                for object in try await kind.list(namespace: namespace) {
                    if !object.isBeingDeleted { try await kind.delete(object, .background) }
                }
                for object in try await kind.list(namespace: namespace) {
                    content.remaining[kind.name, default: 0] += 1
                    for finalizer in object.finalizers { content.finalizers[finalizer, default: 0] += 1 }
                }
            } catch let error as APIError {
                content.failures.append("\(kind.name): \(error)")
            }
        }
        return content
    }
}

/// What is left in a namespace.
struct NamespaceContent: Sendable, Equatable {
    /// Counts by resource (`pods`, `deployments.apps`).
    var remaining: [String: Int] = [:]
    /// Counts of objects by the finalizer that they wait for.
    var finalizers: [String: Int] = [:]
    /// What could not be deleted, and why.
    var failures: [String] = []
}

extension NamespaceStatus {
    /// The status of a namespace on its way out, with the conditions that tell what it waits for.
    init(terminating status: NamespaceStatus, content: NamespaceContent, now: Timestamp) {
        self = status
        phase = .terminating
        set(
            .namespaceDeletionDiscoveryFailure, false, "ResourcesDiscovered", "All resources successfully discovered",
            now)
        set(
            .namespaceDeletionGroupVersionParsingFailure, false, "ParsedGroupVersions",
            "All legacy kube types successfully parsed", now)
        if content.failures.isEmpty {
            set(
                .namespaceDeletionContentFailure, false, "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization", now)
        } else {
            set(
                .namespaceDeletionContentFailure, true, "ContentDeletionFailed",
                "Failed to delete all resource types, \(content.failures.count) remaining: "
                    + content.failures.joined(separator: ", "), now)
        }
        if content.remaining.isEmpty {
            set(.namespaceContentRemaining, false, "ContentRemoved", "All content successfully removed", now)
        } else {
            let counts = content.remaining.sorted { $0.key < $1.key }
                .map { "\($0.key) has \($0.value) resource instances" }
            set(
                .namespaceContentRemaining, true, "SomeResourcesRemain",
                "Some resources are remaining: \(counts.joined(separator: ", "))", now)
        }
        if content.finalizers.isEmpty {
            set(
                .namespaceFinalizersRemaining, false, "ContentHasNoFinalizers",
                "All content-preserving finalizers finished", now)
        } else {
            let counts = content.finalizers.sorted { $0.key < $1.key }
                .map { "\($0.key) in \($0.value) resource instances" }
            set(
                .namespaceFinalizersRemaining, true, "SomeFinalizersRemain",
                "Some content in the namespace has finalizers remaining: \(counts.joined(separator: ", "))", now)
        }
    }

    private mutating func set(
        _ type: NamespaceConditionType, _ holds: Bool, _ reason: String, _ message: String, _ now: Timestamp
    ) {
        let status: ConditionStatus = holds ? .true : .false
        var condition = NamespaceCondition()
        condition.type = type
        condition.status = status
        condition.reason = reason
        condition.message = message
        if let index = conditions.firstIndex(where: { $0.type == type }) {
            let present = conditions[index]
            condition.lastTransitionTime = present.status == status ? present.lastTransitionTime : now
            conditions[index] = condition
        } else {
            condition.lastTransitionTime = now
            conditions.append(condition)
        }
    }
}
