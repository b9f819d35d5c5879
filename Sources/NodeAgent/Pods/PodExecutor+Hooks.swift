import InternetAddress
import KubernetesAPI
import PodRuntime

/// What surrounds the life of a pod's containers: their hooks, and the services that lead to them.
extension PodExecutor {
    /// The longest that a pod waits to be out of its services: an API that does not answer holds nothing up for ever.
    static let departureLimit = Duration.seconds(2)
    /// The same for a pod that ends without having been deleted: no controller takes it for terminating, so only this
    /// node's own rules are waited for.
    static let ownDepartureLimit = Duration.milliseconds(250)
    /// The longest that a server is given to accept what had arrived before the rules changed.
    static let backlogLimit = Duration.milliseconds(250)

    // MARK: Services

    func claimHostPorts(_ context: Context) async -> PodMessage {
        let pod = context.pod
        do {
            try await around.services.claimHostPorts(
                pod.metadata.uid, pod.hostPortClaims, addresses: context.addresses.compactMap(IPAddress.init))
            return .hostPortsClaimed(nil)
        } catch let error as HostPortConflict {
            around.record(pod, .warning, reason: EventReason.hostPortConflict, message: error.description)
            return .hostPortsClaimed(error)
        } catch {
            around.record(
                pod, .warning, reason: EventReason.failedCreatePodSandBox,
                message: "Failed to create pod sandbox: host ports: \(error)")
            return .hostPortsClaimed(error)
        }
    }

    func leaveServices(_ pod: Pod, by: Int64) async -> PodMessage {
        let limit = pod.metadata.deletionTimestamp == nil ? Self.ownDepartureLimit : Self.departureLimit
        let left = Duration.nanoseconds(max(by - around.now, 0))
        let wasServed = await around.services.podIsLeaving(pod.metadata.uid, within: min(limit, left))
        if wasServed, !pod.spec.hostNetwork { await drainBacklog(of: pod, within: min(Self.backlogLimit, left)) }
        return .leftServices
    }

    /// Connections that came before the rules changed may wait in the kernel until the server accepts them: a server that
    /// is asked to end drops them unanswered. Nothing tells when there are none, so they are counted.
    private func drainBacklog(of pod: Pod, within limit: Duration) async {
        let elapsed = around.time.stopwatch()
        var pause = Duration.milliseconds(1)
        while elapsed() < limit, !Task.isCancelled {
            // A pod that cannot be asked has nothing that accepts.
            guard let count = try? await around.runtime.pendingConnections(of: pod.metadata.uid), count > 0 else {
                return
            }
            try? await around.time.sleep(for: pause)
            pause = min(pause * 2, .milliseconds(16))
        }
    }

    // MARK: Hooks

    func postStart(_ name: String, _ attempt: Int, _ context: Context) async -> PodMessage {
        let isDone = await run(\.postStart, of: name, within: LifecycleHook.longest, context)
        if !isDone, !Task.isCancelled {
            // What went wrong may hold secrets of the server that was asked; the kubelet keeps it to itself, too.
            around.record(
                context.pod, .warning, reason: EventReason.failedPostStartHook, message: "PostStartHook failed",
                container: name)
        }
        return .postStarted(name, attempt: attempt, isDone)
    }

    func preStop(_ name: String, _ attempt: Int, by: Int64, _ context: Context) async -> PodMessage {
        let limit = Duration.nanoseconds(max(by - around.now, 0))
        let isDone = await run(\.preStop, of: name, within: limit, context)
        if !isDone, !Task.isCancelled {
            around.record(
                context.pod, .warning, reason: EventReason.failedPreStopHook, message: "PreStopHook failed",
                container: name)
        }
        return .preStopped(name, attempt: attempt)
    }

    private func run(
        _ handler: KeyPath<Lifecycle, LifecycleHandler?>, of name: String, within limit: Duration, _ context: Context
    ) async -> Bool {
        let pod = context.pod
        guard let container = (pod.spec.containers + pod.spec.initContainers).first(where: { $0.name == name }),
            let handler = container.lifecycle?[keyPath: handler]
        else { return true }
        do {
            let hook = try LifecycleHook(
                handler, of: container, podAddress: around.address(of: pod, addresses: context.addresses),
                version: ProbeTarget.agentVersion(around.configuration.kubernetesVersion))
            try await hook.run(in: name, of: pod.metadata.uid, within: limit, around)
            return true
        } catch {
            around.logger.info(
                "hook failed", metadata: ["pod": "\(pod.key)", "container": "\(name)", "error": "\(error)"])
            return false
        }
    }

    // MARK: End

    func stopContainer(_ name: String, by: Int64, _ context: Context) async -> PodMessage {
        let pod = context.pod
        let signal = (pod.spec.containers + pod.spec.initContainers).first { $0.name == name }?.lifecycle?.stopSignal
        do {
            try await around.runtime.stopContainer(
                name, in: pod.metadata.uid, signal: signal?.rawValue, grace: .nanoseconds(max(by - around.now, 0)))
            // The record of the end, in case it is not among the events yet.
            let status = await around.runtime.status(of: pod.metadata.uid)?.containers
                .last { $0.name == name && $0.exit != nil }
            return .containerStopped(name, .success(status))
        } catch {
            let error = RuntimeError(wrapping: error)
            around.record(
                pod, .warning, reason: EventReason.failedKillPod,
                message: "error killing container \(name): \(error.message)", container: name)
            return .containerStopped(name, .failure(error))
        }
    }
}
