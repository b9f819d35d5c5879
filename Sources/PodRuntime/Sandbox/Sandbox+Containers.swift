import Failpoint
import Glibc
import LinuxKernel
import ShimProtocol

extension Sandbox {
    /// Starts one attempt of a container; see `Runtime.startContainer`.
    func startContainer(_ configuration: ContainerConfiguration) async throws -> ContainerStatus {
        let key = ContainerKey(name: configuration.name, attempt: configuration.attempt)
        let client = try ready()
        try admit(key)
        launching.insert(key)
        defer { launching.remove(key) }
        let trace = StartTrace(subject: "\(key)")
        var undo = UndoStack()
        do {
            trace.mark("image")
            let image = try await findImage(configuration.image)
            guard !configuration.tty else {
                throw RuntimeError(
                    .configuration, step: "terminal", object: configuration.name,
                    message: "container \(configuration.name): tty is not supported")
            }
            trace.mark("prepare")
            let prepared = try await prepare(configuration, key, image, &undo)
            var container = prepared.record
            containers[key] = container
            watchKills(container)
            undo.push { [weak self, host] in
                host.oomWatch.remove(prepared.record.cgroup)
                await self?.forget(key)
            }
            Failpoint.hit("container.recorded")

            trace.mark("launch")
            let request = LaunchRequest(
                container: "\(key)", recordPath: paths.exit(key), logPath: container.status.logPath,
                logMaxBytes: configuration.logMaxBytes, logMaxFiles: UInt32(clamping: configuration.logMaxFiles),
                killsCgroup: record.configuration.shareProcessNamespace || record.configuration.hostPID,
                providesProcessNamespace: false)
            let (pid, startedAt) = try await launch(request, prepared, client)
            Failpoint.hit("container.launched")
            prepared.stamp(trace)
            trace.mark("running")

            // The exit may have been told already: keep what the pump wrote.
            container = containers[key] ?? container
            container.status.pid = pid
            container.status.startedAt = startedAt
            containers[key] = container
            await save(container)
            trace.save(to: paths.trace)
            launching.remove(key)
            if let exit = containers[key]?.status.exit {
                wake(key)
                container.status.exit = exit
                await save(container)
                host.events.yield(.containerExited(sandbox: id, container.status))
                await clean(key)
            }
            await prune(configuration.name)
            return containers[key]?.status ?? container.status
        } catch {
            trace.mark("failed")
            trace.save(to: paths.trace)
            await undo.unwind()
            throw error
        }
    }

    func ready() throws -> ShimClient {
        guard phase == .ready, let client else {
            throw RuntimeError(
                .shimLost, step: "sandbox", object: id, message: "sandbox \(id) is not ready: it has to be made anew")
        }
        return client
    }

    private func admit(_ key: ContainerKey) throws {
        guard !key.name.isEmpty, !key.name.contains("/"), !key.name.hasPrefix("."), key.name != PausePlan.key.name,
            key.attempt >= 0
        else {
            throw RuntimeError(
                .configuration, step: "container", object: key.name, message: "\"\(key.name)\" cannot name a container")
        }
        let isRunning = containers.values.contains { $0.key.name == key.name && $0.status.exit == nil }
        if isRunning || launching.contains(where: { $0.name == key.name }) || containers[key] != nil {
            throw RuntimeError(
                .alreadyExists, step: "container", object: "\(key)",
                message: "container \(key.name) of sandbox \(id) is there already")
        }
    }

    private func findImage(_ reference: String) async throws -> ImageInfo {
        guard let image = try await host.images.resolve(reference) else {
            throw RuntimeError(
                .imageNotFound, step: "image", object: reference,
                message: "image \"\(reference)\" is not in \(host.images.location)")
        }
        return image
    }

    /// Everything about an attempt that is made before the clone.
    struct Prepared: Sendable {
        let record: ContainerRecord
        let plan: LaunchPlan
        let planFile: FileDescriptor
        let stamps: FileDescriptor
        let cgroup: FileDescriptor
        let attached: [FileDescriptor]

