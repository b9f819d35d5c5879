import Foundation
import KubernetesAPI
import Logging
import PodRuntime

/// Does one pod's operations. It keeps nothing: what came of an operation is its answer, a message to the worker.
struct PodExecutor: Sendable {
    let around: PodSurroundings

    /// What an operation may need to know of the pod as it was when the operation was decided.
    struct Context: Sendable {
        /// As it is allocated.
        var pod: Pod
        var cgroups: PodCgroups
        var addresses: [String]
        var volumes: [String: String]
        var hasSandbox: Bool
        /// An allocation of it is on disk.
        var wasResized: Bool
    }

    func perform(_ operation: PodOperation, _ context: Context) async -> PodMessage {
        switch operation {
        case .startSandbox: await startSandbox(context)
        case .clearSandbox: await clearSandbox(context.pod)
        case .prepareVolumes: await prepareVolumes(context)
        case .claimHostPorts: await claimHostPorts(context)
        case .startContainer(let name, let attempt): await startContainer(name, attempt, context)
        case .postStart(let name, let attempt): await postStart(name, attempt, context)
        case .leaveServices(let by): await leaveServices(context.pod, by: by)
        case .preStop(let name, let attempt, _, let by): await preStop(name, attempt, by: by, context)
        case .stopContainer(let name, _, let by): await stopContainer(name, by: by, context)
        case .saveAllocation(let allocation): await save(allocation, context.pod)
        case .changeResources(let steps): await change(steps, context.pod)
        case .readLog(let name, let attempt): await readLog(name, attempt, context)
        case .tearDown(let removeLogs): await tearDown(context, removeLogs: removeLogs)
        case .deleteObject: await deleteObject(context.pod)
        }
    }

    // MARK: Sandbox

    private func startSandbox(_ context: Context) async -> PodMessage {
        let pod = context.pod
        let resolver = ResolverConfiguration(
            pod, host: around.resolver, clusterDNS: around.configuration.clusterDNS,
            clusterDomain: around.configuration.clusterDomain)
        for problem in resolver.problems {
            around.record(pod, .warning, reason: problem.reason, message: problem.message)
        }
        do {
            let sandbox = try SandboxConfiguration(
                pod, resources: context.cgroups.pod, configuration: around.configuration, resolvConf: resolver.text)
            return .sandboxStarted(.success(try await around.runtime.startSandbox(sandbox)))
        } catch {
            let error = RuntimeError(wrapping: error)
            // A start whose answer was lost with the agent that had asked for it.
            if error.kind == .alreadyExists, let present = await around.runtime.status(of: pod.metadata.uid) {
                return .sandboxStarted(.success(present))
            }
            if error.kind != .unenforceable {
                around.record(
                    pod, .warning, reason: EventReason.failedCreatePodSandBox,
                    message: "Failed to create pod sandbox: \(error.message)")
            }
            return .sandboxStarted(.failure(error))
        }
    }

    private func clearSandbox(_ pod: Pod) async -> PodMessage {
        do {
            try await around.runtime.removeSandbox(pod.metadata.uid, removeLogs: false)
            return .sandboxCleared(nil)
        } catch {
            let error = RuntimeError(wrapping: error)
            around.record(
                pod, .warning, reason: EventReason.failedKillPod, message: "error killing pod: \(error.message)")
            return .sandboxCleared(error)
        }
    }

    private func prepareVolumes(_ context: Context) async -> PodMessage {
        let pod = context.pod
        if pod.spec.volumes.isEmpty { return .volumesPrepared(.success(PodVolumes.Prepared())) }
        do {
            let fields = around.fields(of: pod, addresses: context.addresses)
            return .volumesPrepared(.success(try await around.volumes.prepare(pod, fields: fields)))
        } catch {
            let failure =
                error as? PodVolumes.Failure ?? PodVolumes.Failure(volume: "", reason: "\(error)")
            around.record(pod, .warning, reason: EventReason.failedMount, message: failure.description)
            return .volumesPrepared(.failure(failure))
        }
    }

    // MARK: Resources

