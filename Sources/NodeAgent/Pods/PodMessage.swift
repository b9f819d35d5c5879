import KubernetesAPI
import PodRuntime
import Synchronization

/// What a pod's worker is told; it takes one message after the other.
enum PodMessage: Sendable {
    /// The object has changed.
    case observed(Pod)
    /// The API has no such pod any more.
    case absent
    /// The node needs what the pod has, or the pod has more than it may.
    case evict(PodEviction)
    case exited(RuntimeContainerStatus)
    case sandboxLost(reason: String)
    /// The OOM killer ended processes of a container that goes on.
    case oomKilled(String, OOMKill)
    /// The node has room now for what the pod asked for.
    case resizeGranted(PodAllocation)
    /// The CPUs that containers share have changed.
    case cpusChanged

    // Answers to operations.
    case sandboxStarted(Result<SandboxStatus, RuntimeError>)
    case sandboxCleared(RuntimeError?)
    case volumesPrepared(Result<PodVolumes.Prepared, PodVolumes.Failure>)
    case hostPortsClaimed((any Error)?)
    case containerStarted(String, Attempt)
    /// The hook after a start is done; false where it failed.
    case postStarted(String, attempt: Int, Bool)
    /// No service leads new connections to the pod, or the time for that is up.
    case leftServices
    /// The hook before an end is done, however it ended.
    case preStopped(String, attempt: Int)
    case containerFailed(String, attempt: Int, ContainerFailure)
    /// With the record of how it ended, where there is one.
    case containerStopped(String, Result<RuntimeContainerStatus?, RuntimeError>)
    /// The end of an attempt's log, which explains its end.
    case logRead(String, attempt: Int, String)
    case allocationSaved(PodAllocation, RuntimeError?)
    /// What was changed, and why the rest was not.
    case resourcesChanged([ResourceStep], RuntimeError?)
    case tornDown(RuntimeError?)
    case objectDeleted((any Error)?)

    case statusWritten(isFinal: Bool)
    case probed(String, attempt: Int, ProbeKind, ProbeReport)
    /// A time that the plan named has come.
    case wake
    /// Look at everything again.
    case resync
}

/// Why a container could not be started.
struct ContainerFailure: Error, Sendable, Hashable {
    var kind: StartFailure.Kind
    var reason: String
    var message: String
    /// A limit that the host cannot enforce: it is not tried again.
    var isUnenforceable = false
}

/// A worker's queue: in order, with the newest state of the object in the place of older ones. It is bounded by what can
/// be under way for one pod.
final class PodInbox: Sendable {
    private let messages = Mutex<[PodMessage]>([])
    /// One reader. Rung whenever a message is there that was not before.
    let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init() { (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    func post(_ message: PodMessage) {
        messages.withLock { messages in
            switch message {
            case .observed: messages.removeAll { if case .observed = $0 { true } else { false } }
            case .wake where messages.contains(where: { $0.isSame(as: message) }): return
            case .cpusChanged where messages.contains(where: { $0.isSame(as: message) }): return
            case .resync where messages.contains(where: { $0.isSame(as: message) }): return
            default: break
            }
            messages.append(message)
        }
        ring.yield()
    }

    func take() -> [PodMessage] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }

    /// No more messages will be read.
    func close() { ring.finish() }
}

extension PodMessage {
    fileprivate func isSame(as other: PodMessage) -> Bool {
        switch (self, other) {
        case (.wake, .wake), (.resync, .resync), (.cpusChanged, .cpusChanged): true
        default: false
        }
    }
}
