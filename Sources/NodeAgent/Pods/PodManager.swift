import KubernetesAPI
import Logging
import PodRuntime

/// Knows every pod of the node: gives each one its worker, and each worker its messages.
actor PodManager {
    /// Work that outlives a call: workers, and the removal of what nobody asks for any more.
    typealias Job = @Sendable () async -> Void

    private let around: PodSurroundings
    private let pressure: NodePressure
    private let start: @Sendable (@escaping Job) -> Void
    private var workers: [String: PodWorker] = [:]
    private var byKey: [ObjectKey: String] = [:]
    /// Pods that are done with here but may still be in a list: they get no second worker.
    private var finished: Set<String> = []
    /// What the runtime found at the start, until the API has said what is to become of it.
    private var recovered: [String: SandboxStatus]
    /// What resizes had allocated to pods, from disk.
    private var allocations: [String: PodAllocation]
    private var isSynced = false

    /// - Parameters:
    ///   - recovered: what `Runtime.recover` returned.
    ///   - allocations: what resizes had allocated, from disk.
    ///   - start: runs a job beside everything else.
    init(
        _ around: PodSurroundings, pressure: NodePressure, recovered: [SandboxStatus],
        allocations: [String: PodAllocation] = [:], start: @escaping @Sendable (@escaping Job) -> Void
    ) {
        self.around = around
        self.pressure = pressure
        self.start = start
        self.allocations = allocations
        self.recovered = Dictionary(recovered.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
    }

    // MARK: Objects

    func take(_ event: ReflectorEvent<Pod>) {
        switch event {
        case .synced(let pods):
            let present = Set(pods.map(\.metadata.uid))
            for (uid, worker) in workers where !present.contains(uid) { worker.inbox.post(.absent) }
            finished.formIntersection(present)
            if !isSynced { restoreCPUs(pods) }
            // Older pods first: they were here before, and have the room.
            for pod in pods.sorted(by: Self.isEarlier) { observe(pod) }
            if !isSynced {
                isSynced = true
                removeOrphans(present)
            }
        case .added(let pod), .modified(let pod): observe(pod)
        case .deleted(let pod):
            finished.remove(pod.metadata.uid)
            if let worker = workers[pod.metadata.uid] {
                worker.inbox.post(.observed(pod))
                worker.inbox.post(.absent)
            }
        }
    }

    private static func isEarlier(_ left: Pod, _ right: Pod) -> Bool {
        let (a, b) = (left.status.startTime?.seconds ?? .max, right.status.startTime?.seconds ?? .max)
        return (a, left.metadata.creationTimestamp?.seconds ?? 0, left.key)
            < (b, right.metadata.creationTimestamp?.seconds ?? 0, right.key)
    }

    private func observe(_ pod: Pod) {
        let uid = pod.metadata.uid
        if let worker = workers[uid] {
            worker.inbox.post(.observed(pod))
        } else if !finished.contains(uid) {
            begin(pod)
        }
    }

    private func begin(_ pod: Pod) {
        let uid = pod.metadata.uid
        var facts = PodFacts(
            recovering: pod, sandbox: recovered.removeValue(forKey: uid),
            allocation: allocations.removeValue(forKey: uid), backoffCap: around.configuration.crashBackoffCap,
            now: around.now)
        // A pod that was let in once stays.
        let isNew = pod.status.startTime == nil && !facts.hadSandbox
        if facts.lifecycle == .active || facts.lifecycle == .terminating,
            let rejection = (isNew && facts.lifecycle == .active ? pressure.rejection(of: pod) : nil)
                ?? around.ledger.admit(facts.allocatedPod, isKnown: !isNew || facts.lifecycle == .terminating)
        {
            facts.requestEnd(.failure(reason: rejection.reason, message: rejection.message))
            around.record(pod, .warning, reason: rejection.reason, message: rejection.message)
        }
        let unenforced = UnenforceableLimits(of: facts.allocatedPod, around).message
        if facts.lifecycle == .active, let message = unenforced {
            if !around.configuration.bestEffortLimits { facts.unenforceable = message }
            if isNew { around.record(pod, .warning, reason: EventReason.unenforceableLimits, message: message) }
        }
        let worker = PodWorker(facts, around: around, unenforced: unenforced)
        around.ledger.attach(worker.inbox, to: uid)
        workers[uid] = worker
        byKey[pod.key] = uid
        start { [weak self] in
            await worker.run()
            await self?.ended(worker)
        }
    }

    /// Before any pod is let in: what containers run on is taken.
    private func restoreCPUs(_ pods: [Pod]) {
        for pod in pods {
            guard let sandbox = recovered[pod.metadata.uid] else { continue }
            // The latest attempt's.
            let present = Dictionary(
                sandbox.containers.compactMap { status in status.resources?.cpus.map { (status.name, $0) } },
                uniquingKeysWith: { $1 })
            around.ledger.restore(pod, present: present)
        }
    }

    private func ended(_ worker: PodWorker) {
        around.ledger.release(worker.uid)
        workers[worker.uid] = nil
        if byKey[worker.key] == worker.uid { byKey[worker.key] = nil }
        finished.insert(worker.uid)
    }

    /// Sandboxes and volumes of pods that the API does not know (any more).
    private func removeOrphans(_ present: Set<String>) {
        for (uid, sandbox) in recovered {
            around.logger.notice(
                "removing a pod that is not in the API",
                metadata: ["pod": "\(sandbox.configuration.namespace)/\(sandbox.configuration.name)", "uid": "\(uid)"])
            start { [around] in
                do {
                    try await around.runtime.removeSandbox(uid, removeLogs: true)
                } catch {
                    around.logger.error("orphan not removed", metadata: ["uid": "\(uid)", "error": "\(error)"])
                }
            }
        }
        recovered = [:]
        for uid in allocations.keys {
            start { [around] in
                try? await around.volumes.pool.run { [store = around.allocations] in try store.remove(uid) }
            }
        }
        allocations = [:]
        start { [around] in
            let known = (try? await around.volumes.pool.run { [store = around.volumes.store] in store.pods() }) ?? []
            for uid in known.subtracting(present) {
                do { try await around.volumes.removeAll(uid: uid) } catch {
                    around.logger.error(
                        "orphaned volumes not removed", metadata: ["uid": "\(uid)", "error": "\(error)"])
                }
            }
        }
    }

    // MARK: Processes

    func take(_ event: RuntimeEvent) {
        switch event {
        case .containerExited(let sandbox, let status):
            if let worker = workers[sandbox] {
                worker.inbox.post(.exited(status))
            } else if let index = recovered[sandbox]?.containers.firstIndex(where: {
                $0.name == status.name && $0.attempt == status.attempt
            }) {
                recovered[sandbox]?.containers[index] = status
            }
        case .oomKilled(let sandbox, let container, let kill):
            workers[sandbox]?.inbox.post(.oomKilled(container, kill))
        case .sandboxLost(let id, let reason):
            if let worker = workers[id] {
                worker.inbox.post(.sandboxLost(reason: reason))
            } else {
                recovered[id]?.state = .notReady
            }
        }
    }

    // MARK: Eviction

    /// Pods that have something to give back.
    func evictable() async -> [Pod] {
        var found: [Pod] = []
        for worker in workers.values {
            if let pod = await worker.evictable { found.append(pod) }
        }
        return found
    }

    /// Ends a pod that the node cannot keep, and waits until nothing of it is left, at most for `patience`.
    func evict(_ uid: String, _ eviction: PodEviction, patience: Duration) async {
        guard let worker = workers[uid] else { return }
        worker.inbox.post(.evict(eviction))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await worker.cleared.wait() }
            group.addTask { [time = around.time] in try? await time.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Every worker looks at everything again.
    func resync() {
        for worker in workers.values { worker.inbox.post(.resync) }
    }

    /// Every pod that this node has, with the status that it knows.
    func presentPods() async -> [Pod] {
        var pods: [Pod] = []
        for worker in workers.values { pods.append(await worker.present) }
        return pods
    }

    /// The worker of the pod of a name; nil where this node has no such pod.
    func worker(of key: ObjectKey) -> PodWorker? { byKey[key].flatMap { workers[$0] } }
}