        /// Puts the walker's own time stamps into the trace.
        func stamp(_ trace: StartTrace) {
            guard let bytes = try? FileAccess.read(stamps) else { return }
            bytes.withUnsafeBytes { buffer in
                for index in 0...plan.count where (index + 1) * 8 <= buffer.count {
                    let time = buffer.loadUnaligned(fromByteOffset: index * 8, as: Int64.self)
                    guard time > 0 else { continue }
                    let (name, object) = plan.step(at: index)?.nameAndObject ?? ("clone", "")
                    trace.mark("plan \(name) \(object)", at: time)
                }
            }
        }
    }

    private func prepare(
        _ configuration: ContainerConfiguration, _ key: ContainerKey, _ image: ImageInfo, _ undo: inout UndoStack
    ) async throws -> Prepared {
        let host = self.host
        let paths = self.paths
        let sandbox = record.configuration
        let podCgroup = record.cgroup
        let cgroup = "\(podCgroup)/\(key)"
        let stopSignal =
            image.configuration.stopSignal.isEmpty ? SIGTERM : try Signals.parse(image.configuration.stopSignal)
        let hasMessage = !(configuration.terminationMessagePath ?? "").isEmpty
        let logDirectory = "\(sandbox.logDirectory)/\(configuration.name)"
        let id = "\(self.id)-\(key)"
        undo.push {
            try? await host.removals.run {
                try host.cgroups.removeTree(cgroup, deadline: .seconds(10))
                try FileAccess.removeTree(paths.storage(key))
                try FileAccess.removeTree(paths.facts(key))
            }
        }
        return try await host.starts.run {
            let security = configuration.security
            let capabilities = try Capabilities.mask(
                add: security.addCapabilities, drop: security.dropCapabilities, privileged: security.privileged)
            try RuntimeError.wrapping(.create, step: "image") { try host.images.lease(image, to: sandbox.id) }
            let layers = try host.images.layers(of: image)
            let user = try host.users.resolve(configuration.user, image: image, layers: layers)
            let permitted = capabilities & host.permittedCapabilities

            try RuntimeError.wrapping(.create, step: "folder") {
                try FileAccess.makeDirectory(paths.facts(key), mode: 0o700)
                try FileAccess.makeDirectory(paths.storage(key), mode: 0o700)
                try FileAccess.makeDirectory(paths.upper(key), mode: 0o755)
                try FileAccess.makeDirectory(paths.work(key), mode: 0o700)
                if hasMessage {
                    // Any user of the container may write it.
                    let file = try FileAccess.open(paths.terminationMessage(key), O_WRONLY | O_CREAT | O_TRUNC)
                    try retryingOnInterrupt("fchmod") { fchmod(file.rawValue, 0o666) }
                }
                try FileAccess.makeDirectories(logDirectory)
            }
            Failpoint.hit("container.folders")
            let handle = try host.cgroups.makeContainer(
                podPath: podCgroup, name: configuration.name, attempt: configuration.attempt,
                resources: configuration.resources, bestEffort: host.configuration.bestEffort)
            if !security.privileged, let filter = host.deviceFilter {
                try RuntimeError.wrapping(.create, step: "device filter") { try filter.attach(to: handle.fd) }
            }
            Failpoint.hit("container.cgroup")

            let built = try ContainerPlan(
                sandbox: sandbox, configuration: configuration, image: image.configuration, layers: layers, user: user,
                capabilities: permitted, paths: paths, key: key, emptyDirectory: host.emptyDirectory
            ).build()
            let record = ContainerRecord(
                key: key,
                status: ContainerStatus(
                    name: configuration.name, attempt: configuration.attempt, id: id, image: configuration.image,
                    imageID: image.id, pid: 0, createdAt: Realtime.nanoseconds(), startedAt: nil, exit: nil,
                    logPath: "\(logDirectory)/\(configuration.attempt).log", resources: configuration.resources),
                cgroup: handle.path, stopSignal: stopSignal, hasTerminationMessage: hasMessage, isCleaned: false,
                oomCounts: host.cgroups.oomCounts(handle.path))
            try RuntimeError.wrapping(.create, step: "record") {
                // Before the record, which says that it is there.
                try Facts.write(built.process, to: paths.process(key))
                try Facts.write(record, to: paths.record(key))
            }
            return try Self.package(record, built.plan, handle.fd, built.descriptors)
        }
    }

