import KubernetesAPI
import Logging
import PodRuntime

/// Keeps the node from running out of memory, disk and process numbers: looks at the signals, sets the node's conditions,
/// and evicts one pod after the other for as long as a threshold is met (kubelet: `pkg/kubelet/eviction`). Evicts pods
/// that exceed their limits of local storage, too.
///
/// It looks once in every monitoring period, and at once when `PressureTriggers` say that memory is short.
actor EvictionManager {
    /// Seconds for a pod that has to go at once.
    static let immediateGrace: Int64 = 1
    /// How long one evicted pod's end is waited for, its grace aside, before the next look (`podCleanupTimeout`).
    static let cleanupTimeout: Int64 = 30

    private let around: PodSurroundings
    private let pods: PodManager
    private let pressure: NodePressure
    private let disk: DiskUsage
    private let options: PressureOptions
    private let signals: @Sendable () async -> [EvictionSignal: SignalObservation]
    private var state: EvictionState
    private let clock: @Sendable () -> Duration
    private var storageCheckedAt: Duration?
    /// What was found low when there was no pod to evict: said once, not with each look.
    private var helpless: EvictionSignal?

    /// - Parameter signals: what the node has left of everything.
    init(
        _ around: PodSurroundings, pods: PodManager, pressure: NodePressure, disk: DiskUsage,
        signals: @escaping @Sendable () async -> [EvictionSignal: SignalObservation]
    ) {
        self.around = around
        self.pods = pods
        self.pressure = pressure
        self.disk = disk
        self.signals = signals
        options = around.configuration.pressure
        state = EvictionState(thresholds: options.watched, transitionPeriod: options.transitionPeriod)
        clock = around.time.stopwatch()
    }

    /// Works until the task is cancelled.
    func run() async {
        let (bell, ring) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let triggers = PressureTriggers(parent: around.configuration.cgroupPath, logger: around.logger) {
            ring.yield()
        }
        await withDiscardingTaskGroup { group in
            group.addTask { [time = around.time, period = options.monitoringPeriod] in
                repeat { ring.yield() } while (try? await time.sleep(for: period)) != nil
            }
            for await _ in bell {
                // What an eviction gave back may not be enough.
                while !Task.isCancelled, await synchronize() {}
            }
            group.cancelAll()
        }
        triggers.stop()
    }

    /// One look, and what follows from it. True where pods were evicted, so that another look is due at once.
    func synchronize() async -> Bool {
        let observed = await signals()
        let outcome = state.observe(observed, at: clock())
        pressure.set(outcome.conditions)
        if await enforceStorageLimits() { return true }
        guard let threshold = outcome.due.first else {
            helpless = nil
            return false
        }
        let resource = threshold.signal.resource
        around.events.record(
            .node(around.configuration.nodeName), .warning, reason: EventReason.evictionThresholdMet,
            message: "Attempting to reclaim \(resource.rawValue)")
        if threshold.signal.condition == .diskPressure, await reclaimDisk() { return false }
        for candidate in EvictionRanking.order(await candidates(resource), for: resource)
        where !candidate.pod.isCritical {
            let message = EvictionMessage.nodeLow(
                on: resource, candidate: candidate, due: outcome.due, signals: observed)
            await evict(
                [(candidate.pod, PodEviction(message: message, grace: grace(threshold), isDisruption: true))])
            return true
        }
        if helpless != threshold.signal {
            helpless = threshold.signal
            around.logger.warning(
                "the node is low on a resource and there is no pod to evict",
                metadata: ["resource": "\(resource.rawValue)", "signal": "\(threshold.signal.rawValue)"])
        }
        return false
    }

    private func grace(_ threshold: EvictionThreshold) -> Int64 {
        threshold.isHard ? Self.immediateGrace : max(options.maxPodGracePeriod, Self.immediateGrace)
    }

    // MARK: Pods

    private func candidates(_ resource: EvictionResource) async -> [EvictionCandidate] {
        var found: [EvictionCandidate] = []
        for pod in await pods.evictable() {
            found.append(EvictionCandidate(pod: pod, usage: await usage(of: pod, resource)))
        }
        return found
    }

    /// The disk is walked where it is the disk that is short.
    private func usage(of pod: Pod, _ resource: EvictionResource) async -> PodUsage? {
        switch resource {
        case .memory, .pids:
            return (try? await around.runtime.statistics(of: pod.metadata.uid)).map { PodUsage($0) }
        case .ephemeralStorage, .inodes:
            return PodUsage(await disk.usage(of: pod, maxAge: options.monitoringPeriod))
        }
    }

    /// Ends pods, and waits until they are gone; not for ever.
    private func evict(_ evictions: [(pod: Pod, eviction: PodEviction)]) async {
        await withDiscardingTaskGroup { group in
            for (pod, eviction) in evictions {
                around.logger.notice(
                    "evicting a pod", metadata: ["pod": "\(pod.key)", "message": "\(eviction.message)"])
                group.addTask { [pods] in
                    let patience = Duration.seconds(eviction.grace + Self.cleanupTimeout)
                    await pods.evict(pod.metadata.uid, eviction, patience: patience)
                }
            }
        }
    }

    // MARK: Disk

    /// Evicts the pods that keep more on the disk than they may. Once a period, however often it is looked; pods without
    /// such limits are not measured.
    private func enforceStorageLimits() async -> Bool {
        let now = clock()
        if let storageCheckedAt, now - storageCheckedAt < options.monitoringPeriod { return false }
        storageCheckedAt = now
        var exceeding: [(Pod, PodEviction)] = []
        for pod in await pods.evictable() where !pod.isCritical {
            guard let limits = LocalStorageLimits(pod.spec) else { continue }
            let kept = await disk.usage(of: pod, maxAge: options.monitoringPeriod / 2)
            guard let message = limits.violation(PodUsage(kept)) else { continue }
            exceeding.append((pod, PodEviction(message: message, grace: Self.immediateGrace, isDisruption: false)))
        }
        await evict(exceeding)
        return !exceeding.isEmpty
    }

    /// Removes what no pod needs before pods are taken. True where that was enough.
    ///
    /// What ended attempts have written into their root is removed when they end; their logs are left. Images were put
    /// here by hand and could not be fetched again: they stay.
    private func reclaimDisk() async -> Bool {
        let root = around.configuration.logDirectory
        let directories = await pods.presentPods().map {
            SandboxConfiguration.logDirectory(of: $0.metadata, root: root)
        }
        let removed = (try? await around.volumes.pool.run { OldLogs.remove(in: directories) }) ?? 0
        guard removed > 0 else { return false }
        around.logger.notice("removed logs of ended containers", metadata: ["files": "\(removed)"])
        return state.isRelieved(await signals())
    }
}
