import KubernetesAPI
import NIOCore

/// A watch as a client asked for it: the store's changes through a selection, with bookmarks and an end.
struct ObjectWatch: Sendable {
    /// One line of the watch.
    enum Frame: Sendable {
        case object(StoreEvent.Kind, StoredObject, of: StoreEvent?)
        case bookmark(resourceVersion: Int64, endsInitialEvents: Bool)
        /// The last one of a watch that cannot go on.
        case failure(Status)
    }

    private let resource: ServedResource
    private let source: StoreWatch
    private let selection: Selection
    private let sendsBookmarks: Bool
    private let endsInitialEvents: Bool
    private let deadline: Scheduled<Void>?
    private let refusal: APIError?

    /// A watch that was asked for rightly and cannot be had. As in the API server that is not the answer's status but
    /// its only event, whether the reason comes up at the beginning or later (apiserver `cacher.newErrorWatcher`).
    init(resource: ServedResource, refusal: APIError) {
        self.resource = resource
        self.refusal = refusal
        source = .ended
        selection = .everything
        sendsBookmarks = false
        endsInitialEvents = false
        deadline = nil
    }

    /// - Parameters:
    ///   - endsInitialEvents: whether a bookmark says that the initial events are over (`sendInitialEvents`).
    ///   - deadline: what ends the watch when its time is over; cancelled by `end()`.
    init(
        resource: ServedResource, source: StoreWatch, selection: Selection, sendsBookmarks: Bool,
        endsInitialEvents: Bool, deadline: Scheduled<Void>?
    ) {
        self.resource = resource
        self.source = source
        self.selection = selection
        self.sendsBookmarks = sendsBookmarks
        self.endsInitialEvents = endsInitialEvents
        self.deadline = deadline
        refusal = nil
    }

    var kind: GroupVersionKind { resource.kind }

    /// Lets the watch go.
    @Sendable func end() {
        deadline?.cancel()
        source.cancel()
    }

    /// The frames, one reader's.
    func makeIterator() -> Iterator { Iterator(self) }

    struct Iterator {
        private let watch: ObjectWatch
        private var objects: ArraySlice<StoredObject>
        private var backlog: ArraySlice<StoreEvent>
        private var items: AsyncStream<StoreWatchItem>.AsyncIterator
        private var owesInitialEnd: Bool
        private var refusal: APIError?

        init(_ watch: ObjectWatch) {
            self.watch = watch
            objects = watch.source.objects[...]
            backlog = watch.source.backlog[...]
            items = watch.source.items.makeAsyncIterator()
            owesInitialEnd = watch.endsInitialEvents
            refusal = watch.refusal
        }

        /// The next frame; nil at the end of the watch.
        mutating func next() async -> Frame? {
            if let refusal = refusal.take() { return .failure(refusal.status) }
            while let object = objects.popFirst() {
                let object = watch.resource.presented(object)
                if watch.selection.matches(object) { return .object(.added, object, of: nil) }
            }
            if owesInitialEnd {
                owesInitialEnd = false
                return .bookmark(resourceVersion: watch.source.resourceVersion, endsInitialEvents: true)
            }
            while let event = backlog.popFirst() {
                if let frame = frame(of: event) { return frame }
            }
            while let item = await items.next() {
                switch item {
                case .event(let event):
                    if let frame = frame(of: event) { return frame }
                case .progress(let version):
                    if watch.sendsBookmarks { return .bookmark(resourceVersion: version, endsInitialEvents: false) }
                }
            }
            return nil
        }

        /// What the change is through the selection: an object that begins to match is added, one that ceases to
        /// match is deleted.
        private func frame(of stored: StoreEvent) -> Frame? {
            let event = watch.resource.presented(stored)
            if watch.selection.isEverything { return .object(event.kind, event.object, of: event) }
            let matched = event.previous.map(watch.selection.matches) ?? false
            let matches = event.kind != .deleted && watch.selection.matches(event.object)
            switch (matched, matches) {
            case (false, false): return nil
            case (false, true): return .object(.added, event.object, of: event)
            case (true, true): return .object(.modified, event.object, of: event)
            case (true, false):
                guard event.kind != .deleted, let previous = event.previous else {
                    return .object(.deleted, event.object, of: event)
                }
                // As the API server does: the state that last matched, under the version of the change.
                var value = previous.value
                value["metadata"]?["resourceVersion"] = .string(String(event.resourceVersion))
                let left = StoredObject(
                    collection: previous.collection, key: previous.key, resourceVersion: event.resourceVersion,
                    writtenAt: previous.writtenAt, bytes: value.bytes, value: value)
                return .object(.deleted, left, of: nil)
            }
        }
    }

    /// The object of a bookmark: nothing but its kind and version.
    static func bookmark(kind: GroupVersionKind, resourceVersion: Int64, endsInitialEvents: Bool) -> JSONValue {
        var metadata: JSONObject = ["resourceVersion": .string(String(resourceVersion)), "creationTimestamp": nil]
        if endsInitialEvents {
            metadata["annotations"] = ["k8s.io/initial-events-end": "true"]
        }
        return [
            "kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion), "metadata": .object(metadata),
        ]
    }
}