    private func save(_ allocation: PodAllocation, _ pod: Pod) async -> PodMessage {
        do {
            try await around.volumes.pool.run { [store = around.allocations] in
                try store.write(allocation, of: pod.metadata.uid)
            }
            return .allocationSaved(allocation, nil)
        } catch {
            return .allocationSaved(allocation, RuntimeError(wrapping: error))
        }
    }

    private func change(_ steps: [ResourceStep], _ pod: Pod) async -> PodMessage {
        var done: [ResourceStep] = []
        do {
            for step in steps {
                switch step {
                case .pod(let resources):
                    try await around.runtime.updateSandbox(pod.metadata.uid, resources: resources)
                case .container(let name, let resources):
                    try await around.runtime.updateContainer(name, in: pod.metadata.uid, resources: resources)
                }
                done.append(step)
            }
            return .resourcesChanged(done, nil)
        } catch {
            var error = RuntimeError(wrapping: error)
            if done.count < steps.count { error.message = "\(steps[done.count].owner): \(error.message)" }
            return .resourcesChanged(done, error)
        }
    }

    // MARK: End

    /// The kubelet's bounds: 80 lines, 2048 bytes.
    private func readLog(_ name: String, _ attempt: Int, _ context: Context) async -> PodMessage {
        let directory = SandboxConfiguration.logDirectory(
            of: context.pod.metadata, root: around.configuration.logDirectory)
        let tail = try? await around.logs.tail(path: "\(directory)/\(name)/\(attempt).log", lines: 80, bytes: 2048)
        return .logRead(name, attempt: attempt, String(decoding: tail ?? [], as: UTF8.self))
    }

    private func tearDown(_ context: Context, removeLogs: Bool) async -> PodMessage {
        let uid = context.pod.metadata.uid
        // Nothing of it listens any more. Before its network goes: as the last pod of a service it was led to until now,
        // and while its network is there a connection is refused at once; to an address without a host it would wait.
        await around.services.podIsGone(uid)
        do {
            // Always, even where no sandbox is known of: what another agent had begun is taken away too.
            try await around.runtime.removeSandbox(uid, removeLogs: removeLogs)
            if !context.pod.spec.volumes.isEmpty { try await around.volumes.removeAll(uid: uid) }
            if context.wasResized {
                try await around.volumes.pool.run { [store = around.allocations] in try store.remove(uid) }
            }
            around.volumes.tokens.forget(uid)
            return .tornDown(nil)
        } catch {
            let error = RuntimeError(wrapping: error)
            around.record(
                context.pod, .warning, reason: EventReason.failedKillPod,
                message: "error killing pod: \(error.message)")
            return .tornDown(error)
        }
    }

    /// Nobody can ask for the logs of a pod that is not in the API.
    func removeLogs(of metadata: ObjectMeta) async {
        let path = SandboxConfiguration.logDirectory(of: metadata, root: around.configuration.logDirectory)
        do {
            try await around.volumes.pool.run {
                if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
            }
        } catch {
            around.logger.warning("logs not removed", metadata: ["path": "\(path)", "error": "\(error)"])
        }
    }

    /// The last word: the object goes, if it is still this pod's.
    private func deleteObject(_ pod: Pod) async -> PodMessage {
        var options = DeleteOptions()
        options.gracePeriodSeconds = 0
        options.preconditions = Preconditions()
        options.preconditions?.uid = pod.metadata.uid
        do {
            try await around.client.delete(
                Pod.self, pod.metadata.name, namespace: pod.metadata.namespace, options: options)
        } catch let error as APIError where error.isNotFound || error.isConflict {
            // Gone already, or another pod has its name.
        } catch {
            around.logger.warning(
                "pod not deleted", metadata: ["pod": "\(pod.key)", "error": "\(error)"])
            return .objectDeleted(error)
        }
        return .objectDeleted(nil)
    }
}

extension RuntimeError {
    /// Whatever a call threw, as an error of the runtime.
    init(wrapping error: any Error) {
        self = error as? RuntimeError ?? RuntimeError(.create, step: "", object: "", message: "\(error)")
    }
}
