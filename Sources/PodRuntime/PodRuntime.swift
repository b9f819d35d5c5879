import Failpoint
public import InternetAddress
import LinuxKernel
public import Logging
import ShimProtocol
import Synchronization

/// Pods on this machine.
public final class PodRuntime: Runtime {
    /// The image store.
    private let store: any LayerProvider
    public let capabilities: HostCapabilities
    public let events: AsyncStream<RuntimeEvent>
    /// Brings connections to services' addresses to their pods. The rules outlive the agent.
    public let routing: any ServiceRouting
    let host: Host
    /// nil while a sandbox is being made or recovered: its name is taken.
    private let sandboxes = Mutex<[String: Sandbox?]>([:])
    /// Brings kills of the OOM killer to the sandboxes.
    private let killPump = Mutex<Task<Void, Never>?>(nil)

    /// Prepares this machine: directories, the cgroup parent, the bridge, the supervisor's program. What is there
    /// already is used.
    ///
    /// - Parameter images: where images and their layers come from.
    /// - Throws: `RuntimeError` that says what is missing.
    public init(configuration: RuntimeConfiguration, images: any LayerProvider, logger: Logger) async throws {
        let starts = BlockingPool(name: "starts", threads: 4)
        let removals = BlockingPool(name: "removals", threads: 4)
        let (stream, continuation) = AsyncStream.makeStream(of: RuntimeEvent.self)
        let prepared = try await starts.run {
            try RuntimeError.wrapping(.sandbox, step: "directories") {
                try FileAccess.makeDirectories(configuration.runDirectory, mode: 0o700)
                try FileAccess.makeDirectories(configuration.dataDirectory, mode: 0o700)
                try FileAccess.makeDirectory(configuration.runDirectory + "/pods", mode: 0o700)
                try FileAccess.makeDirectory(configuration.runDirectory + "/empty", mode: 0o755)
                try FileAccess.makeDirectory(configuration.dataDirectory + "/sandboxes", mode: 0o700)
            }
            var cgroups = try CgroupTree(parent: configuration.cgroupParent)
            try cgroups.prepare()
            cgroups.capabilities.missingFiles = cgroups.findMissingFiles()
            return (cgroups, try ShimImage(path: configuration.shimExecutable))
        }
        let network = try PodNetwork(
            bridge: configuration.bridge, ranges: configuration.podCIDRs, services: configuration.serviceRanges,
            stateDirectory: configuration.runDirectory + "/network")
        for change in try await network.setUpBridge() { logger.info("network", metadata: ["changed": "\(change)"]) }
        let filter: DeviceFilter?
        do throws(SystemError) { filter = try DeviceFilter() } catch {
            logger.warning(
                "no device filter: containers can open the devices that they make nodes of",
                metadata: ["error": "\(error)"])
            filter = nil
        }
        let (poller, watch) = try RuntimeError.wrapping(.sandbox, step: "poller") {
            let (poller, watch) = (try ShimPoller(), try OOMWatch(cgroups: prepared.0))
            try poller.add(watch.inotify.descriptor) { watch.serve() }
            return (poller, watch)
        }
        capabilities = prepared.0.capabilities
        routing = ServiceRouter(
            bridge: configuration.bridge, podRanges: configuration.podCIDRs,
            serviceRanges: configuration.serviceRanges, logger: logger)
        store = images
        events = stream
        host = Host(
            configuration: configuration,
            bootID: try RuntimeError.wrapping(.sandbox, step: "boot id") { try Process.bootID() },
            cgroups: prepared.0, network: network, images: images, users: UserDatabase(), shim: prepared.1,
            poller: poller, deviceFilter: filter,
            sampling: try Sampling(root: prepared.0.root), oomWatch: watch,
            permittedCapabilities: Host.readPermittedCapabilities(),
            starts: starts, removals: removals,
            events: continuation, logger: logger)
        let pump = Task { [weak self] in
            await withDiscardingTaskGroup { group in
                for await subject in watch.kills {
                    guard let sandbox = self?.find(subject.sandbox) else { continue }
                    group.addTask { await sandbox.noticeKills(subject.container) }
                }
            }
        }
        killPump.withLock { $0 = pump }
    }

    deinit { killPump.withLock { $0?.cancel() } }

    public var images: any ImageProvider { store }

    /// The node's own addresses on the pods' bridge, one per family in the order of the pod ranges: pods reach services
    /// of the node itself there.
    public var gateways: [IPAddress] { host.network.gateways }

