import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

/// One pod on this machine, from the first directory to the last.
///
/// ```
///            start                      shim gone
///  creating --------> ready ----------------------------> notReady
///     | failure         | remove                             | remove
///     v                 v                                    v
///   (undone)        removing -----------------------------> (gone)
/// ```
/// Nothing is assumed across an `await`: each operation looks at `phase` and at the container again.
actor Sandbox {
    enum Phase: Sendable {
        case ready
        case notReady
        case removing
    }

    struct ExitWaiter {
        let number: Int
        let continuation: CheckedContinuation<Bool, Never>
        let timer: Task<Void, Never>
    }

    nonisolated let id: String
    nonisolated let host: Host
    nonisolated let paths: SandboxPaths
    var record: SandboxRecord
    var phase: Phase
    /// nil where there is no shim to speak to.
    var client: ShimClient?
    /// What the shim can do (`Hello.features`): as we can where this agent has started it, otherwise it says so itself.
    var features = Hello.allFeatures
    /// Our child, where this process has started it: to be reaped.
    var shimProcess: FileDescriptor?
    var containers: [ContainerKey: ContainerRecord] = [:]
    /// Of attempts in which commands were run.
    var processes: [ContainerKey: ContainerProcess] = [:]
    /// Attempts whose launch is under way.
    var launching: Set<ContainerKey> = []
    /// Attempts that a stop found while they were being launched: killed as soon as they are there.
    private var waiters: [ContainerKey: [ExitWaiter]] = [:]
    private var nextWaiter = 0
    private var pump: Task<Void, Never>?
    /// Containers of which it is waited whether they survive a kill.
    var noticing: Set<ContainerKey> = []

    init(id: String, host: Host, record: SandboxRecord, phase: Phase) {
        self.id = id
        self.host = host
        self.paths = SandboxPaths(host.configuration, id: id)
        self.record = record
        self.phase = phase
    }

    var status: SandboxStatus {
        let known = containers.values.filter { $0.key != PausePlan.key }
        return SandboxStatus(
            id: id, state: phase == .ready ? .ready : .notReady, createdAt: record.createdAt, bootID: record.bootID,
            addresses: record.addresses, configuration: record.configuration,
            containers: known.map(\.status).sorted { ($0.attempt, $0.name) < ($1.attempt, $1.name) })
    }

    // MARK: The shim

    /// Speaks to this shim from now on, and listens to it.
    func connect(_ client: ShimClient, process: FileDescriptor?) throws {
        self.client = client
        shimProcess = process
        try RuntimeError.wrapping(.sandbox, step: "shim") { try host.poller.add(client) }
    }

    /// Begins to take the shim's events. Cleaning up after an exit goes on beside the next event.
    func listen() {
        guard let client, pump == nil else { return }
        pump = Task { [weak self] in
            await withDiscardingTaskGroup { group in
                for await facts in client.exits {
                    guard let key = await self?.take(facts) else { continue }
                    group.addTask { await self?.clean(key) }
                }
            }
            await self?.lineCut(client)
        }
    }

    /// The shim closed the line, or died.
    private func lineCut(_ old: ShimClient) async {
        host.poller.remove(old)
        guard client === old else { return }
        client = nil
        pump = nil
        guard phase == .ready else { return }
        guard await shimHasEnded() else {
            // Another agent speaks to it now: the pod is that one's.
            host.logger.error("another agent has taken over a sandbox", metadata: ["sandbox": "\(id)"])
            return
        }
        await lose("its supervisor ended")
    }

    /// Whether the supervisor ends within a second: its sockets are closed a moment before.
    private func shimHasEnded() async -> Bool {
        let (pid, startTime) = (record.shimPID, record.shimStartTime)
        return
            (try? await host.removals.run {
                guard let process = try? Process.open(pid), Process.startTime(of: pid) == startTime else { return true }
                return try Poll.wait(process, for: Int16(POLLIN), milliseconds: 1000)
            }) ?? true
    }

    /// Without a supervisor nobody would know how the pod's processes end: all of them are ended.
    func lose(_ reason: String) async {
        guard phase == .ready else { return }
        phase = .notReady
        host.logger.error("sandbox lost", metadata: ["sandbox": "\(id)", "reason": "\(reason)"])
        let cgroups = host.cgroups
        let path = record.cgroup
        try? await host.removals.run {
            try cgroups.kill(path)
            _ = try cgroups.waitUnpopulated(path, deadline: .seconds(10))
        }
        await reapShim()
        for key in containers.keys { await settleWithoutShim(key) }
        host.events.yield(.sandboxLost(id: id, reason: reason))
    }

    /// A container whose shim is gone: its exit is on disk, or it was killed with the pod.
    func settleWithoutShim(_ key: ContainerKey) async {
        guard let container = containers[key], container.status.exit == nil, !launching.contains(key) else { return }
        var exit = ExitRecord(
            pid: container.status.pid, startedAt: container.status.startedAt ?? 0, finishedAt: Realtime.nanoseconds(),
            code: 137, signal: SIGKILL, oomKilled: false)
        if let text = try? FileAccess.readText(paths.exit(key)), let recorded = ExitRecord(text: text) {
            exit = recorded
        }
        await settle(key, exit)
        await clean(key)
    }

    func reapShim() async {
        guard let process = shimProcess else { return }
        shimProcess = nil
        try? await host.removals.run {
            // Its socket is closed, so it has ended or is about to.
            try? Process.signal(process, SIGKILL)
            _ = try? Process.wait(process, blocking: true)
        }
    }

    // MARK: Exits

    /// The shim says that a container has ended. Returns what is to be cleaned.
    private func take(_ facts: ContainerFacts) async -> ContainerKey? {
        guard let exit = facts.exit, let key = ContainerKey(facts.container), containers[key] != nil else { return nil }
        // A launch that is under way tells its caller first.
        if launching.contains(key) {
            let ended = exitStatus(key, exit)
            containers[key]?.status.exit = ended
            return nil
        }
        await settle(key, exit)
        if key != PausePlan.key, phase == .ready, let status = containers[key]?.status {
            host.events.yield(.containerExited(sandbox: id, status))
        }
        return key
    }

    func exitStatus(_ key: ContainerKey, _ exit: ExitRecord) -> ContainerExit {
        var message = ""
        if containers[key]?.hasTerminationMessage == true,
            let bytes = try? FileAccess.read(paths.terminationMessage(key), limit: 4096)
        {
            message = String(decoding: bytes, as: UTF8.self)
        }
        let kills = findKills(key)
        return ContainerExit(
            code: exit.code, signal: exit.signal, finishedAt: exit.finishedAt,
            oomKilled: exit.oomKilled || kills != nil, oom: kills, message: message)
    }

    /// Takes note of an exit and wakes who waits for it.
    func settle(_ key: ContainerKey, _ exit: ExitRecord) async {
        guard var container = containers[key] else { return }
        if container.status.exit == nil {
            let ended = exitStatus(key, exit)
            // It may have found kills, which the record has now.
            container = containers[key] ?? container
            container.status.exit = ended
        }
        if container.status.startedAt == nil, exit.startedAt > 0 { container.status.startedAt = exit.startedAt }
        containers[key] = container
        wake(key)
        await save(container)
    }

    func wake(_ key: ContainerKey) {
        for waiter in waiters.removeValue(forKey: key) ?? [] {
            waiter.timer.cancel()
            waiter.continuation.resume(returning: true)
        }
    }

    /// Waits for a container's end; false where `limit` passes first.
    func waitForExit(_ key: ContainerKey, upTo limit: Duration) async -> Bool {
        guard let container = containers[key], container.status.exit == nil else { return true }
        let number = nextWaiter
        nextWaiter += 1
        return await withCheckedContinuation { continuation in
            let timer = Task { [weak self] in
                guard (try? await Task.sleep(for: limit)) != nil else { return }
                await self?.giveUp(key, number)
            }
            waiters[key, default: []].append(ExitWaiter(number: number, continuation: continuation, timer: timer))
        }
    }

    private func giveUp(_ key: ContainerKey, _ number: Int) {
        guard let index = waiters[key]?.firstIndex(where: { $0.number == number }),
            let waiter = waiters[key]?.remove(at: index)
        else { return }
        waiter.continuation.resume(returning: false)
    }

    // MARK: Records

    func save(_ container: ContainerRecord) async {
        let path = paths.record(container.key)
        do {
            try await host.starts.run { try Facts.write(container, to: path) }
        } catch {
            // The facts are in memory and the exit is on disk; the next write may succeed.
            host.logger.warning(
                "cannot write a container's record", metadata: ["path": "\(path)", "error": "\(error)"])
        }
    }

    /// What an ended attempt leaves: its cgroup and its writable layer. The record stays.
    func clean(_ key: ContainerKey) async {
        guard var container = containers[key], !container.isCleaned, phase != .removing else { return }
        let cgroups = host.cgroups
        let paths = self.paths
        let cgroup = container.cgroup
        host.sampling.store.close(cgroup)
        host.oomWatch.remove(cgroup)
        do {
            try await host.removals.run {
                try cgroups.removeTree(cgroup, deadline: .seconds(10))
                try FileAccess.removeTree(paths.storage(key))
            }
        } catch {
            host.logger.warning("cannot clean up a container", metadata: ["container": "\(key)", "error": "\(error)"])
            return
        }
        container = containers[key] ?? container
        container.isCleaned = true
        guard containers[key] != nil, phase != .removing else { return }
        containers[key] = container
        await save(container)
    }
}

extension ContainerKey {
    /// From its description.
    init?(_ text: String) {
        guard let dash = text.lastIndex(of: "-"), let attempt = Int(text[text.index(after: dash)...]) else {
            return nil
        }
        self.init(name: String(text[..<dash]), attempt: attempt)
    }
}
