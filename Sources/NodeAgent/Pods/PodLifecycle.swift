/// Where a pod stands on this node.
///
///     active ──── workDone ───────────────────┐
///       │                                     ▼
///       └─ endRequested ─► terminating ─► removing ─► over ─► deleting ─► gone
///                                  processesEnded  removed  deletionSeen  objectGone
///
/// - `active`: its containers are started and kept as its restart policy says.
/// - `terminating`: deleted, refused or out of time: what runs is stopped, nothing is started any more.
/// - `removing`: nothing runs. The sandbox, the volumes and, for a deleted pod, the logs are taken away.
/// - `over`: nothing is left on the node but logs; the object is still in the API, Succeeded or Failed.
/// - `deleting`: nothing is left on the node; the object's removal is the API's last word that is waited for.
/// - `gone`: done with.
enum PodLifecycle: String, Sendable, Hashable, CaseIterable {
    case active, terminating, removing, over, deleting, gone

    enum Event: String, Sendable, Hashable, CaseIterable {
        case workDone, endRequested, processesEnded, removed, deletionSeen, objectGone
    }

    /// The state after an event; the same state where the event means nothing in it.
    func apply(_ event: Event) -> PodLifecycle {
        switch (self, event) {
        case (.active, .workDone): .removing
        case (.active, .endRequested): .terminating
        case (.terminating, .processesEnded): .removing
        case (.removing, .removed): .over
        case (.over, .deletionSeen): .deleting
        case (.over, .objectGone), (.deleting, .objectGone): .gone
        default: self
        }
    }

    /// Nothing of it will be started any more.
    var isEnding: Bool { self != .active }
}
