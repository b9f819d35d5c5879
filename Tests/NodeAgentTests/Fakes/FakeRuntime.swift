import PodRuntime
import Synchronization

/// A runtime without Linux: it keeps what it is told, and containers end when a test says so.
final class FakeRuntime: Runtime, ImageProvider {
    enum Call: Hashable, Sendable {
        case startSandbox(String)
        case startContainer(String, attempt: Int)
        case stopContainer(String, grace: Duration)
        case removeSandbox(String)
        case run(String, command: [String])
        case updateContainer(String, CgroupResources)
        case updateSandbox(String, CgroupResources)
        case updateLevel(QualityOfService, CgroupResources)
    }

    private struct State {
        var calls: [Call] = []
        var sandboxes: [String: SandboxStatus] = [:]
        var configurations: [String: ContainerConfiguration] = [:]
        var failures: [String: [RuntimeError]] = [:]
        var images: Set<String> = []
        var statistics: [String: SandboxStatistics] = [:]
        var node = NodeStatistics(
            pods: CgroupStatistics(time: 0), system: CgroupStatistics(time: 0), supervisors: 0,
            machine: MachineStatistics(time: 0))
        var commands: [String: @Sendable ([String]) async throws -> CommandOutcome] = [:]
        var pendingConnections: [String: Int] = [:]
        var isHoldingStops = false
        var stops: [String: [CheckedContinuation<Void, Never>]] = [:]
        var waiters: [(isMet: @Sendable ([Call]) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
        var nextAddress = 2
    }

    private let state = Mutex(State())
    let events: AsyncStream<RuntimeEvent>
    private let event: AsyncStream<RuntimeEvent>.Continuation
    let capabilities: HostCapabilities
    let now: @Sendable () -> Int64
    let bootID = "boot-1"

    init(
        images: Set<String> = ["web:1"], controllers: Set<String> = ["cpu", "memory", "pids"],
        now: @escaping @Sendable () -> Int64 = { 1 }
    ) {
        (events, event) = AsyncStream.makeStream()
        self.now = now
        capabilities = HostCapabilities(
            controllers: controllers,
            missing: ["memory": "controller memory is bound to cgroup v1; use --cgroup-enforcement=best-effort"],
            memoryBytes: 8 << 30, cpuCount: 4, kernelRelease: "6.1.0", bootID: "boot-1")
        state.withLock { $0.images = images }
    }

    // MARK: For tests

    /// What pods were done to; the cgroups above theirs are in `levels`.
    var calls: [Call] {
        state.withLock { $0.calls }.filter { if case .updateLevel = $0 { false } else { true } }
    }
    /// What each class has, as told last.
    var levels: [QualityOfService: CgroupResources] {
        state.withLock { $0.calls }.reduce(into: [:]) {
            if case .updateLevel(let qos, let resources) = $1 { $0[qos] = resources }
        }
    }
    var sandboxes: [String: SandboxStatus] { state.withLock { $0.sandboxes } }
    func configuration(of container: String) -> ContainerConfiguration? {
        state.withLock { $0.configurations[container] }
    }
    func add(image: String) { state.withLock { _ = $0.images.insert(image) } }
    func hold(stops: Bool) { state.withLock { $0.isHoldingStops = stops } }

    /// The next start of this container (`sandbox` for the sandbox) fails so.
    func fail(_ name: String, _ error: RuntimeError) { state.withLock { $0.failures[name, default: []].append(error) } }

    /// What `statistics(of:)` answers from now on.
    func put(_ statistics: SandboxStatistics) { state.withLock { $0.statistics[statistics.id] = statistics } }
    func put(_ node: NodeStatistics) { state.withLock { $0.node = node } }

    /// What a command in this container comes to from now on; without it every command succeeds and prints nothing. The
    /// call returns when `answer` does.
    func answerCommands(in container: String, _ answer: @escaping @Sendable ([String]) async throws -> CommandOutcome) {
        state.withLock { $0.commands[container] = answer }
    }

    /// What `pendingConnections(of:)` answers from now on.
    func put(pendingConnections count: Int, of sandbox: String) {
        state.withLock { $0.pendingConnections[sandbox] = count }
    }

    /// A kill that the container survives.
    func oomKill(_ sandbox: String, _ container: String, _ kill: OOMKill) {
        event.yield(.oomKilled(sandbox: sandbox, container: container, kill))
    }

    func put(_ sandbox: SandboxStatus) { state.withLock { $0.sandboxes[sandbox.id] = sandbox } }

    func wait(until isMet: @escaping @Sendable ([Call]) -> Bool) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isMetNow = state.withLock { state in
                if isMet(state.calls) { return true }
                state.waiters.append((isMet, continuation))
                return false
            }
            if isMetNow { continuation.resume() }
        }
    }

    func wait(for call: Call) async { await wait { $0.contains(call) } }

    /// Ends a running container as if by itself.
    func exit(_ sandbox: String, _ name: String, code: Int32, oomKilled: Bool = false, oom: OOMKill? = nil) {
        guard let status = end(sandbox, name, code: code, oomKilled: oomKilled, oom: oom) else { return }
        event.yield(.containerExited(sandbox: sandbox, status))
        for stop in state.withLock({ $0.stops.removeValue(forKey: name) ?? [] }) { stop.resume() }
    }

    func loseSandbox(_ id: String) { event.yield(.sandboxLost(id: id, reason: "the shim was killed")) }

