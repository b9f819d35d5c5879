/// What a `Reflector` delivers, in this order: `synced` first, then changes, and `synced` again after each new list.
public enum ReflectorEvent<Object: KubernetesObject>: Sendable {
    /// Everything there is, as of one moment. What the consumer knows and is not in here is gone.
    case synced([Object])
    case added(Object)
    case modified(Object)
    /// The object's last state.
    case deleted(Object)
}

/// Keeps one consumer up to date about the objects of a type, for ever: lists, then watches from the list's
/// resourceVersion; goes on from the last one seen when the server ends a watch; lists again after 410 Gone, and once
/// per `resync` in any case, so that nothing that was missed stays missed.
///
/// `metadata.managedFields` are left out: they are half of an object, nobody here reads them, and a write without them
/// leaves them as they are.
///
/// After an error it waits 0.8 s, doubling up to 30 s, with jitter (client-go's figures). Nothing here polls.
public struct Reflector<Object: KubernetesObject>: Sendable {
    private let transport: any APITransport
    private let request: APIRequest
    private let options: [String: String]
    private let time: TimeSource
    private let resync: Duration
    private let onError: @Sendable (any Error) -> Void

    /// - Parameters:
    ///   - kind: which kind to follow, where `Object` is only a view of it (its metadata, say).
    ///   - namespace: empty for all.
    ///   - options: `labelSelector`, `fieldSelector`.
    ///   - resync: how long a watch may go on until everything is listed anew.
    ///   - onError: told of each failure before the wait that follows it.
    public init(
        _ type: Object.Type = Object.self, kind: GroupVersionKind = Object.groupVersionKind, client: APIClient,
        namespace: String = "", options: [String: String] = [:], time: TimeSource = .system,
        resync: Duration = .seconds(600),
        onError: @escaping @Sendable (any Error) -> Void = { _ in }
    ) {
        transport = client.transport
        let resource = Schema.shared.resource(of: kind)
        request = APIRequest(
            verb: .list, group: kind.group, version: kind.version,
            resource: resource?.plural ?? kind.kind.lowercased() + "s",
            namespace: resource?.namespaced == false ? "" : namespace)
        self.options = options
        self.time = time
        self.resync = resync
        self.onError = onError
    }

    /// Delivers until the task is cancelled. The next event waits for `deliver` to return.
    public func run(_ deliver: @escaping @Sendable (ReflectorEvent<Object>) async -> Void) async {
        var backoff = Backoff()
        /// Where to watch from; nil where a list is due.
        var position: String?
        while !Task.isCancelled {
            let end: WatchEnd
            do {
                let start: String
                if let position {
                    start = position
                } else {
                    start = try await list(deliver)
                    position = start
                }
                end = await follow(from: start, deliver)
            } catch {
                end = WatchEnd(position: nil, error: error, progressed: false)
            }
            if Task.isCancelled { return }
            position = end.position
            if end.progressed { backoff.reset() }
            guard let error = end.error else { continue }
            let gone = (error as? APIError)?.isGone == true
            if gone { position = nil }
            // A first 410 is how a watch that slept too long is told so, not a server in trouble.
            if gone, backoff.isFresh {
                _ = backoff.next()
                continue
            }
            onError(error)
            try? await time.sleep(for: backoff.next())
        }
    }

    /// Lists everything, delivers it, and returns where to watch from.
    private func list(_ deliver: @Sendable (ReflectorEvent<Object>) async -> Void) async throws -> String {
        var items: [Object] = []
        var request = request
        request.options = options
        while true {
            let page = try ObjectList<Object>(json: await transport.send(request).withoutManagedFieldsOfItems)
            items += page.items
            guard !page.continueToken.isEmpty else {
                await deliver(.synced(items))
                return page.resourceVersion
            }
            request.options["continue"] = page.continueToken
        }
    }

    private struct WatchEnd: Sendable {
        /// Where to go on; nil: list.
        var position: String?
        var error: (any Error)?
        /// Whether the server did anything useful, so that the back-off begins anew.
        var progressed: Bool
    }

    /// One watch, until the server ends it or a resync is due.
    private func follow(
        from start: String, _ deliver: @escaping @Sendable (ReflectorEvent<Object>) async -> Void
    ) async -> WatchEnd {
        await withTaskGroup(of: WatchEnd.self) { group in
            group.addTask { await watch(from: start, deliver) }
            group.addTask {
                try? await time.sleep(for: resync)
                return WatchEnd(position: nil, error: nil, progressed: true)
            }
            let end = await group.next()
            group.cancelAll()
            // The watch may be inside `deliver`: two consumers at once must not be.
            await group.waitForAll()
            return end ?? WatchEnd(position: nil, error: nil, progressed: false)
        }
    }

    private func watch(
        from start: String, _ deliver: @Sendable (ReflectorEvent<Object>) async -> Void
    ) async -> WatchEnd {
        var request = request
        request.verb = .watch
        request.options = options
        request.options["resourceVersion"] = start
        request.options["allowWatchBookmarks"] = "true"
        var end = WatchEnd(position: start, error: nil, progressed: false)
        let elapsed = time.stopwatch()
        do {
            for try await event in try await transport.watch(request) {
                if event.type == "ERROR" {
                    throw APIError(status: (try? Status(json: event.object)) ?? Status())
                }
                let version = event.object[path: "metadata", "resourceVersion"]?.stringValue
                switch event.type {
                case "ADDED": await deliver(.added(try Object(json: event.object.withoutManagedFields)))
                case "MODIFIED": await deliver(.modified(try Object(json: event.object.withoutManagedFields)))
                case "DELETED": await deliver(.deleted(try Object(json: event.object.withoutManagedFields)))
                default: break
                }
                if let version { end.position = version }
                end.progressed = true
            }
            // A server that ends watches as soon as they begin is one in trouble.
            if !end.progressed, elapsed() < .seconds(1) { end.error = VeryShortWatch() } else { end.progressed = true }
        } catch {
            end.error = error
            // An object that this program cannot read would be sent again: begin after it, by a list.
            if error is JSONTypeError { end.position = nil }
        }
        return end
    }
}

extension JSONValue {
    /// A list with its items as they are without `metadata.managedFields`.
    fileprivate var withoutManagedFieldsOfItems: JSONValue {
        guard let items = self["items"]?.arrayValue else { return self }
        var list = self
        list["items"] = .array(items.map(\.withoutManagedFields))
        return list
    }
}

/// A watch that the server ended at once and without a word.
struct VeryShortWatch: Error, CustomStringConvertible {
    var description: String { "the watch ended within a second and without an event" }
}

/// Delays that double from 0.8 s to 30 s, each lengthened by up to half at random so that clients do not march in step.
struct Backoff {
    private var delay: Duration?
    private static let first = Duration.milliseconds(800)
    private static let cap = Duration.seconds(30)

    var isFresh: Bool { delay == nil }

    mutating func next() -> Duration {
        let present = delay.map { min($0 * 2, Self.cap) } ?? Self.first
        delay = present
        return min(present * Double.random(in: 1...1.5), Self.cap)
    }

    mutating func reset() { delay = nil }
}