    public func startSandbox(_ configuration: SandboxConfiguration) async throws -> SandboxStatus {
        guard !configuration.userNamespace else {
            throw RuntimeError(
                .configuration, step: "user namespace", object: configuration.id,
                message: "hostUsers: false is not supported by this node")
        }
        let id = configuration.id
        try take(id)
        do {
            let sandbox = try await Sandbox.start(configuration, on: host)
            sandboxes.withLock { $0[id] = .some(sandbox) }
            return await sandbox.status
        } catch {
            sandboxes.withLock { $0[id] = nil }
            throw error
        }
    }

    /// Reserves an id.
    private func take(_ id: String) throws {
        let isFree = sandboxes.withLock { all in
            guard all[id] == nil else { return false }
            all.updateValue(nil, forKey: id)
            return true
        }
        guard isFree else {
            throw RuntimeError(
                .alreadyExists, step: "sandbox", object: id, message: "sandbox \(id) is there already")
        }
    }

    /// Ids of all sandboxes, those included that are being made.
    var known: [String] { sandboxes.withLock { $0.keys.sorted() } }

    func find(_ id: String) -> Sandbox? { sandboxes.withLock { $0[id] ?? nil } }

    func get(_ id: String) throws -> Sandbox {
        guard let sandbox = find(id) else {
            throw RuntimeError(.notFound, step: "sandbox", object: id, message: "there is no sandbox \(id)")
        }
        return sandbox
    }

    public func startContainer(
        _ configuration: ContainerConfiguration, in sandbox: String
    ) async throws -> ContainerStatus {
        try await get(sandbox).startContainer(configuration)
    }

    public func stopContainer(_ name: String, in sandbox: String, signal: String?, grace: Duration) async throws {
        try await find(sandbox)?.stopContainer(name, signal: signal, grace: grace)
    }

    public func signalContainer(_ name: String, in sandbox: String, signal: String) async throws {
        try await get(sandbox).signalContainer(name, signal: signal)
    }

    public func run(
        _ command: [String], in container: String, of sandbox: String, deadline: Duration, outputLimit: Int
    ) async throws -> CommandOutcome {
        try await get(sandbox).run(command, in: container, deadline: deadline, outputLimit: outputLimit)
    }

    public func pendingConnections(of sandbox: String) async throws -> Int {
        try await get(sandbox).pendingConnections()
    }

    public func updateContainer(_ name: String, in sandbox: String, resources: CgroupResources) async throws {
        try await get(sandbox).updateContainer(name, resources: resources)
    }

    public func updateSandbox(_ id: String, resources: CgroupResources) async throws {
        try await get(id).update(resources)
    }

    public func updateLevel(_ qos: QualityOfService, resources: CgroupResources) async throws {
        let cgroups = host.cgroups
        try await host.starts.run {
            try cgroups.update(cgroups.directory(of: qos), to: resources, bestEffort: true)
        }
    }

    public func removeSandbox(_ id: String, removeLogs: Bool) async throws {
        guard let sandbox = find(id) else { return }
        try await sandbox.remove(removeLogs: removeLogs)
        sandboxes.withLock { $0[id] = nil }
    }

    public func status(of id: String) async -> SandboxStatus? { await find(id)?.status }

    /// Takes away what this instance has on the machine beside its sandboxes, which must be gone: bridge, cgroups,
    /// run-time folder. Images and other durable data stay.
    public func tearDown() async throws {
        let left = known
        guard left.isEmpty else {
            throw RuntimeError(
                .alreadyExists, step: "tear down", object: left[0],
                message: "sandboxes are left: \(left.joined(separator: ", "))")
        }
        try await host.network.tearDown()
        let host = self.host
        try await host.removals.run {
            try host.cgroups.removeAll()
            try RuntimeError.wrapping(.sandbox, step: "tear down") {
                for name in ["pods", "empty", "network"] {
                    try FileAccess.removeTree("\(host.configuration.runDirectory)/\(name)")
                }
                try FileAccess.removeTree(host.sandboxesDirectory)
            }
        }
    }

    public func recover() async throws -> [SandboxStatus] {
        let recovery = Recovery(host: host)
        let found = try await recovery.run()
        var result: [SandboxStatus] = []
        for sandbox in found {
            sandboxes.withLock { $0[sandbox.id] = .some(sandbox) }
            result.append(await sandbox.status)
        }
        return result
    }
}

/// `QualityOfService` by a name that Foundation does not have, too.
public typealias PodQualityOfService = QualityOfService

extension PodRuntime {
    // The class hides the module's name: what is said as `PodRuntime.QualityOfService` is looked for here.
    public typealias QualityOfService = PodQualityOfService
}
