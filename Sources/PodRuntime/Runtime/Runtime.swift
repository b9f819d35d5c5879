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

    /// Runs a command in a running container, as its main process runs: same user, groups, capabilities, system call
    /// filter, working directory and environment; stdin is /dev/null. Returns when the command's own process has ended;
    /// what it left behind in the background is killed then.
    ///
    /// The command lives in a child cgroup of the container's, so that its memory and CPU count as the container's, and
    /// so that it can be killed as a whole: at the deadline by the pod's supervisor, whether the agent lives or not, and
    /// at once where the calling task is cancelled.
    ///
    /// - Parameters:
    ///   - command: program and arguments; no shell is involved. A name without a slash is looked for in the
    ///     container's PATH.
    ///   - deadline: from the call on, at most a day.
    ///   - outputLimit: bytes of stdout and stderr together that are kept, at most 16 MiB; the rest is read and dropped,
    ///     so that the command never waits for its reader.
    /// - Throws: `RuntimeError(.notFound)` where the container does not run (yet, or any more), `.start` that names the
    ///   program where it cannot be executed, `.configuration` for an empty command, `.busy` where too many commands run
    ///   in the sandbox, `.shimLost`; `CancellationError` when a cancelled command has ended.
    func run(
        _ command: [String], in container: String, of sandbox: String, deadline: Duration, outputLimit: Int
    ) async throws -> CommandOutcome

    /// Connections that a pod's listening TCP sockets have not accepted yet; 0 where nothing runs. With the host's network
    /// only sockets that the pod's processes hold are counted.
    ///
    /// - Throws: `RuntimeError(.notFound)` where there is no such sandbox.
    func pendingConnections(of sandbox: String) async throws -> Int

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