    /// Puts a plan into memory files.
    static func package(
        _ record: ContainerRecord, _ plan: LaunchPlan, _ cgroup: FileDescriptor, _ attached: [FileDescriptor]
    ) throws -> Prepared {
        try RuntimeError.wrapping(.create, step: "plan") {
            let file = try FileDescriptor.memory("launch-plan")
            try FileAccess.write(plan.encoded(), to: file)
            let stamps = try FileDescriptor.memory("stamps")
            try retryingOnInterrupt("ftruncate") { ftruncate(stamps.rawValue, (plan.count + 2) * 8) }
            return Prepared(
                record: record, plan: plan, planFile: file, stamps: stamps, cgroup: cgroup, attached: attached)
        }
    }

    /// Hands a plan to the shim; returns when exec has succeeded.
    func launch(
        _ request: LaunchRequest, _ prepared: Prepared, _ client: ShimClient
    ) async throws -> (pid: Int32, startedAt: Int64) {
        let answer: ShimClient.Answer
        do {
            answer = try await client.request(
                .launch(request), [prepared.planFile, prepared.cgroup, prepared.stamps] + prepared.attached,
                kind: .create, step: "launch", deadline: .seconds(30))
        } catch let error as RuntimeError where error.kind == .timeout {
            // The shim answers when its processes are gone.
            _ = try? await client.request(.kill(container: request.container), kind: .create, step: "kill")
            throw error
        }
        switch answer.message {
        case .launched(let pid, let startedAt):
            return (pid, startedAt)
        case .launchFailed(let failure):
            throw RuntimeError(launch: failure, of: prepared.plan, container: request.container)
        default:
            throw RuntimeError(
                .create, step: "launch", object: request.container, message: "the supervisor gave no answer to a launch"
            )
        }
    }

    /// PID 1 of a shared PID namespace.
    func startPause() async throws {
        let client = try ready()
        let key = PausePlan.key
        let (host, paths, pod, sandbox) = (self.host, self.paths, record.cgroup, record.configuration)
        let prepared = try await host.starts.run {
            let handle = try host.cgroups.makeContainer(
                podPath: pod, name: key.name, attempt: key.attempt, resources: CgroupResources(), bestEffort: true)
            try RuntimeError.wrapping(.sandbox, step: "pause") {
                try FileAccess.makeDirectory(paths.facts(key), mode: 0o700)
            }
            let record = ContainerRecord(
                key: key,
                status: ContainerStatus(
                    name: key.name, attempt: key.attempt, id: "", image: "", imageID: "", pid: 0,
                    createdAt: Realtime.nanoseconds(), startedAt: nil, exit: nil, logPath: ""),
                cgroup: handle.path, stopSignal: SIGKILL, hasTerminationMessage: false, isCleaned: false)
            try RuntimeError.wrapping(.sandbox, step: "pause") { try Facts.write(record, to: paths.record(key)) }
            return try Self.package(record, PausePlan.build(sandbox, paths: paths), handle.fd, [])
        }
        let request = LaunchRequest(
            container: "\(key)", recordPath: paths.exit(key), logPath: "", logMaxBytes: 0, logMaxFiles: 1,
            killsCgroup: false, providesProcessNamespace: true)
        let (pid, startedAt) = try await launch(request, prepared, client)
        var container = prepared.record
        container.status.pid = pid
        container.status.startedAt = startedAt
        containers[key] = container
        await save(container)
    }

    private func forget(_ key: ContainerKey) {
        containers[key] = nil
        processes[key] = nil
        wake(key)
    }

    /// Keeps the present attempt of a container and the one before: facts and log.
    private func prune(_ name: String) async {
        let attempts = containers.keys.filter { $0.name == name }.sorted { $0.attempt < $1.attempt }
        for key in attempts.dropLast(2) {
            guard let container = containers[key], container.status.exit != nil else { continue }
            await clean(key)
            containers[key] = nil
            processes[key] = nil
            if let client {
                _ = try? await client.request(.forget(container: "\(key)"), kind: .create, step: "forget")
            }
            let (log, facts) = (container.status.logPath, paths.facts(key))
            try? await host.removals.run {
                let (directory, file) = FileAccess.split(log)
                for name in try FileAccess.list(directory) where name == file || name.hasPrefix(file + ".") {
                    try FileAccess.remove("\(directory)/\(name)")
                }
                try FileAccess.removeTree(facts)
            }
        }
    }
}
