import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

extension Sandbox {
    /// Makes a sandbox: folder, cgroup, supervisor, namespaces, network, files. A failure takes back what was made.
    static func start(_ configuration: SandboxConfiguration, on host: Host) async throws -> Sandbox {
        let paths = SandboxPaths(host.configuration, id: configuration.id)
        let trace = StartTrace(subject: "sandbox")
        var undo = UndoStack()
        trace.mark("folder")
        let cgroup = host.cgroups.podPath(id: configuration.id, qos: configuration.qos)
        var record = SandboxRecord(
            phase: .creating, configuration: configuration, createdAt: Realtime.nanoseconds(), bootID: host.bootID,
            addresses: [], shimPID: 0, shimStartTime: 0, cgroup: cgroup)
        do {
            let sysctls = try Sysctls.requests(configuration, families: host.network.ranges.map(\.family))
            try await makeFolder(record, paths, host)
            undo.push { await removeStorage(paths, host, removeLogs: nil) }
            Failpoint.hit("sandbox.folder")

            // Before the supervisor's, whose end ends what is in the cgroup: they are taken back in reverse.
            undo.push {
                try? await host.removals.run { try host.cgroups.removeTree(cgroup, deadline: .seconds(10)) }
            }

            trace.mark("shim")
            let shim = try await host.starts.run { try SpawnedShim(paths: paths, host: host) }
            undo.push { await shim.end(host) }
            Failpoint.hit("sandbox.shim")
            let client = try RuntimeError.wrapping(.sandbox, step: "shim") {
                try ShimClient(socket: shim.connection, sandbox: configuration.id)
            }
            let sandbox = Sandbox(id: configuration.id, host: host, record: record, phase: .ready)
            try await sandbox.connect(client, process: shim.process)
            undo.push {
                host.poller.remove(client); client.close()
            }

            trace.mark("namespaces")
            var kinds: Namespaces.Kinds = []
            if !configuration.hostNetwork { kinds.formUnion([.network, .uts]) }
            if !configuration.hostIPC { kinds.insert(.ipc) }
            let request = Message.makeSandbox(
                SandboxRequest(kinds: kinds.rawValue, hostname: configuration.hostname, sysctls: sysctls))
            async let answer = client.request(request, kind: .sandbox, step: "namespaces")
            // The shim starts and makes namespaces meanwhile, which takes longer than all that needs neither.
            undo.push { try? await host.removals.run { try Mount.unmount(paths.sharedMemory) } }
            try await prepare(configuration, paths, host)
            let namespaces = try await answer
            Failpoint.hit("sandbox.namespaces")

            if !configuration.hostNetwork {
                trace.mark("network")
                guard namespaces.descriptors.count == 2 else {
                    throw RuntimeError(
                        .sandbox, step: "namespaces", object: configuration.id,
                        message: "the supervisor did not pass the network namespace")
                }
                undo.push { host.network.release(configuration.id) }
                let address = try await host.network.attach(
                    id: configuration.id, netns: namespaces.descriptors[0], podNetlink: namespaces.descriptors[1])
                record.addresses = address.addresses.map(\.description)
                Failpoint.hit("sandbox.network")
            }

            record.phase = .ready
            record.shimPID = shim.pid
            record.shimStartTime = shim.startTime
            let final = record
            await sandbox.adopt(record)
            if configuration.shareProcessNamespace {
                trace.mark("pause")
                try await sandbox.startPause()
            }
            trace.mark("record")
            try await host.starts.run {
                try writeHosts(final, paths)
                try Facts.write(final, to: paths.record)
            }
            Failpoint.hit("sandbox.ready")
            await sandbox.listen()
            trace.mark("ready")
            trace.save(to: paths.trace)
            return sandbox
        } catch {
            await undo.unwind()
            throw error
        }
    }

    private func adopt(_ record: SandboxRecord) { self.record = record }

    private static func makeFolder(_ record: SandboxRecord, _ paths: SandboxPaths, _ host: Host) async throws {
        let id = record.configuration.id
        guard !id.isEmpty, !id.contains("/"), !id.hasPrefix("."), id.utf8.count <= 128 else {
            throw RuntimeError(.configuration, step: "sandbox", object: id, message: "\"\(id)\" cannot name a sandbox")
        }
        try await host.starts.run {
            do {
                try FileAccess.makeDirectory(paths.run, mode: 0o700, exclusive: true)
            } catch let error as SystemError {
                throw error.errno == EEXIST
                    ? RuntimeError(
                        .alreadyExists, step: "sandbox", object: id, errno: EEXIST,
                        message: "sandbox \(id) is there already")
                    : RuntimeError(.sandbox, step: "folder", error)
            }
            try RuntimeError.wrapping(.sandbox, step: "folder") {
                try Facts.write(record, to: paths.record)
            }
        }
    }

