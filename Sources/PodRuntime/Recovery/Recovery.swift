import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

/// Finds what an earlier agent left: from the facts on disk and from what the shims answer.
///
/// | folder says      | shim answers | then                                                            |
/// | ---------------- | ------------ | --------------------------------------------------------------- |
/// | nothing readable |              | set aside, reported; its processes are ended                     |
/// | creating         |              | taken back                                                      |
/// | removing         |              | removed                                                         |
/// | ready            | yes          | ready; exits that nobody heard of are taken from the shim       |
/// | ready            | no           | its processes are ended; notReady, exits from disk               |
/// | ready, old boot  |              | notReady, exits from disk                                       |
struct Recovery: Sendable {
    let host: Host

    func run() async throws -> [Sandbox] {
        let ids = try await host.starts.run { [host] in
            try RuntimeError.wrapping(.sandbox, step: "recover") { try FileAccess.list(host.podsDirectory) }
        }
        var found: [Sandbox] = []
        for id in ids {
            if let sandbox = try await recover(id) { found.append(sandbox) }
        }
        try await removeOrphans(Set(found.map(\.id)))
        return found
    }

    private func recover(_ id: String) async throws -> Sandbox? {
        let paths = SandboxPaths(host.configuration, id: id)
        let record: SandboxRecord
        do {
            record = try await host.starts.run { try Facts.read(SandboxRecord.self, from: paths.record) }
        } catch {
            try await setAside(id, paths, error)
            return nil
        }
        let sandbox = Sandbox(id: id, host: host, record: record, phase: .ready)
        guard record.phase == .ready else {
            await sandbox.connectForRemoval()
            try await sandbox.remove(removeLogs: false)
            return nil
        }
        await sandbox.recover()
        return sandbox
    }

    /// A folder whose facts cannot be read: its processes end, and it is kept for whoever wants to look.
    private func setAside(_ id: String, _ paths: SandboxPaths, _ error: any Error) async throws {
        let host = self.host
        try await host.removals.run {
            if !FileAccess.exists(paths.record) {
                // Killed between the folder and the first record: nothing else can be there.
                try FileAccess.removeTree(paths.run)
                return
            }
            for qos in QualityOfService.allCases {
                let path = host.cgroups.podPath(id: id, qos: qos)
                try? host.cgroups.kill(path)
                try? host.cgroups.removeTree(path, deadline: .seconds(10))
            }
            try? Mount.unmount(paths.sharedMemory)
            let aside = host.configuration.runDirectory + "/set-aside"
            try FileAccess.makeDirectories(aside, mode: 0o700)
            let place = "\(aside)/\(id)-\(Realtime.nanoseconds())"
            try FileAccess.rename(paths.run, place)
            host.logger.error(
                "a sandbox's facts cannot be read: its folder was set aside",
                metadata: ["sandbox": "\(id)", "folder": "\(place)", "error": "\(error)"])
        }
        host.network.release(id)
    }

    /// What belongs to no sandbox that is known: cgroups, writable layers and addresses of a run that is gone, after a
    /// reboot for instance.
    private func removeOrphans(_ live: Set<String>) async throws {
        let host = self.host
        try await host.removals.run(deadline: .seconds(120)) {
            for (id, path) in try host.cgroups.pods() where !live.contains(id) {
                host.logger.warning("removing a control group without a sandbox", metadata: ["path": "\(path)"])
                try host.cgroups.kill(path)
                try host.cgroups.removeTree(path, deadline: .seconds(10))
            }
            for id in try FileAccess.list(host.sandboxesDirectory) where !live.contains(id) {
                try FileAccess.removeTree("\(host.sandboxesDirectory)/\(id)")
            }
            do { try host.images.sweep(keeping: live) } catch {
                // Only disk space is lost.
                host.logger.warning("cannot sweep the image store", metadata: ["error": "\(error)"])
            }
        }
        host.network.releaseAll(except: live)
    }
}

