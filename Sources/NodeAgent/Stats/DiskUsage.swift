import KubernetesAPI
import LinuxKernel
import PodRuntime

/// What pods keep on the node's disk: containers' writable layers and logs, and volumes.
///
/// A directory is measured by walking it, which a container can make as slow as it likes. So there is one thread for it,
/// a walk ends after a second or a million entries with a lower bound, and a figure that was costly is used for longer:
/// no directory takes more than a twentieth of the thread's time. Nothing is measured while nobody asks.
actor DiskUsage {
    /// A walk takes no longer, and looks at no more.
    static let longestWalk: Duration = .seconds(1)
    static let mostEntries: Int64 = 1_000_000
    /// A figure is used for so many times what it has cost.
    private static let costFactor = 20
    /// Directories that nobody has asked for in this time are forgotten.
    private static let memory: Int64 = 600_000_000

    private struct Figure {
        var usage: TreeUsage?
        /// Microseconds since 1970.
        var time: Int64
        /// What the walk took, in microseconds.
        var cost: Int64
    }

    private let configuration: NodeConfiguration
    private let store: VolumeStore
    private let runtime: any Runtime
    private let time: TimeSource
    private let pool = BlockingPool(name: "disk usage", threads: 1, queueLimit: 4096)
    private var figures: [String: Figure] = [:]
    private var walks: [String: Task<TreeUsage?, Never>] = [:]

    init(configuration: NodeConfiguration, runtime: any Runtime, time: TimeSource) {
        self.configuration = configuration
        self.runtime = runtime
        self.time = time
        store = VolumeStore(dataDirectory: configuration.dataDirectory, runDirectory: configuration.runDirectory)
    }

    /// Everything that one pod keeps.
    /// - Parameter maxAge: how old a figure may be; what was costly to find may be older.
    func usage(of pod: Pod, maxAge: Duration) async -> PodDiskUsage {
        let uid = pod.metadata.uid
        var result = PodDiskUsage(time: time.preciseNow.microseconds * 1000)
        let logs = SandboxConfiguration.logDirectory(of: pod.metadata, root: configuration.logDirectory)
        let attempts = await runtime.status(of: uid)?.containers ?? []
        for name in (pod.spec.initContainers + pod.spec.containers).map(\.name) {
            var container = PodDiskUsage.Container()
            if let attempt = attempts.last(where: { $0.name == name }) {
                container.writableLayer = await usage(
                    of: attempt.writableLayer(dataDirectory: configuration.dataDirectory, sandbox: uid), maxAge: maxAge)
            }
            container.logs = await usage(of: "\(logs)/\(name)", maxAge: maxAge)
            result.containers[name] = container
        }
        for volume in pod.spec.volumes where volume.hostPath == nil {
            let isInMemory = volume.emptyDir.map { $0.medium.rawValue == "Memory" } ?? true
            let path =
                isInMemory
                ? store.filesPath(pod: uid, name: volume.name) : store.directoryPath(pod: uid, name: volume.name)
            guard let usage = await usage(of: path, maxAge: maxAge) else { continue }
            result.volumes[volume.name] = PodDiskUsage.Volume(usage: usage, path: path, isOnDisk: !isInMemory)
        }
        return result
    }

    /// One directory; nil where it is not there.
    func usage(of path: String, maxAge: Duration) async -> TreeUsage? {
        let now = time.preciseNow.microseconds
        if let known = figures[path], known.time <= now {
            let use = max(Self.microseconds(maxAge), known.cost * Int64(Self.costFactor))
            if now - known.time < use { return known.usage }
        }
        if let walk = walks[path] { return await walk.value }
        let walk = Task { await measure(path) }
        walks[path] = walk
        return await walk.value
    }

    private func measure(_ path: String) async -> TreeUsage? {
        let measured = try? await pool.run(deadline: .seconds(60)) { () -> (TreeUsage?, Int64) in
            let start = Monotonic.nanoseconds()
            let end = start + Self.microseconds(Self.longestWalk) * 1000
            let usage = try? TreeUsage.measure(path, entries: Self.mostEntries, until: end)
            return (usage, (Monotonic.nanoseconds() - start) / 1000)
        }
        walks[path] = nil
        let now = time.preciseNow.microseconds
        figures = figures.filter { $0.value.time + Self.memory > now }
        // Where the thread is stuck, the old figure is better than none.
        guard let measured else { return figures[path]?.usage }
        figures[path] = Figure(usage: measured.0, time: now, cost: measured.1)
        return measured.0
    }

    private static func microseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
    }
}

/// What one pod keeps on the node's disk and in the memory of its volumes.
struct PodDiskUsage: Sendable, Hashable {
    struct Container: Sendable, Hashable {
        /// What it has changed in its root file system; nil while it has none.
        var writableLayer: TreeUsage?
        /// Its logs, those of earlier attempts and the rotated ones among them.
        var logs: TreeUsage?

        /// What counts against the container's limit of ephemeral-storage.
        var total: TreeUsage { (writableLayer ?? TreeUsage()) + (logs ?? TreeUsage()) }
    }

    struct Volume: Sendable, Hashable {
        var usage: TreeUsage
        var path: String
        /// False for a tmpfs: its content is memory.
        var isOnDisk: Bool
    }

    /// Nanoseconds since 1970.
    var time: Int64
    var containers: [String: Container] = [:]
    /// Volumes that the node made: emptyDir, and files from the API.
    var volumes: [String: Volume] = [:]

    /// What counts against the pod's limit of ephemeral-storage: writable layers, logs and emptyDirs on the disk.
    var ephemeralStorage: TreeUsage {
        let disks = volumes.values.filter(\.isOnDisk).map(\.usage)
        return (containers.values.map(\.total) + disks).reduce(TreeUsage(), +)
    }
}
