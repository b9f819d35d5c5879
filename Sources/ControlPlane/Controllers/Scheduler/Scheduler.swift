import KubernetesAPI
import Logging
import Synchronization

/// Gives each pod without a node one that it fits on, the most important first, of equals the one that has waited
/// longest. A pod that fits on none is told why, and tried again when something changed that may help: a node, or a pod
/// that went.
final class Scheduler: Controller {
    /// `spec.schedulerName` of the pods that are this scheduler's.
    static let name = "default-scheduler"
    private static let firstBackoff = Duration.seconds(1)
    private static let maxBackoff = Duration.seconds(10)
    /// How long a pod waits at most though nothing has changed.
    private static let flushAfter = Duration.seconds(300)

    private struct Waiting {
        var attempts: Int
        var lastAttempt: Duration
        /// The number of its last attempt among those of all pods.
        var turn: Int
    }

    /// What was decided of a pod, and is still to be written.
    private enum Verdict {
        case bind(Pod, node: String)
        case report(Pod, ClusterView.Misfit)
    }

    private struct State {
        var view = ClusterView()
        /// Pods that found no node.
        var waiting: [ObjectKey: Waiting] = [:]
        var turns = 0
        var verdicts: [ObjectKey: Verdict] = [:]

        /// Whether a node is being written into the pod.
        func isBeingBound(_ key: ObjectKey) -> Bool {
            if case .bind = verdicts[key] { true } else { false }
        }
    }

    private let client: APIClient
    private let time: TimeSource
    private let elapsed: @Sendable () -> Duration
    private let logger: Logger
    private let pods: Informer<Pod>
    private let events: EventRecorder
    /// Pods to be decided on.
    private let queue: WorkQueue<ObjectKey>
    /// Pods of which a verdict is to be written.
    private let writes: WorkQueue<ObjectKey>
    private let state = Mutex(State())

    init(
        client: APIClient, pods: Informer<Pod>, nodes: Informer<Node>, events: EventRecorder, time: TimeSource,
        logger: Logger
    ) {
        self.client = client
        self.time = time
        self.logger = logger
        self.pods = pods
        self.events = events
        elapsed = time.stopwatch()
        queue = WorkQueue(time: time) { [pods] in Int(pods.cache[$0]?.spec.priority ?? 0) }
        writes = WorkQueue(time: time)
        nodes.onChange { [weak self] in self?.nodeChanged($0) }
        pods.onChange { [weak self] in self?.podChanged($0) }
    }