extension Sandbox {
    /// Connects to the supervisor; nil where none listens.
    private func dial() async -> ShimClient? {
        let (host, paths, id) = (self.host, self.paths, self.id)
        return try? await host.starts.run {
            let directory = try FileAccess.open(paths.run, O_RDONLY | O_DIRECTORY)
            let socket = try PacketSocket.connect(in: directory, name: "shim.sock")
            return try ShimClient(socket: socket, sandbox: id)
        }
    }

    /// A line to the shim of a half-made or half-removed sandbox, so that it can be told to end.
    func connectForRemoval() async {
        guard record.bootID == host.bootID, let client = await dial() else { return }
        try? connect(client, process: nil)
    }

    /// Takes up a sandbox that an earlier agent had finished making.
    func recover() async {
        await loadContainers()
        guard record.bootID == host.bootID else {
            phase = .notReady
            for key in containers.keys { await settleWithoutShim(key) }
            return
        }
        guard let client = await dial(), (try? connect(client, process: nil)) != nil,
            let answer = try? await client.request(.hello(Hello(pid: getpid())), kind: .sandbox, step: "hello"),
            case .welcome(let hello) = answer.message, hello.version == Hello.currentVersion,
            let list = try? await client.request(.list, kind: .sandbox, step: "list", deadline: .seconds(60)),
            case .containers(let facts) = list.message
        else { return await abandon() }
        features = hello.features
        await reconcile(facts)
        listen()
    }

    /// No supervisor: what may still run is ended, and the exits are taken from disk.
    private func abandon() async {
        if let client {
            host.poller.remove(client)
            client.close()
            self.client = nil
        }
        phase = .notReady
        let (host, path) = (self.host, record.cgroup)
        try? await host.removals.run {
            try host.cgroups.kill(path)
            _ = try host.cgroups.waitUnpopulated(path, deadline: .seconds(10))
        }
        for key in containers.keys { await settleWithoutShim(key) }
    }

    private func loadContainers() async {
        let (host, paths, id, pod) = (self.host, self.paths, self.id, record.cgroup)
        let found: [ContainerRecord]? = try? await host.starts.run {
            var records: [ContainerRecord] = []
            for name in try FileAccess.list(paths.containers) {
                let path = "\(paths.containers)/\(name)/container.json"
                do { records.append(try Facts.read(ContainerRecord.self, from: path)) } catch {
                    // Killed before its record was written: it cannot have been launched. A record that is there and
                    // cannot be read is reported, and left where it is.
                    if FileAccess.exists(path) {
                        host.logger.error(
                            "a container's record cannot be read",
                            metadata: ["sandbox": "\(id)", "path": "\(path)", "error": "\(error)"])
                    } else if let key = ContainerKey(name) {
                        try? host.cgroups.removeTree("\(pod)/\(key)", deadline: .seconds(10))
                        try? FileAccess.removeTree(paths.storage(key))
                        try? FileAccess.removeTree(paths.facts(key))
                    }
                }
            }
            return records
        }
        for record in found ?? [] { containers[record.key] = record }
    }

    /// Compares our records with what the shim knows.
    private func reconcile(_ facts: [ContainerFacts]) async {
        let known = Dictionary(facts.map { ($0.container, $0) }) { first, _ in first }
        for (key, container) in containers {
            if let told = known["\(key)"] {
                containers[key]?.status.pid = told.pid
                if told.startedAt > 0 { containers[key]?.status.startedAt = told.startedAt }
                if let exit = told.exit {
                    await settle(key, exit)
                    await clean(key)
                } else if let current = containers[key] {
                    watchKills(current)
                    await save(current)
                }
            } else if container.status.exit != nil {
                await clean(key)
            } else if let text = try? FileAccess.readText(paths.exit(key)), let exit = ExitRecord(text: text) {
                await settle(key, exit)
                await clean(key)
            } else {
                // The shim never heard of it, or its launch failed: it never ran.
                containers[key] = nil
                let (host, paths) = (self.host, self.paths)
                try? await host.removals.run {
                    try host.cgroups.removeTree(container.cgroup, deadline: .seconds(10))
                    try FileAccess.removeTree(paths.storage(key))
                    try FileAccess.removeTree(paths.facts(key))
                }
            }
        }
    }
}
