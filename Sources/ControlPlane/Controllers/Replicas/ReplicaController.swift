import KubernetesAPI
import Logging

/// The most pods created or deleted in one go.
private let burst = 500

/// Keeps as many pods as each object of a kind asks for, the way kube-controller-manager does for ReplicaSets and
/// ReplicationControllers.
final class ReplicaController<Owner: ReplicaOwner>: Controller {

    private let client: APIClient
    private let time: TimeSource
    private let logger: Logger
    private let sets: Informer<Owner>
    private let pods: Informer<Pod>
    private let events: EventRecorder
    private let queue: WorkQueue<ObjectKey>
    private let expectations: Expectations

    init(
        client: APIClient, sets: Informer<Owner>, pods: Informer<Pod>, events: EventRecorder, time: TimeSource,
        logger: Logger
    ) {
        self.client = client
        self.time = time
        self.logger = logger
        self.sets = sets
        self.pods = pods
        self.events = events
        queue = WorkQueue(time: time)
        expectations = Expectations(time: time)
        sets.onChange { [weak self] in self?.setChanged($0) }
        pods.onChange { [weak self] in self?.podChanged($0) }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    func run() async {
        await queue.run(workers: 5, logger: logger, "\(Owner.groupVersionKind.kind) not in order yet") { [self] in
            try await sync($0)
        }
    }

    // MARK: What changed

    private func setChanged(_ change: ObjectChange<Owner>) {
        guard let set = change.object else { return }
        if case .deleted = change { expectations.forget(set.key) }
        queue.add(set.key)
    }

    private func podChanged(_ change: ObjectChange<Pod>) {
        switch change {
        case .synced: break
        case .added(let pod):
            // A pod that is going was there before this program was.
            if pod.metadata.isBeingDeleted { return podGoing(pod) }
            if let set = owner(of: pod) {
                expectations.observeCreation(set.key)
                queue.add(set.key)
            } else {
                enqueueAdopters(of: pod)
            }
        case .modified(let old, let new):
            if old.metadata.resourceVersion == new.metadata.resourceVersion { return }
            if old.metadata.controller?.uid != new.metadata.controller?.uid, let set = owner(of: old) {
                queue.add(set.key)
            }
            if new.metadata.isBeingDeleted { return podGoing(new) }
            if let set = owner(of: new) {
                queue.add(set.key)
            } else if old.metadata.labels != new.metadata.labels || old.metadata.controller != nil {
                enqueueAdopters(of: new)
            }
        case .deleted(let pod):
            podGoing(pod)
        }
    }

    private func podGoing(_ pod: Pod) {
        guard let set = owner(of: pod) else { return }
        expectations.observeDeletion(set.key, uid: pod.metadata.uid)
        queue.add(set.key)
    }

    /// The object that controls a pod, if it is the one that the reference means and not a later namesake.
    private func owner(of pod: Pod) -> Owner? {
        guard let reference = pod.metadata.controller, reference.kind == Owner.groupVersionKind.kind else {
            return nil
        }
        let set = sets.cache[ObjectKey(namespace: pod.metadata.namespace, name: reference.name)]
        return set?.metadata.uid == reference.uid ? set : nil
    }

    private func enqueueAdopters(of pod: Pod) {
        guard pod.metadata.controller == nil, !pod.metadata.labels.isEmpty else { return }
        for set in sets.cache.inNamespace(pod.metadata.namespace) {
            guard let matcher = LabelMatcher(ofController: set.podSelector) else { continue }
            if matcher.matches(pod.metadata.labels) { queue.add(set.key) }
        }
    }

    // MARK: Making it so

    private func sync(_ key: ObjectKey) async throws -> WorkQueue<ObjectKey>.Outcome {
        guard let set = sets.cache[key] else {
            expectations.forget(key)
            return .done
        }
        guard let matcher = LabelMatcher(ofController: set.podSelector) else { return .done }
        // Asked before the cache is read: what is observed in between makes the next round right, not this one wrong.
        let mayChange = expectations.isSatisfied(key)
        let candidates =
            pods.cache.ownedBy(uid: set.metadata.uid) + pods.cache.withoutController(inNamespace: key.namespace)
        let owned = try await OwnershipClaim(client: client, owner: set, matcher: matcher).claim(candidates)

        var failure: ReplicaFailure?
        if mayChange, !set.metadata.isBeingDeleted {
            failure = await changeNumber(of: owned.filter(\.isActive), set)
        }
        let now = time.preciseNow
        var counted = set
        counted.report(ReplicaCounts(of: owned, owner: set, now: now), failure, now: now)
        if counted.status != set.status { try await write(counted) }
        if let failure { throw failure }

        let nextAvailability = owned.lazy.filter(\.isActive)
            .compactMap { $0.timeToAvailability(minReadySeconds: set.minReadySeconds, now: now) }
            .filter { $0 > .zero }.min()
        return nextAvailability.map { .again(after: $0) } ?? .done
    }

    private func changeNumber(of active: [Pod], _ set: Owner) async -> ReplicaFailure? {
        let wanted = set.wantedReplicas
        if active.count < wanted { return await create(min(wanted - active.count, burst), set) }
        if active.count > wanted { return await delete(min(active.count - wanted, burst), of: active, set) }
        return nil
    }

    /// Creates pods in batches that double, so that an owner whose pods are refused (a quota, a bad template)
    /// costs one refusal and not hundreds.
    private func create(_ count: Int, _ set: Owner) async -> ReplicaFailure? {
        let pod = newPod(of: set)
        expectations.expectCreations(set.key, count)
        var remaining = count
        var batch = 1
        while remaining > 0 {
            let size = min(batch, remaining)
            let errors = await withTaskGroup(of: (any Error)?.self) { group in
                for _ in 0..<size { group.addTask { [self] in await createOne(pod, set) } }
                return await group.reduce(into: [any Error]()) { if let error = $1 { $0.append(error) } }
            }
            remaining -= size
            batch *= 2
            if let error = errors.first {
                expectations.observeCreation(set.key, errors.count + remaining)
                // Nothing more will be created in there; its end ends the owner, too.
                if (error as? APIError)?.isNamespaceTerminating == true { return nil }
                return ReplicaFailure(reason: ControllerReason.failedCreate, message: "\(error)")
            }
        }
        return nil
    }

    private func createOne(_ pod: Pod, _ set: Owner) async -> (any Error)? {
        do {
            let created = try await client.create(pod)
            events.record(
                set, reason: ControllerReason.successfulCreate, message: "Created pod: \(created.metadata.name)")
            return nil
        } catch {
            if (error as? APIError)?.isNamespaceTerminating != true {
                events.record(
                    set, .warning, reason: ControllerReason.failedCreate, message: "Error creating: \(error)")
            }
            return error
        }
    }

    private func newPod(of set: Owner) -> Pod {
        var pod = Pod()
        let template = set.podTemplate
        pod.metadata.generateName = set.metadata.name + "-"
        pod.metadata.namespace = set.metadata.namespace
        pod.metadata.labels = template.metadata.labels
        pod.metadata.annotations = template.metadata.annotations
        pod.metadata.finalizers = template.metadata.finalizers
        pod.metadata.ownerReferences = [set.controllerReference]
        pod.spec = template.spec
        return pod
    }

    private func delete(_ count: Int, of active: [Pod], _ set: Owner) async -> ReplicaFailure? {
        let order = PodDeletionOrder(related: related(to: set), now: time.now)
        let victims = order.sorted(active).prefix(count)
        expectations.expectDeletions(set.key, victims.map(\.metadata.uid))
        let errors = await withTaskGroup(of: (any Error)?.self) { group in
            for pod in victims { group.addTask { [self] in await deleteOne(pod, set) } }
            return await group.reduce(into: [any Error]()) { if let error = $1 { $0.append(error) } }
        }
        return errors.first.map { ReplicaFailure(reason: ControllerReason.failedDelete, message: "\($0)") }
    }

    private func deleteOne(_ pod: Pod, _ set: Owner) async -> (any Error)? {
        do {
            var options = DeleteOptions()
            // A namesake that came since then is not ours to delete.
            options.preconditions = Preconditions()
            options.preconditions?.uid = pod.metadata.uid
            try await client.delete(Pod.self, pod.metadata.name, namespace: pod.metadata.namespace, options: options)
            events.record(set, reason: ControllerReason.successfulDelete, message: "Deleted pod: \(pod.metadata.name)")
            return nil
        } catch {
            expectations.observeDeletion(set.key, uid: pod.metadata.uid)
            if let error = error as? APIError, error.isNotFound || error.isConflict { return nil }
            events.record(set, .warning, reason: ControllerReason.failedDelete, message: "Error deleting: \(error)")
            return error
        }
    }

    /// The active pods of all objects of the kind with this one's owner.
    private func related(to set: Owner) -> [Pod] {
        let siblings = set.metadata.controller.map { sets.cache.ownedBy(uid: $0.uid) } ?? [set]
        return siblings.flatMap { pods.cache.ownedBy(uid: $0.metadata.uid) }.filter(\.isActive)
    }

    /// Writes the status.
    private func write(_ counted: Owner) async throws {
        do {
            _ = try await client.updateStatus(counted)
        } catch let error as APIError where error.isNotFound {
            return
        } catch let error as APIError where error.isConflict {
            // The spec was changed meanwhile, and this status says which generation it is about: still true.
            var fresh = try await client.get(
                Owner.self, counted.metadata.name, namespace: counted.metadata.namespace)
            guard fresh.metadata.uid == counted.metadata.uid else { return }
            fresh.status = counted.status
            _ = try await client.updateStatus(fresh)
        }
    }
}

extension APIError {
    /// Whether the API refuses because the namespace is going (cause `NamespaceTerminating`).
    var isNamespaceTerminating: Bool {
        status.details?.causes.contains { $0.reason.rawValue == "NamespaceTerminating" } ?? false
    }
}
