/// What runs pods: the one protocol between the node agent and Linux.
///
/// `PodRuntime` is the real one; the node agent's tests have another. All identifiers are opaque to it: a sandbox's
/// `id` is the pod's uid. Every call has a deadline of its own and throws `RuntimeError`, and a call that throws has
/// undone what it had made.
public protocol Runtime: Sendable {
    /// Makes the pod's cgroup, its namespaces, its network and its shim, and returns what was given to it.
    /// Starting an `id` that is up already is an error (`.alreadyExists`).
    func startSandbox(_ configuration: SandboxConfiguration) async throws -> SandboxStatus

    /// Starts one container in a running sandbox and returns when its process has been exec'd.
    ///
    /// A failure names the step, the object and the errno; `RuntimeError.kind` tells a container that cannot be made
    /// (`CreateContainerError`) from one whose command cannot be run (`StartError`).
    func startContainer(_ configuration: ContainerConfiguration, in sandbox: String) async throws -> ContainerStatus

    /// Sends `signal` (the image's stop signal where nil), waits for at most `grace`, then kills the container's
    /// cgroup as a whole. Returns when the process is gone and its exit is recorded. Stopping a container that is
    /// gone already is no error.
    func stopContainer(_ name: String, in sandbox: String, signal: String?, grace: Duration) async throws

    /// Sends a signal to the main process of a running container without waiting for anything.
    func signalContainer(_ name: String, in sandbox: String, signal: String) async throws

    /// Changes what a running container's cgroup has, in place: nothing is restarted. What is nil now goes back to the
    /// kernel's default. All or nothing; kept with the container's facts (`ContainerStatus.resources`).
    ///
    /// Raise the pod's limits before its containers', lower them after (KEP-1287, "Container resource limit update
    /// ordering").
    ///
    /// - Throws: `RuntimeError(.memoryInUse)` where `memory.max` would be below what is in use, `.unenforceable` as at a
    ///   start, `.notFound` where the container does not run.
    func updateContainer(_ name: String, in sandbox: String, resources: CgroupResources) async throws

    /// As `updateContainer`, for the pod's own cgroup; kept in the sandbox's configuration.
    func updateSandbox(_ id: String, resources: CgroupResources) async throws

    /// As `updateContainer`, for all pods of a class together: weight, protection, limits. Guaranteed pods stand directly
    /// below the parent, so `.guaranteed` names the parent, and with it all pods of the node (the kubelet's
    /// `--enforce-node-allocatable=pods`). What this host cannot enforce is left out; it is in `capabilities.missing`.
    /// Not kept over a start of the agent, which says it again.
    func updateLevel(_ qos: QualityOfService, resources: CgroupResources) async throws

    /// What a pod and its running containers use. Reads on descriptors that stay open from the first call until the pod
    /// is gone, or nobody has asked for a while.
    ///
    /// - Throws: `RuntimeError(.notFound)` where there is no such sandbox.
    func statistics(of sandbox: String) async throws -> SandboxStatistics

    /// What all pods use, what the node's own helpers use, and the machine.
    func nodeStatistics() async throws -> NodeStatistics

    /// Ends every process of the sandbox (cgroup.kill), then removes all that belongs to it: shim, namespaces,
    /// mounts, address, cgroups, run-time folder. Idempotent. Logs are kept unless `removeLogs` is set.
    func removeSandbox(_ id: String, removeLogs: Bool) async throws

    /// Every sandbox that this runtime knows, from facts on disk and from what the shims answer. Called once after
    /// a start of the agent, before anything else: it finds what runs, and what ended while no agent was there.
    func recover() async throws -> [SandboxStatus]

    /// The present state of one sandbox, or nil where there is none.
    func status(of id: String) async -> SandboxStatus?

    /// Everything that happens without having been asked for. One consumer; buffered without loss.
    var events: AsyncStream<RuntimeEvent> { get }

    /// The images of this node.
    var images: any ImageProvider { get }

    /// What this host can enforce, found once at the start.
    var capabilities: HostCapabilities { get }
}
