import KubernetesAPI
import Logging

/// What the controllers of one set share: one informer of each kind, however many of them follow it; and the recorders
/// of their events. Filled while the controllers are made, and run beside them.
final class ControllerParts {
    let client: APIClient
    let time: TimeSource
    let logger: Logger
    /// Is told of every change of every kind that a controller follows, before the controllers are.
    let tracker: MetadataTracker
    private var followed: [GroupVersionKind: any FollowedKind] = [:]
    private(set) var recorders: [EventRecorder] = []

    init(client: APIClient, time: TimeSource, logger: Logger) {
        self.client = client
        self.time = time
        self.logger = logger
        tracker = MetadataTracker(client: client, time: time, logger: logger)
    }

    /// The informers that were asked for.
    var informers: [any FollowedKind] { Array(followed.values) }
    var followedKinds: Set<GroupVersionKind> { Set(followed.keys) }

    /// The informer of a kind.
    func informer<Object: KubernetesObject>(_ type: Object.Type = Object.self) -> Informer<Object> {
        if let made = followed[type.groupVersionKind] as? Informer<Object> { return made }
        let logger = logger
        let informer = Informer(type, client: client, time: time) { error in
            logger.warning(
                "cannot follow the API's objects, trying again",
                metadata: ["kind": "\(Object.groupVersionKind.kind)", "error": "\(error)"])
        }
        tracker.attach(informer)
        followed[type.groupVersionKind] = informer
        return informer
    }

    /// A recorder of events for one component, as which it is known in `kubectl describe`.
    func recorder(_ component: String) -> EventRecorder {
        let logger = logger
        let recorder = EventRecorder(client: client, component: component, time: time) { error in
            logger.warning("an event was not written", metadata: ["component": "\(component)", "error": "\(error)"])
        }
        recorders.append(recorder)
        return recorder
    }
}

/// An informer of whichever kind.
protocol FollowedKind: Sendable {
    func run() async
    func waitUntilSynced() async throws
}

extension Informer: FollowedKind {}
