import KubernetesAPI
import PodRuntime

/// One run of a container, or one try to start it. Times are nanoseconds since 1970.
struct Attempt: Sendable, Hashable {
    struct End: Sendable, Hashable {
        var code: Int32
        var signal: Int32
        var finishedAt: Int64
        var reason: String
        var message: String
        /// It went with the sandbox (a reboot, a dead shim): nothing that the container did, so no back-off.
        var isLost = false
        /// What the OOM killer had to do with it.
        var oom: OOMKill?
    }

    /// The restart count that it has in the status; names its log file.
    var number: Int
    /// Without the scheme.
    var id: String
    var image: String
    var imageID: String
    /// Nil where the command was never executed.
    var startedAt: Int64?
    /// Nil while it runs.
    var end: End?
    /// What its cgroup has; nil where nobody has told.
    var resources: CgroupResources?
    /// The requests and limits that these come from.
    var requirements: ResourceRequirements?
}

extension Attempt {
    init(_ status: RuntimeContainerStatus) {
        number = status.attempt
        id = status.id
        image = status.image
        imageID = status.imageID
        startedAt = status.startedAt
        end = status.exit.map { End($0, wasStarted: status.startedAt != nil) }
        resources = status.resources
    }
}

extension Attempt.End {
    init(_ exit: ContainerExit, wasStarted: Bool = true) {
        code = exit.code
        signal = exit.signal
        finishedAt = exit.finishedAt
        message = exit.message
        oom = exit.oom
        reason =
            if exit.oomKilled {
                TerminatedReason.oomKilled
            } else if !wasStarted {
                TerminatedReason.startError
            } else if exit.code == 0 {
                TerminatedReason.completed
            } else {
                TerminatedReason.error
            }
    }

    /// The process is gone and left no record; 137 is what the kubelet reports then.
    static func unknown(at time: Int64) -> Attempt.End {
        Attempt.End(
            code: 137, signal: 0, finishedAt: time, reason: TerminatedReason.containerStatusUnknown,
            message: "The container could not be located when the pod was restarted. The container used to be Running",
            isLost: true)
    }
}

/// Why a container that should run has not been started, and when it is tried again.
struct StartFailure: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// The image is not there: shown as `ErrImagePull`, and as `ImagePullBackOff` a moment later.
        case image
        /// Nothing that waiting in a loop of crashes would say better.
        case other
        /// Its command could not be executed: an attempt was made and has ended.
        case start
    }
    var kind: Kind
    var reason: String
    var message: String
    var failedAt: Int64
    var retryAt: Int64
}

/// What is known of one container of a pod.
struct ContainerFacts: Sendable, Hashable {
    /// How long `ErrImagePull` is shown before `ImagePullBackOff`.
    static let imageErrorShown = Duration.seconds(1)

    var latest: Attempt?
    /// The attempt before the latest, for `lastState`.
    var previous: Attempt?
    var isStarting = false
    /// When the container is killed, where it was asked to end.
    var stopping: Int64?
    /// The hook after the start of the latest attempt; until it is done the container does not count as running.
    var postStart = PodFacts.Step.done
    /// The hook before the end of the latest attempt.
    var preStop = PodFacts.Step.due
    /// When the time is over that a container has to end alone.
    var stopBy: Int64?
    var failure: StartFailure?
    var backoff: CrashBackoff
    var imageRetry = RetryDelay(first: .seconds(10), cap: .seconds(300))
    var otherRetry = RetryDelay(first: .seconds(1), cap: .seconds(10))
    /// It failed without a word, and its log is to speak for it (`FallbackToLogsOnError`).
    var needsMessage = false
    /// It has to end, with so many seconds of grace.
    var restartGrace: Int64?
    /// A liveness or startup probe has failed: it is restarted whatever its exit code is, unless never.
    var isUnhealthy = false
    /// It ends so that it can start with new resources: at once, and not as a crash.
    var isResizeRestart = false
    /// A stop has failed; the next is not before this.
    var stopRetryAt: Int64 = 0
    /// The latest attempt's probes. Without a probe of the kind, both are true from the start.
    var hasStarted = false
    var isReady = false

    init(backoffCap: Duration) { backoff = CrashBackoff(cap: backoffCap) }

    var isRunning: Bool { latest.map { $0.end == nil } ?? false }
    /// Its process runs, and the hook after its start has not succeeded (yet).
    var isInPostStart: Bool { isRunning && postStart != .done }
    var end: Attempt.End? { latest?.end }
    var nextAttempt: Int { latest.map { $0.number + 1 } ?? 0 }

    /// A new attempt runs, or ran: its end may have been told before its start.
    mutating func started(_ attempt: Attempt, of container: Container, at now: Int64) {
        isStarting = false
        failure = nil
        imageRetry.reset()
        otherRetry.reset()
        if let latest, latest.number >= attempt.number { return }
        begin(attempt, at: now)
        if isRunning, container.lifecycle?.postStart != nil { postStart = .due } else { settleProbes(of: container) }
    }

    /// Nothing has to come before the probes any more; without a probe of a kind there is nothing to wait for.
    mutating func settleProbes(of container: Container) {
        guard isRunning else { return }
        if container.startupProbe == nil { hasStarted = true }
        if container.readinessProbe == nil, hasStarted { isReady = true }
    }

    /// An attempt has ended. A second report of the same, or one of an older attempt, changes nothing.
    mutating func ended(_ attempt: Attempt, at now: Int64) {
        if let latest, latest.number > attempt.number { return }
        if latest?.number == attempt.number {
            guard isRunning else { return }
            latest?.end = attempt.end
            if latest?.startedAt == nil { latest?.startedAt = attempt.startedAt }
        } else {
            begin(attempt, at: now)
        }
        stopping = nil
        hasStarted = false
        isReady = false
    }

    private mutating func begin(_ attempt: Attempt, at now: Int64) {
        if let end = latest?.end, !end.isLost, !isResizeRestart {
            backoff.restarted(at: now, finishedAt: end.finishedAt)
        }
        previous = latest ?? previous
        latest = attempt
        restartGrace = nil
        isUnhealthy = false
        isResizeRestart = false
        postStart = .done
        preStop = .due
        stopBy = nil
        hasStarted = false
        isReady = false
    }

    /// The sandbox is gone and with it whatever ran.
    mutating func lost(at now: Int64) {
        if isRunning { latest?.end = .unknown(at: now) }
        isStarting = false
        stopping = nil
        hasStarted = false
        isReady = false
    }
}
