import KubernetesAPI
import Logging
import PodRuntime
import Synchronization

/// Keeps one pod as its object asks for: takes messages, keeps the facts, does what the plan says and tells the API.
///
/// What takes time runs beside it and comes back as a message, so nothing is assumed across a wait: the facts are only
/// changed by `apply`, and each operation is marked in them before it begins.
actor PodWorker {
    nonisolated let uid: String
    nonisolated let key: ObjectKey
    nonisolated let inbox = PodInbox()

    var facts: PodFacts
    let around: PodSurroundings
    private let executor: PodExecutor
    private let writer: PodStatusWriter
    /// Volume to path on the host, once they are prepared.
    private var volumes: [String: String] = [:]
    /// As last derived.
    private var status: PodStatus
    /// A pod that had ended before this agent began is not told of anew.
    private let isSilent: Bool
    private var isFinalSubmitted = false
    /// Why limits of this pod are not enforced, where they are not and the node was told to go on without.
    var unenforced: String?
    /// Followers of logs, by attempt: open once it has ended.
    private var ends: [AttemptKey: Gate] = [:]
    private var probes: [ProbeKey: Task<Void, Never>] = [:]
    /// The earliest time that a timer is set to; nanoseconds since 1970.
    private var timer: Int64?

    private struct AttemptKey: Hashable {
        var container: String
        var attempt: Int
    }

    private struct ProbeKey: Hashable {
        var container: String
        var attempt: Int
        var kind: ProbeKind
    }

    init(_ facts: PodFacts, around: PodSurroundings, unenforced: String? = nil) {
        var facts = facts
        for container in facts.pod.spec.initContainers + facts.pod.spec.containers {
            // Whether a hook after a start was done before this agent began is not known; it is not run again.
            facts.containers[container.name]?.settleProbes(of: container)
        }
        self.facts = facts
        uid = facts.pod.metadata.uid
        key = facts.pod.key
        status = facts.pod.status
        isSilent = facts.isEndReported
        self.around = around
        self.unenforced = unenforced
        executor = PodExecutor(around: around)
        writer = PodStatusWriter(facts.pod, client: around.client, time: around.time, logger: around.logger)
    }

    /// Open once nothing of the pod is left on the node but its logs.
    nonisolated let cleared = Gate()

    /// The pod, where it has something that an eviction would give back.
    var evictable: Pod? { facts.lifecycle == .active && facts.sandbox == .up ? present : nil }

    /// The pod as this node knows it now, with the status that is not in the API yet.
    var present: Pod {
        var pod = facts.pod
        pod.status = status
        return pod
    }

    /// Returns when an attempt of a container has ended, or when the worker has.
    func waitForEnd(of container: String, attempt: Int) async {
        guard let latest = facts.facts(container).latest, latest.number <= attempt, latest.end == nil else { return }
        let key = AttemptKey(container: container, attempt: attempt)
        let gate = ends[key] ?? Gate()
        ends[key] = gate
        try? await gate.wait()
    }

    /// Works until nothing is left of the pod, or until the task is cancelled; then the pod goes on without it.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [writer, inbox, present = facts.pod.status] in
                await writer.run(present: present) { inbox.post($0) }
            }
            for (name, container) in facts.containers where container.isRunning { startProbes(of: name) }
            refreshCgroups()
            reconsiderResources()
            inbox.post(.wake)
            for await _ in inbox.bell {
                for message in inbox.take() { apply(message) }
                facts.advance(now: around.now)
                if !isHolding { around.ledger.release(uid) }
                if [.over, .deleting, .gone].contains(facts.lifecycle) { cleared.open() }
                if facts.lifecycle == .gone { break }
                finishResize()
                act(&group)
                publish()
            }
            group.cancelAll()
        }
        cleared.open()
        for end in ends.values { end.open() }
        for probe in probes.values { probe.cancel() }
        for probe in probes.values { await probe.value }
        if facts.lifecycle == .gone { await executor.removeLogs(of: facts.pod.metadata) }
    }

    /// Its processes have not ended yet, or have not begun: what it was given is not free.
    private var isHolding: Bool {
        // One that was refused has nothing; one that was evicted or ran out of time has it until its processes ended.
        if case .failure = facts.ending, !facts.hadSandbox { return false }
        return facts.lifecycle == .active || facts.lifecycle == .terminating
    }

    // MARK: Acting

    private func act(_ group: inout DiscardingTaskGroup) {
        let now = around.now
        let plan = facts.plan(now: now)
        for operation in plan.operations {
            announce(operation)
            facts.begin(operation)
            let context = PodExecutor.Context(
                pod: facts.allocatedPod, cgroups: facts.desired, addresses: facts.addresses, volumes: volumes,
                hasSandbox: facts.hadSandbox,
                wasResized: facts.resize.isStored)
            group.addTask { [executor, inbox] in inbox.post(await executor.perform(operation, context)) }
        }
        guard let wakeAt = plan.wakeAt, timer.map({ wakeAt < $0 || $0 <= now }) ?? true else { return }
        timer = wakeAt
        group.addTask { [around, inbox] in
            try? await around.time.sleep(for: .nanoseconds(max(wakeAt - now, 0)))
            inbox.post(.wake)
        }
    }

    private func announce(_ operation: PodOperation) {
        switch operation {
        case .startSandbox where facts.hadSandbox:
            around.record(
                facts.pod, reason: EventReason.sandboxChanged,
                message: "Pod sandbox changed, it will be killed and re-created.")
        case .preStop(let name, _, let cause, _): announceStop(of: name, cause)
        // Said before its hook, where it has one.
        case .stopContainer(let name, let cause, _) where facts.facts(name).preStop == .due:
            announceStop(of: name, cause)
        default: break
        }
    }

    private func announceStop(of name: String, _ cause: StopCause) {
        guard facts.facts(name).stopping == nil else { return }
        switch cause {
        case .podEnds:
            around.record(
                facts.pod, reason: EventReason.killing, message: "Stopping container \(name)", container: name)
        case .resize:
            around.record(
                facts.pod, reason: EventReason.killing, message: ResizeWording.restart(name), container: name)
        // Said with what had failed.
        case .unhealthy: break
        }
    }

    /// Tells the API how the pod is, if that has changed.
    private func publish() {
        if isSilent || facts.isAbsent { return }
        let derivation = PodStatusDerivation(
            facts: facts, previous: status, nodeAddresses: around.nodeAddresses, now: around.now, unenforced: unenforced
        )
        let derived = derivation.status()
        let isFinal = derivation.isOver
        guard derived != status || (isFinal && !isFinalSubmitted) else { return }
        announceBackoff(derived)
        status = derived
        isFinalSubmitted = isFinal
        writer.submit(derived, isFinal: isFinal)
    }

    /// `BackOff` once for each time that a container begins to wait.
    private func announceBackoff(_ derived: PodStatus) {
        let before = Dictionary(
            (status.initContainerStatuses + status.containerStatuses).map { ($0.name, $0.state.waiting?.reason) },
            uniquingKeysWith: { $1 })
        for container in derived.initContainerStatuses + derived.containerStatuses {
            guard let reason = container.state.waiting?.reason, before[container.name] != reason else { continue }
            switch reason {
            case WaitingReason.crashLoopBackOff:
                around.record(
                    facts.pod, .warning, reason: EventReason.backOff,
                    message: "Back-off restarting failed container \(container.name) in pod "
                        + Wording.pod(facts.pod.metadata), container: container.name)
            case WaitingReason.imagePullBackOff:
                around.record(
                    facts.pod, reason: EventReason.backOff, message: "Back-off pulling image \"\(container.image)\"",
                    container: container.name)
                around.record(
                    facts.pod, .warning, reason: EventReason.failed, message: "Error: \(reason)",
                    container: container.name)
            default: break
            }
        }
    }

    // MARK: Messages

    private func apply(_ message: PodMessage) {
        let now = around.now
        switch message {
        case .observed(let pod):
            observe(pod)
            if facts.isDeletionRequested { endProbes { $0.kind != .readiness } }
        case .absent: facts.observeAbsence()
        case .evict(let eviction):
            guard facts.lifecycle == .active else { break }
            facts.evict(eviction)
            around.record(facts.pod, .warning, reason: EventReason.evicted, message: eviction.message)
            endProbes { $0.kind != .readiness }
        case .exited(let status): ended(Attempt(status), of: status.name, now)
        case .oomKilled(let name, let kill): announce(kill, of: name, ended: false)
        case .resizeGranted(let allocation): allocate(allocation)
        case .cpusChanged: refreshCgroups()
        case .allocationSaved(let allocation, let error): saved(allocation, error, now)
        case .resourcesChanged(let steps, let error): resourcesChanged(steps, error, now)
        case .sandboxLost(let reason):
            guard facts.sandbox == .up || facts.sandbox == .starting else { break }
            around.logger.warning("sandbox lost", metadata: ["pod": "\(key)", "reason": "\(reason)"])
            facts.loseSandbox(at: now)
            endProbes { _ in true }
            for end in ends.values { end.open() }
            ends = [:]
        case .sandboxStarted(let result): sandboxStarted(result, now)
        case .sandboxCleared(let error):
            facts.sandbox = error == nil ? .none : .lost
            if error != nil { facts.sandboxRetryAt = now + facts.sandboxRetry.next().nanoseconds }
        case .volumesPrepared(.success(let prepared)):
            volumes = prepared.paths
            facts.volumes = .done
            facts.volumeRefreshAt = prepared.refreshAt
            facts.volumeRetry.reset()
        case .volumesPrepared(.failure):
            facts.volumes = .due
            facts.volumeRetryAt = now + facts.volumeRetry.next().nanoseconds
        case .hostPortsClaimed(let error):
            facts.hostPorts = error == nil ? .done : .due
            if error != nil { facts.hostPortRetryAt = now + facts.hostPortRetry.next().nanoseconds }
        case .containerStarted(let name, let attempt): started(attempt, name, now)
        case .containerFailed(let name, let attempt, let failure): failed(name, attempt, failure, now)
        case .postStarted(let name, let attempt, let isGood): postStarted(name, attempt, isGood)
        case .leftServices: facts.departure = .done
        case .preStopped(let name, let attempt):
            if facts.containers[name]?.latest?.number == attempt { facts.containers[name]?.preStop = .done }
        case .containerStopped(let name, let result): stopped(name, result, now)
        case .logRead(let name, let attempt, let text):
            if facts.containers[name]?.latest?.number == attempt {
                facts.containers[name]?.latest?.end?.message = text
            }
        case .tornDown(let error):
            facts.removal = error == nil ? .done : .due
            if error == nil { facts.sandbox = .none }
            if error != nil { facts.removalRetryAt = now + facts.removalRetry.next().nanoseconds }
        case .objectDeleted(let error):
            facts.deletion = error == nil ? .done : .due
            if error != nil { facts.removalRetryAt = now + facts.removalRetry.next().nanoseconds }
        case .statusWritten(let isFinal): if isFinal { facts.isEndReported = true }
        case .probed(let name, let attempt, let kind, let report): probed(name, attempt, kind, report)
        case .wake: timer = nil
        case .resync: resync()
        }
    }

    private func sandboxStarted(_ result: Result<SandboxStatus, RuntimeError>, _ now: Int64) {
        switch result {
        case .success(let sandbox):
            facts.sandbox = .up
            facts.hadSandbox = true
            facts.addresses = sandbox.addresses
            facts.appliedPod = sandbox.configuration.resources
            facts.sandboxRetry.reset()
            if !facts.pod.hostPortClaims.isEmpty { facts.hostPorts = .due }
        case .failure(let error):
            facts.sandbox = .none
            if error.kind == .unenforceable {
                refuse(error.message)
            } else {
                facts.sandboxRetryAt = now + facts.sandboxRetry.next().nanoseconds
            }
        }
    }

    /// The pod waits, for a host that can do what it asks for, and says so.
    private func refuse(_ message: String) {
        facts.unenforceable = message
        around.record(facts.pod, .warning, reason: EventReason.unenforceableLimits, message: message)
    }

    private func started(_ attempt: Attempt, _ name: String, _ now: Int64) {
        guard let container = container(name) else { return }
        facts.containers[name]?.started(attempt, of: container, at: now)
        startProbes(of: name)
    }

    private func postStarted(_ name: String, _ attempt: Int, _ isGood: Bool) {
        guard let container = container(name), let known = facts.containers[name], known.isInPostStart,
            known.latest?.number == attempt
        else { return }
        if isGood {
            facts.containers[name]?.postStart = .done
            facts.containers[name]?.settleProbes(of: container)
            startProbes(of: name)
        } else if !facts.lifecycle.isEnding {
            // Read first: see `concluded`.
            let grace = facts.pod.spec.terminationGracePeriodSeconds ?? 30
            facts.containers[name]?.restartGrace = grace
            around.record(
                facts.pod, reason: EventReason.killing, message: EventReason.failedPostStartHook, container: name)
        }
    }

    private func failed(_ name: String, _ attempt: Int, _ failure: ContainerFailure, _ now: Int64) {
        guard var known = facts.containers[name] else { return }
        known.isStarting = false
        if failure.isUnenforceable { refuse(failure.message) }
        var retry: Duration
        switch failure.kind {
        case .image: retry = known.imageRetry.next()
        case .other: retry = known.otherRetry.next()
        case .start:
            // It counts as a run that ended at once, and waits as one that crashes.
            retry = min(CrashBackoff.first, around.configuration.crashBackoffCap)
            known.ended(
                Attempt(
                    number: attempt, id: "", image: container(name)?.image ?? "", imageID: "", startedAt: nil,
                    end: Attempt.End(
                        code: 128, signal: 0, finishedAt: now, reason: TerminatedReason.startError,
                        message: failure.message)), at: now)
        }
        known.failure = StartFailure(
            kind: failure.kind, reason: failure.reason, message: failure.message, failedAt: now,
            retryAt: now + retry.nanoseconds)
        // From the second time on it is a crash loop.
        if failure.kind == .start, known.backoff.delay != nil { known.failure = nil }
        facts.containers[name] = known
    }

    private func stopped(
        _ name: String, _ result: Result<RuntimeContainerStatus?, RuntimeError>, _ now: Int64
    ) {
        switch result {
        case .success(let status?): ended(Attempt(status), of: name, now)
        case .success(nil):
            // Stopped, and nobody knows how: the runtime has no such container.
            guard var attempt = facts.facts(name).latest, attempt.end == nil else { break }
            attempt.end = .unknown(at: now)
            ended(attempt, of: name, now)
        case .failure:
            facts.containers[name]?.stopping = nil
            facts.containers[name]?.stopRetryAt = now + 1_000_000_000
        }
    }

    private func ended(_ attempt: Attempt, of name: String, _ now: Int64) {
        guard let known = facts.containers[name] else { return }
        facts.containers[name]?.ended(attempt, at: now)
        if let kill = attempt.end?.oom, known.end == nil || known.latest?.number != attempt.number {
            announce(kill, of: name, ended: true)
        }
        endProbes { $0.container == name && $0.attempt == attempt.number }
        ends.removeValue(forKey: AttemptKey(container: name, attempt: attempt.number))?.open()
        if container(name)?.terminationMessagePolicy.rawValue == "FallbackToLogsOnError", let end = attempt.end,
            end.code != 0, end.message.isEmpty
        {
            facts.containers[name]?.needsMessage = true
        }
    }

    private func resync() {
        // A write that was lost, or another's hand: what the node knows is told again.
        if !isSilent, facts.pod.status != status, !facts.isAbsent {
            writer.submit(status, isFinal: isFinalSubmitted)
        }
        guard facts.lifecycle == .active, facts.volumes == .done, PodVolumes.needRefresh(facts.pod) else { return }
        facts.volumes = .due
    }

    private func container(_ name: String) -> Container? {
        (facts.pod.spec.initContainers + facts.pod.spec.containers).first { $0.name == name }
    }

    // MARK: Probes

    /// Starts those probes of a running container that are due: liveness and readiness wait for the startup probe.
    private func startProbes(of name: String) {
        let known = facts.facts(name)
        guard let container = container(name), let attempt = known.latest, known.isRunning, !known.isInPostStart
        else { return }
        var wanted: [(ProbeKind, Probe?)] = [
            (.readiness, container.readinessProbe), (.liveness, container.livenessProbe),
        ]
        if !known.hasStarted { wanted = [(.startup, container.startupProbe)] }
        if facts.lifecycle.isEnding { wanted.removeAll { $0.0 != .readiness } }
        for case (let kind, let probe?) in wanted {
            let key = ProbeKey(container: name, attempt: attempt.number, kind: kind)
            guard probes[key] == nil else { continue }
            let target: ProbeTarget
            do {
                target = try ProbeTarget(
                    probe, container: container,
                    podAddress: around.address(of: facts.pod, addresses: facts.addresses),
                    version: ProbeTarget.agentVersion(around.configuration.kubernetesVersion))
            } catch {
                around.record(
                    facts.pod, .warning, reason: EventReason.unhealthy,
                    message: "\(kind.rawValue) probe errored: \(error.message)", container: name)
                continue
            }
            let runner = ProbeRunner(
                kind: kind, probe: probe, startedAt: attempt.startedAt ?? around.now, time: around.time
            ) { [around, uid] in
                let timeout = Duration.seconds(Int64(max(probe.timeoutSeconds, 1)))
                guard case .command(let command) = target else { return await around.probe(target, timeout) }
                return await ExecProbe.check(
                    command, in: name, of: uid, runtime: around.runtime, timeout: timeout)
            }
            probes[key] = Task { [inbox] in
                await runner.run { inbox.post(.probed(name, attempt: attempt.number, kind, $0)) }
            }
        }
    }

    private func endProbes(_ isMeant: (ProbeKey) -> Bool) {
        for (key, task) in probes where isMeant(key) {
            task.cancel()
            probes[key] = nil
        }
    }

    private func probed(_ name: String, _ attempt: Int, _ kind: ProbeKind, _ report: ProbeReport) {
        guard let known = facts.containers[name], known.isRunning, known.latest?.number == attempt else { return }
        switch report {
        case .failed(let message):
            around.record(
                facts.pod, .warning, reason: EventReason.unhealthy,
                message: "\(kind.rawValue) probe failed: \(message)", container: name)
        case .errored(let message):
            around.record(
                facts.pod, .warning, reason: EventReason.unhealthy,
                message: "\(kind.rawValue) probe errored: \(message)", container: name)
        case .warning(let message):
            around.record(
                facts.pod, .warning, reason: EventReason.probeWarning,
                message: "\(kind.rawValue) probe warning: \(message)", container: name)
        case .result(let isGood): concluded(name, kind, isGood)
        }
    }

    private func concluded(_ name: String, _ kind: ProbeKind, _ isGood: Bool) {
        guard let container = container(name) else { return }
        switch (kind, isGood) {
        case (.readiness, _):
            // Read first: an optional chain holds its access to the facts while the right side is evaluated.
            let isReady = isGood && facts.facts(name).hasStarted
            facts.containers[name]?.isReady = isReady
        case (.startup, true):
            facts.containers[name]?.hasStarted = true
            facts.containers[name]?.isReady = container.readinessProbe == nil
            startProbes(of: name)
        case (.liveness, true): break
        case (.liveness, false), (.startup, false):
            guard !facts.lifecycle.isEnding else { return }
            let probe = kind == .liveness ? container.livenessProbe : container.startupProbe
            let grace = probe?.terminationGracePeriodSeconds ?? facts.pod.spec.terminationGracePeriodSeconds ?? 30
            facts.containers[name]?.restartGrace = grace
            facts.containers[name]?.isUnhealthy = true
            facts.containers[name]?.isReady = false
            around.record(
                facts.pod, reason: EventReason.killing,
                message: "Container \(name) failed \(kind.rawValue.lowercased()) probe, will be restarted",
                container: name)
        }
    }
}

extension ProbeTarget {
    /// `1.36` of `v1.36.0`.
    static func agentVersion(_ version: String) -> String {
        let numbers = version.drop { !$0.isNumber }.split(separator: ".").prefix(2)
        return numbers.joined(separator: ".")
    }
}