    /// Works until the task is cancelled. The informers run elsewhere and are synced before.
    ///
    /// Decisions are made one at a time, so that nobody gets room that a more important pod waits for; what was decided
    /// is written by several workers beside that.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in
                await writes.run(workers: 16, logger: logger, "a pod's node is not written yet") { [self] in
                    try await carryOut($0)
                }
            }
            await queue.run(logger: logger, "pod not scheduled yet") { [self] in schedule($0) }
        }
    }

    // MARK: What changed

    private func nodeChanged(_ change: ObjectChange<Node>) {
        switch change {
        case .synced: return
        case .added(let node):
            state.withLock { $0.view.set(node) }
        case .modified(let old, let node):
            state.withLock { $0.view.set(node) }
            // A heartbeat changes nothing that a pod waits for.
            guard
                old.spec != node.spec || old.status.allocatable != node.status.allocatable
                    || old.metadata.labels != node.metadata.labels
            else { return }
        case .deleted(let node):
            return state.withLock { $0.view.remove(node) }
        }
        retryWaiting()
    }

    private func podChanged(_ change: ObjectChange<Pod>) {
        switch change {
        case .synced: return
        case .added(let pod), .modified(_, let pod):
            if pod.isTerminated { return podGone(pod) }
            if !pod.spec.nodeName.isEmpty {
                let madeRoom = state.withLock { state in
                    state.waiting[pod.key] = nil
                    return state.view.place(pod, on: pod.spec.nodeName)
                }
                if madeRoom { retryWaiting() }
            } else if isMine(pod) {
                // A change of a pod's status (such as the one that says that it found no node) is none to it.
                if case .modified(let old, let new) = change, old.spec == new.spec,
                    old.metadata.labels == new.metadata.labels, old.metadata.uid == new.metadata.uid,
                    old.metadata.resourceVersion != new.metadata.resourceVersion
                {
                    return
                }
                // A promise from before this program started.
                if case .added = change, !pod.status.nominatedNodeName.isEmpty {
                    state.withLock { $0.view.nominate(pod, on: pod.status.nominatedNodeName) }
                }
                queue.add(pod.key)
            }
        case .deleted(let pod): podGone(pod)
        }
    }

    private func podGone(_ pod: Pod) {
        let madeRoom = state.withLock { state in
            state.waiting[pod.key] = nil
            return state.view.withdraw(pod.key)
        }
        if madeRoom { retryWaiting() }
    }

    private func isMine(_ pod: Pod) -> Bool {
        pod.spec.nodeName.isEmpty && !pod.metadata.isBeingDeleted && !pod.isTerminated
            && pod.spec.schedulingGates.isEmpty
            && (pod.spec.schedulerName.isEmpty || pod.spec.schedulerName == Self.name)
    }

    /// Tries the pods that wait, each when its back-off since its last attempt is over.
    private func retryWaiting() {
        let now = elapsed()
        let waiting = state.withLock { $0.waiting }
        // Who is idle takes the first at once.
        let order = waiting.sorted { left, right in
            func rank(_ entry: (key: ObjectKey, value: Waiting)) -> (Int32, Int) {
                (-(pods.cache[entry.key]?.spec.priority ?? 0), entry.value.turn)
            }
            return rank(left) < rank(right)
        }
        for (key, pod) in order {
            let backoff = min(Self.firstBackoff * (1 << min(pod.attempts - 1, 8)), Self.maxBackoff)
            queue.add(key, after: pod.lastAttempt + backoff - now)
        }
    }

    // MARK: Making it so

    private func schedule(_ key: ObjectKey) -> WorkQueue<ObjectKey>.Outcome {
        guard let pod = pods.cache[key], isMine(pod) else {
            state.withLock { $0.waiting[key] = nil }
            return .done
        }
        let now = elapsed()
        // In one step with the decision, so that a change that comes right after it finds the pod waiting.
        let outcome: WorkQueue<ObjectKey>.Outcome? = state.withLock { state in
            // It comes again if that fails.
            guard !state.isBeingBound(key) else { return nil }
            switch state.view.schedule(pod) {
            case .success(let node):
                state.verdicts[key] = .bind(pod, node: node)
                return .done
            case .failure(let misfit):
                state.turns += 1
                state.waiting[key] = Waiting(
                    attempts: (state.waiting[key]?.attempts ?? 0) + 1, lastAttempt: now, turn: state.turns)
                state.verdicts[key] = .report(pod, misfit)
                return .again(after: Self.flushAfter)
            }
        }
        guard let outcome else { return .done }
        writes.add(key)
        return outcome
    }

    private func carryOut(_ key: ObjectKey) async throws {
        switch state.withLock({ $0.verdicts[key] }) {
        case nil: return
        case .bind(let pod, let node):
            do {
                try await bind(pod, to: node)
            } catch {
                state.withLock { state in
                    state.verdicts[key] = nil
                    _ = state.view.withdraw(key)
                }
                // What is known of the pod may be old: after a moment it is looked at again.
                queue.addRateLimited(key)
                guard let error = error as? APIError, error.isNotFound || error.isConflict else { throw error }
                return
            }
            state.withLock { $0.verdicts[key] = nil }
            events.record(
                pod, reason: ControllerReason.scheduled, message: "Successfully assigned \(pod.key) to \(node)")
        case .report(let decided, let misfit):
            guard let pod = pods.cache[key], pod.metadata.uid == decided.metadata.uid, isMine(pod) else {
                state.withLock { $0.verdicts[key] = nil }
                return
            }
            events.record(pod, .warning, reason: ControllerReason.failedScheduling, message: misfit.message)
            // Taken now: a newer one may come while this one is written.
            state.withLock { $0.verdicts[key] = nil }
            do {
                if let preemption = misfit.preemption { try await preempt(preemption, for: pod) }
                try await report(misfit, on: pod)
            } catch {
                state.withLock { state in
                    if state.verdicts[key] == nil { state.verdicts[key] = .report(decided, misfit) }
                }
                throw error
            }
        }
    }

    /// `POST .../pods/{name}/binding`.
    private func bind(_ pod: Pod, to node: String) async throws {
        var binding = Binding()
        binding.metadata.name = pod.metadata.name
        binding.metadata.namespace = pod.metadata.namespace
        // A namesake that came since then is another pod.
        binding.metadata.uid = pod.metadata.uid
        binding.target.kind = Node.groupVersionKind.kind
        binding.target.name = node
        _ = try await client.transport.send(
            APIRequest(
                verb: .create, group: "", version: "v1", resource: "pods", namespace: pod.metadata.namespace,
                name: pod.metadata.name, subresource: "binding", body: binding.json))
    }

    /// Lets the victims go, each with its grace period. They are told of in their status, so that whoever owns them
    /// knows why.
    private func preempt(_ preemption: ClusterView.Preemption, for pod: Pod) async throws {
        for victim in preemption.victims where !victim.isGoing {
            guard let present = pods.cache[victim.key], present.metadata.uid == victim.uid else { continue }
            do {
                try await markDisrupted(present)
                var options = DeleteOptions()
                options.preconditions = Preconditions()
                options.preconditions?.uid = victim.uid
                try await client.delete(
                    Pod.self, present.metadata.name, namespace: present.metadata.namespace, options: options)
            } catch let error as APIError where error.isNotFound || error.isConflict {
                continue
            }
            events.record(
                present, reason: ControllerReason.preempted,
                message: "Preempted by pod \(pod.metadata.uid) on node \(preemption.node)")
        }
    }

    private func markDisrupted(_ victim: Pod) async throws {
        var condition = PodCondition()
        condition.type = .disruptionTarget
        condition.status = .true
        condition.reason = ControllerReason.preemptionByScheduler
        condition.message = "\(Self.name): preempting to accommodate a higher priority pod"
        condition.observedGeneration = victim.metadata.generation
        condition.lastTransitionTime = time.now
        let patch: JSONValue = [
            "metadata": ["uid": .string(victim.metadata.uid)], "status": ["conditions": [condition.json]],
        ]
        _ = try await client.transport.send(
            APIRequest(
                verb: .patch, group: "", version: "v1", resource: "pods", namespace: victim.metadata.namespace,
                name: victim.metadata.name, subresource: "status", patchType: .strategic, body: patch))
    }

    private func report(_ misfit: ClusterView.Misfit, on pod: Pod) async throws {
        var pod = pod
        let present = pod.status.conditions.first { $0.type == .podScheduled }
        var condition = PodCondition()
        condition.type = .podScheduled
        condition.status = .false
        condition.reason = ControllerReason.unschedulable
        condition.message = misfit.message
        condition.observedGeneration = pod.metadata.generation
        let isTurn = present?.status != .false || present?.lastTransitionTime == nil
        condition.lastTransitionTime = isTurn ? time.now : present?.lastTransitionTime
        let nominated = misfit.nominatedNode ?? ""
        guard condition != present || pod.status.nominatedNodeName != nominated else { return }
        pod.status.nominatedNodeName = nominated
        pod.status.conditions.removeAll { $0.type == .podScheduled }
        pod.status.conditions.append(condition)
        if pod.status.phase.isEmpty { pod.status.phase = .pending }
        do {
            _ = try await client.updateStatus(pod)
        } catch let error as APIError where error.isNotFound {
            return
        }
    }
}