    /// What needs neither the supervisor nor its namespaces: the other folders, the cgroup, shared memory, the pod's files
    /// but for /etc/hosts.
    private static func prepare(
        _ configuration: SandboxConfiguration, _ paths: SandboxPaths, _ host: Host
    ) async throws {
        try await host.starts.run {
            try RuntimeError.wrapping(.sandbox, step: "folder") {
                try FileAccess.makeDirectory(paths.root)
                try FileAccess.makeDirectory(paths.sharedMemory)
                try FileAccess.makeDirectory(paths.containers, mode: 0o700)
                try FileAccess.makeDirectories(paths.data + "/containers", mode: 0o700)
                try FileAccess.makeDirectories(configuration.logDirectory)
            }
            _ = try host.cgroups.makePod(
                id: configuration.id, qos: configuration.qos, resources: configuration.resources,
                bestEffort: host.configuration.bestEffort)
            Failpoint.hit("sandbox.cgroup")
            try RuntimeError.wrapping(.sandbox, step: "mount") {
                // 64 MiB as every runtime has it; MS_NOSUID | MS_NODEV | MS_NOEXEC.
                try Mount.mount(
                    "shm", on: paths.sharedMemory, type: "tmpfs", flags: 2 | 4 | 8, data: "mode=1777,size=65536k")
            }
            Failpoint.hit("sandbox.shm")
            try write(configuration.hostname + "\n", to: paths.hostname)
            try write(configuration.resolvConf, to: paths.resolvConf)
        }
    }

    private static func writeHosts(_ record: SandboxRecord, _ paths: SandboxPaths) throws {
        let configuration = record.configuration
        let hosts =
            configuration.hostNetwork
            ? SandboxFiles.hostsOfHost(configuration)
            : SandboxFiles.hosts(addresses: record.addresses, configuration: configuration)
        try write(hosts, to: paths.hosts)
    }

    /// Writes a file that the pod's containers see.
    private static func write(_ text: String, to path: String) throws {
        try RuntimeError.wrapping(.sandbox, step: "files") {
            let file = try FileAccess.open(path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
            try FileAccess.write(Array(text.utf8), to: file, object: path)
        }
    }

    /// Removes a sandbox's folders, and its logs where their directory is given.
    static func removeStorage(_ paths: SandboxPaths, _ host: Host, removeLogs: String?) async {
        try? await host.removals.run { removeStorageBlocking(paths, host, removeLogs: removeLogs) }
    }

    static func removeStorageBlocking(_ paths: SandboxPaths, _ host: Host, removeLogs: String?) {
        do {
            try Mount.unmount(paths.sharedMemory)
            try FileAccess.removeTree(paths.data)
            if let removeLogs { try FileAccess.removeTree(removeLogs) }
            Failpoint.hit("remove.data")
            // Last: as long as it is there, a sandbox is known and can be removed again.
            try FileAccess.removeTree(paths.run)
        } catch {
            host.logger.error(
                "cannot remove a sandbox's folders", metadata: ["path": "\(paths.run)", "error": "\(error)"])
        }
    }
}

/// A supervisor that was just started, with our end of the line.
struct SpawnedShim: Sendable {
    let pid: Int32
    let startTime: UInt64
    let process: FileDescriptor
    let connection: FileDescriptor

    /// The listening socket is made here, so that a recovering agent finds it from the first moment on.
    init(paths: SandboxPaths, host: Host) throws {
        (pid, process, connection) = try RuntimeError.wrapping(.sandbox, step: "shim") {
            let directory = try FileAccess.open(paths.run, O_RDONLY | O_DIRECTORY)
            let listener = try PacketSocket.listen(in: directory, name: "shim.sock")
            let (ours, theirs) = try PacketSocket.pair()
            let null = try FileAccess.open("/dev/null", O_RDWR)
            let log = try FileAccess.open(paths.shimLog, O_WRONLY | O_CREAT | O_APPEND)
            let cgroup = try FileAccess.open(host.cgroups.system, O_RDONLY | O_DIRECTORY)
            var environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
            // Failpoints of the shim are armed by a variable of their own: the agent's would end both.
            if let value = getenv("MINIKUBE_LITE_SHIM_FAILPOINT") {
                environment.append("MINIKUBE_LITE_FAILPOINT=" + String(cString: value))
            }
            let spawned = try Process.spawn(
                executable: host.shim.executable, arguments: ["pod-shim", paths.run], environment: environment,
                descriptors: [null, null, log, theirs, listener], cgroup: cgroup)
            return (spawned.pid, spawned.pidfd, ours)
        }
        startTime = Process.startTime(of: pid) ?? 0
    }

    /// Ends it with what it started.
    func end(_ host: Host) async {
        try? await host.removals.run {
            try? Process.signal(process, SIGKILL)
            _ = try? Process.wait(process, blocking: true)
        }
    }
}