    private func end(
        _ sandbox: String, _ name: String, code: Int32, oomKilled: Bool, oom: OOMKill?
    ) -> ContainerStatus? {
        state.withLock { state in
            guard
                let index = state.sandboxes[sandbox]?.containers.lastIndex(where: { $0.name == name && $0.exit == nil })
            else { return nil }
            let exit = ContainerExit(
                code: code, signal: code > 128 ? code - 128 : 0, finishedAt: now(),
                oomKilled: oomKilled || oom != nil, oom: oom)
            state.sandboxes[sandbox]?.containers[index].exit = exit
            return state.sandboxes[sandbox]?.containers[index]
        }
    }

    private func note(_ call: Call) {
        let met = state.withLock { state in
            state.calls.append(call)
            let calls = state.calls
            let met = state.waiters.filter { $0.isMet(calls) }
            state.waiters.removeAll { $0.isMet(calls) }
            return met.map(\.continuation)
        }
        for continuation in met { continuation.resume() }
    }

    private func takeFailure(_ name: String) throws {
        let failure = state.withLock { state -> RuntimeError? in
            guard let first = state.failures[name]?.first else { return nil }
            state.failures[name]?.removeFirst()
            return first
        }
        if let failure { throw failure }
    }

    // MARK: Runtime

    var images: any ImageProvider { self }
    var location: String { "/var/lib/minikube-lite/images" }

    func startSandbox(_ configuration: SandboxConfiguration) async throws -> SandboxStatus {
        note(.startSandbox(configuration.id))
        try takeFailure("sandbox")
        return state.withLock { state in
            let status = SandboxStatus(
                id: configuration.id, state: .ready, createdAt: now(), bootID: bootID,
                addresses: ["10.244.0.\(state.nextAddress)"], configuration: configuration, containers: [])
            state.nextAddress += 1
            state.sandboxes[configuration.id] = status
            return status
        }
    }

    func startContainer(_ configuration: ContainerConfiguration, in sandbox: String) async throws -> ContainerStatus {
        note(.startContainer(configuration.name, attempt: configuration.attempt))
        try takeFailure(configuration.name)
        let status = ContainerStatus(
            name: configuration.name, attempt: configuration.attempt,
            id: "\(sandbox)-\(configuration.name).\(configuration.attempt)", image: configuration.image,
            imageID: "sha256:abc", pid: 42, createdAt: now(), startedAt: now(), exit: nil, logPath: "",
            resources: configuration.resources)
        state.withLock { state in
            state.configurations[configuration.name] = configuration
            state.sandboxes[sandbox]?.containers.append(status)
        }
        return status
    }

    func stopContainer(_ name: String, in sandbox: String, signal: String?, grace: Duration) async throws {
        note(.stopContainer(name, grace: grace))
        guard state.withLock({ $0.isHoldingStops }) else { return exit(sandbox, name, code: 143) }
        // As the real one: it returns when the process is gone.
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            state.withLock { $0.stops[name, default: []].append(continuation) }
        }
    }

    func signalContainer(_ name: String, in sandbox: String, signal: String) async throws {}

    /// A failure set for `run <name>` is thrown.
    func run(
        _ command: [String], in container: String, of sandbox: String, deadline: Duration, outputLimit: Int
    ) async throws -> CommandOutcome {
        note(.run(container, command: command))
        try takeFailure("run \(container)")
        let runs = state.withLock { state in
            state.sandboxes[sandbox]?.containers.contains { $0.name == container && $0.exit == nil } ?? false
        }
        guard runs else {
            throw RuntimeError(
                .notFound, step: "run", object: container, message: "container \(container) does not run")
        }
        guard let answer = state.withLock({ $0.commands[container] }) else { return CommandOutcome(exitCode: 0) }
        return try await answer(command)
    }

    func pendingConnections(of sandbox: String) async throws -> Int {
        state.withLock { $0.pendingConnections[sandbox] ?? 0 }
    }

    /// A failure set for `update <name>` (`update sandbox` for the pod) is thrown, and nothing is changed.
    func updateContainer(_ name: String, in sandbox: String, resources: CgroupResources) async throws {
        note(.updateContainer(name, resources))
        try takeFailure("update \(name)")
        try state.withLock { state in
            guard
                let index = state.sandboxes[sandbox]?.containers.lastIndex(where: { $0.name == name && $0.exit == nil })
            else {
                throw RuntimeError(.notFound, step: "update", object: name, message: "container \(name) does not run")
            }
            state.sandboxes[sandbox]?.containers[index].resources = resources
        }
    }

    func updateSandbox(_ id: String, resources: CgroupResources) async throws {
        note(.updateSandbox(id, resources))
        try takeFailure("update sandbox")
        state.withLock { $0.sandboxes[id]?.configuration.resources = resources }
    }

    func updateLevel(_ qos: QualityOfService, resources: CgroupResources) async throws {
        note(.updateLevel(qos, resources))
        try takeFailure("update \(qos.rawValue)")
    }

    func statistics(of sandbox: String) async throws -> SandboxStatistics {
        guard let found = state.withLock({ $0.statistics[sandbox] }) else {
            throw RuntimeError(.notFound, step: "sandbox", object: sandbox, message: "there is no sandbox \(sandbox)")
        }
        return found
    }

    func nodeStatistics() async throws -> NodeStatistics { state.withLock { $0.node } }

    func removeSandbox(_ id: String, removeLogs: Bool) async throws {
        note(.removeSandbox(id))
        state.withLock { $0.sandboxes[id] = nil }
    }

    func recover() async throws -> [SandboxStatus] { Array(sandboxes.values) }
    func status(of id: String) async -> SandboxStatus? { sandboxes[id] }

    func resolve(_ reference: String) async throws -> ImageInfo? {
        guard state.withLock({ $0.images.contains(reference) }) else { return nil }
        return ImageInfo(
            references: [reference], id: "sha256:abc", digest: "sha256:def", size: 1, created: 0,
            configuration: ImageConfiguration())
    }

    func list() async throws -> [ImageInfo] { [] }
}
