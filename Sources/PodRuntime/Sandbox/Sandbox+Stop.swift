import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

extension Sandbox {
    /// The present attempt of a container, where it runs.
    func running(_ name: String) -> ContainerRecord? {
        containers.values.first { $0.key.name == name && $0.status.exit == nil && !launching.contains($0.key) }
    }

    /// See `Runtime.stopContainer`.
    func stopContainer(_ name: String, signal: String?, grace: Duration) async throws {
        guard let container = running(name), let client else { return }
        let number = try signal.map(Signals.parse) ?? container.stopSignal
        let key = container.key
        if grace > .zero {
            await send(number, to: key, client)
            Failpoint.hit("container.stop.signalled")
            if await waitForExit(key, upTo: grace) { return }
        }
        _ = try await client.request(.kill(container: "\(key)"), kind: .create, step: "kill")
        Failpoint.hit("container.stop.killed")
        guard await waitForExit(key, upTo: .seconds(30)) else {
            throw RuntimeError(
                .timeout, step: "kill", object: "\(key)",
                message: "container \(name) did not end within 30 s of being killed: a process hangs in the kernel")
        }
    }

    /// See `Runtime.signalContainer`.
    func signalContainer(_ name: String, signal: String) async throws {
        let number = try Signals.parse(signal)
        guard let container = running(name), let client else {
            throw RuntimeError(
                .notFound, step: "signal", object: name, message: "container \(name) of sandbox \(id) does not run")
        }
        _ = try await client.request(
            .signal(container: "\(container.key)", signal: number), kind: .create, step: "signal")
    }

    /// A process that has ended meanwhile needs no signal.
    private func send(_ signal: Int32, to key: ContainerKey, _ client: ShimClient) async {
        _ = try? await client.request(.signal(container: "\(key)", signal: signal), kind: .create, step: "signal")
    }

    /// See `Runtime.removeSandbox`. Every part copes with being gone already.
    func remove(removeLogs: Bool) async throws {
        phase = .removing
        record.phase = .removing
        let (host, paths, record) = (self.host, self.paths, self.record)
        try await host.removals.run {
            try? Facts.write(record, to: paths.record)
            try host.cgroups.kill(record.cgroup)
        }
        Failpoint.hit("remove.killed")
        if let client {
            // The shim waits for its processes, and ends. Its end is the pod's namespaces' end.
            _ = try? await client.request(.shutdown, kind: .sandbox, step: "shutdown", deadline: .seconds(10))
            host.poller.remove(client)
            client.close()
            self.client = nil
        }
        for key in containers.keys { wake(key) }
        let (id, shim, cgroups) = (self.id, shimProcess, containers.values.map(\.cgroup))
        shimProcess = nil
        // In one go: each step waits for the one before, and a change of threads costs more than most of them.
        try await host.removals.run(deadline: .seconds(60)) {
            Self.endShim(shim, record, host)
            Failpoint.hit("remove.shim")
            host.network.release(id)
            host.sampling.store.close(record.cgroup)
            for cgroup in cgroups { host.oomWatch.remove(cgroup) }
            try host.cgroups.removeTree(record.cgroup, deadline: .seconds(10))
            Failpoint.hit("remove.cgroup")
            try RuntimeError.wrapping(.sandbox, step: "image") { try host.images.endLeases(of: id) }
            Self.removeStorageBlocking(paths, host, removeLogs: removeLogs ? record.configuration.logDirectory : nil)
        }
        guard !FileAccess.exists(paths.run) else {
            throw RuntimeError(
                .sandbox, step: "remove", object: paths.run, message: "cannot remove the sandbox's folder \(paths.run)")
        }
    }

    /// Makes sure that the supervisor has ended: ours is reaped; one that an earlier agent started is known by its pid
    /// and start time.
    private static func endShim(_ ours: FileDescriptor?, _ record: SandboxRecord, _ host: Host) {
        if let ours { return end(ours, isChild: true) }
        guard record.bootID == host.bootID, record.shimPID > 0, let process = try? Process.open(record.shimPID),
            Process.startTime(of: record.shimPID) == record.shimStartTime
        else { return }
        end(process, isChild: false)
    }

    private static func end(_ process: FileDescriptor, isChild: Bool) {
        if (try? Poll.wait(process, for: Int16(POLLIN), milliseconds: 2000)) != true {
            try? Process.signal(process, SIGKILL)
            _ = try? Poll.wait(process, for: Int16(POLLIN), milliseconds: 5000)
        }
        if isChild { _ = try? Process.wait(process, blocking: false) }
    }
}
