import KubernetesAPI
import Synchronization

/// A small API server in memory for tests of controllers: resource versions, optimistic locking, generations, status
/// subresources, finalizers, graceful deletion of pods, bindings, and watches that replay from a version.
final class FakeAPI: APITransport {
    struct Slot: Hashable {
        var resource: String
        var key: ObjectKey
    }

    private struct Entry {
        var version: Int64
        var resource: String
        var event: RawWatchEvent
    }

    private struct Watcher {
        var resource: String
        var namespace: String
        var continuation: AsyncThrowingStream<RawWatchEvent, any Error>.Continuation
    }

    private struct State {
        var version: Int64 = 1
        var objects: [Slot: JSONValue] = [:]
        var history: [Entry] = []
        /// Watches from before this version are told 410.
        var compacted: Int64 = 0
        var watchers: [Int: Watcher] = [:]
        var nextID = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var requests: [APIRequest] = []
        var observers: [@Sendable (FakeAPI.Snapshot) -> Void] = []
        var refusals: [@Sendable (APIRequest) -> APIError?] = []
    }

    /// What is stored, to be looked at.
    struct Snapshot {
        fileprivate let objects: [Slot: JSONValue]

        func all<Object: KubernetesObject>(_ type: Object.Type) -> [Object] {
            let plural = FakeAPI.plural(of: type)
            return objects.filter { $0.key.resource == plural }.compactMap { try? Object(json: $0.value) }
                .sorted { $0.key < $1.key }
        }

        func one<Object: KubernetesObject>(_ type: Object.Type, _ name: String, _ namespace: String = "default")
            -> Object?
        {
            objects[Slot(resource: FakeAPI.plural(of: type), key: ObjectKey(namespace: namespace, name: name))]
                .flatMap { try? Object(json: $0) }
        }
    }

    private let state = Mutex(State())
    private let time: TimeSource

    init(time: TimeSource = .system) { self.time = time }

    var client: APIClient { APIClient(transport: self) }
    var snapshot: Snapshot { state.withLock { Snapshot(objects: $0.objects) } }
    /// Everything that was asked so far, but watches and lists.
    var requests: [APIRequest] { state.withLock { $0.requests } }

    /// Called after each write, under the lock: in the order of the writes.
    func observe(_ observer: @escaping @Sendable (Snapshot) -> Void) {
        state.withLock { $0.observers.append(observer) }
    }

    /// Lets requests fail: asked before each one.
    func refuse(_ refusal: @escaping @Sendable (APIRequest) -> APIError?) {
        state.withLock { $0.refusals.append(refusal) }
    }

    /// Ends all watches, as a server does that restarts.
    func endWatches() {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            return Array(state.watchers.values)
        }
        for watcher in watchers { watcher.continuation.finish() }
    }

    /// Forgets the history, so that every watch from before is told 410 Gone.
    func compact() { state.withLock { $0.compacted = $0.version } }

    /// Waits until the condition holds; it is looked at after each write. Throws after ten seconds of real time.
    func until(_ what: String, _ condition: @escaping @Sendable (Snapshot) -> Bool) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                while true {
                    let id = state.withLock { state in
                        state.nextID += 1
                        return state.nextID
                    }
                    let holds = await withTaskCancellationHandler {
                        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                            let holds = state.withLock { state in
                                if Task.isCancelled || condition(Snapshot(objects: state.objects)) { return true }
                                state.waiters[id] = continuation
                                return false
                            }
                            if holds { continuation.resume() }
                        }
                        return condition(snapshot)
                    } onCancel: {
                        state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
                    }
                    try Task.checkCancellation()
                    if holds { return }
                }
            }
            group.addTask {
                try await Task.sleep(for: .seconds(45))
                throw Timeout(what: what)
            }
            try await group.next()
            group.cancelAll()
        }
    }

    struct Timeout: Error, CustomStringConvertible {
        var what: String
        var description: String { "did not come about: \(what)" }
    }

    static func plural<Object: KubernetesObject>(of type: Object.Type) -> String {
        Schema.shared.resource(of: Object.groupVersionKind)?.plural ?? Object.groupVersionKind.kind.lowercased()
    }

    // MARK: APITransport

    func send(_ request: APIRequest) async throws -> JSONValue {
        let (answer, woken) = try state.withLock { state in
            if request.verb != .list { state.requests.append(request) }
            for refusal in state.refusals { if let error = refusal(request) { throw error } }
            let before = state.version
            let answer = try handle(request, &state)
            guard state.version != before else { return (answer, [CheckedContinuation<Void, Never>]()) }
            let snapshot = Snapshot(objects: state.objects)
            for observer in state.observers { observer(snapshot) }
            defer { state.waiters = [:] }
            return (answer, Array(state.waiters.values))
        }
        for waiter in woken { waiter.resume() }
        return answer
    }

    func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        let from = Int64(request.options["resourceVersion"] ?? "") ?? 0
        let (stream, continuation) = AsyncThrowingStream<RawWatchEvent, any Error>.makeStream()
        try state.withLock { state in
            guard from >= state.compacted else {
                throw APIError(code: 410, reason: .expired, message: "too old resource version: \(from)")
            }
            for entry in state.history where entry.version > from && entry.resource == request.resource {
                continuation.yield(entry.event)
            }
            state.nextID += 1
            let id = state.nextID
            state.watchers[id] = Watcher(
                resource: request.resource, namespace: request.namespace, continuation: continuation)
        }
        return stream
    }

    private func handle(_ request: APIRequest, _ state: inout State) throws -> JSONValue {
        let slot = Slot(
            resource: request.resource, key: ObjectKey(namespace: request.namespace, name: request.name))
        switch request.verb {
        case .get:
            return try present(slot, state)
        case .list, .watch:
            let items = state.objects.filter { entry in
                entry.key.resource == request.resource
                    && (request.namespace.isEmpty || entry.key.key.namespace == request.namespace)
            }.sorted { $0.key.key < $1.key.key }.map(\.value)
            return ["metadata": ["resourceVersion": .string(String(state.version))], "items": .array(items)]
        case .create where request.subresource == "binding":
            var pod = try present(slot, state)
            guard pod[path: "spec", "nodeName"]?.stringValue ?? "" == "" else {
                throw conflict(slot, "pod is already assigned to a node")
            }
            pod["spec"]?["nodeName"] = request.body?[path: "target", "name"]
            return store(pod, slot, "MODIFIED", &state)
        case .create: return try create(request, slot, &state)
        case .update: return try update(request.body ?? .null, slot, request.subresource, &state)
        case .patch:
            let patched = Self.merge(request.body ?? .null, into: try present(slot, state))
            return try update(patched, slot, request.subresource, &state)
        case .delete: return try delete(request, slot, &state)
        case .deletecollection:
            for key in state.objects.keys
            where key.resource == request.resource && key.key.namespace == request.namespace {
                _ = try delete(request, key, &state)
            }
            return .null
        }
    }

    private func create(_ request: APIRequest, _ slot: Slot, _ state: inout State) throws -> JSONValue {
        var object = request.body ?? .null
        var slot = slot
        var name = object[path: "metadata", "name"]?.stringValue ?? ""
        if name.isEmpty {
            let prefix = object[path: "metadata", "generateName"]?.stringValue ?? ""
            name = prefix + String((0..<5).compactMap { _ in "bcdfghjklmnpqrstvwxz2456789".randomElement() })
        }
        slot.key.name = name
        guard state.objects[slot] == nil else {
            throw APIError(
                code: 409, reason: .alreadyExists, message: "\(slot.resource) \"\(name)\" already exists")
        }
        object["metadata"]?["name"] = .string(name)
        object["metadata"]?["uid"] = .string("uid-\(state.version + 1)")
        object["metadata"]?["generation"] = 1
        object["metadata"]?["creationTimestamp"] = time.now.json
        if slot.resource == "namespaces" { object["spec"] = ["finalizers": ["kubernetes"]] }
        return store(object, slot, "ADDED", &state)
    }

    private func update(
        _ body: JSONValue, _ slot: Slot, _ subresource: String, _ state: inout State
    ) throws -> JSONValue {
        var object = body
        let before = try present(slot, state)
        for key in ["uid", "resourceVersion"] {
            if let given = object[path: "metadata", key]?.stringValue, !given.isEmpty,
                given != before[path: "metadata", key]?.stringValue
            {
                throw conflict(slot, "the object has been modified; please apply your changes to the latest version")
            }
        }
        switch subresource {
        case "status":
            var merged = before
            merged["status"] = object["status"]
            merged["metadata"]?["annotations"] = object[path: "metadata", "annotations"]
            object = merged
        case "finalize":
            var merged = before
            merged["spec"] = object["spec"]
            object = merged
        default:
            if before["status"] != nil { object["status"] = before["status"] }
            let annotations = object[path: "metadata", "annotations"] != before[path: "metadata", "annotations"]
            if object["spec"] != before["spec"] || slot.resource == "deployments" && annotations {
                let generation = before[path: "metadata", "generation"]?.integerValue ?? 0
                object["metadata"]?["generation"] = .integer(generation + 1)
            }
        }
        object["metadata"]?["uid"] = before[path: "metadata", "uid"]
        object["metadata"]?["resourceVersion"] = before[path: "metadata", "resourceVersion"]
        if object == before { return before }
        if object[path: "metadata", "deletionTimestamp"] != nil, isFinal(object, slot), slot.resource != "pods" {
            return remove(object, slot, &state)
        }
        return store(object, slot, "MODIFIED", &state)
    }

    private func delete(_ request: APIRequest, _ slot: Slot, _ state: inout State) throws -> JSONValue {
        var object = try present(slot, state)
        let options = try DeleteOptions(json: request.body ?? [:])
        if let uid = options.preconditions?.uid, uid != object[path: "metadata", "uid"]?.stringValue {
            throw conflict(slot, "the UID in the precondition does not match")
        }
        var finalizers = object[path: "metadata", "finalizers"]?.arrayValue ?? []
        switch options.propagationPolicy {
        case .foreground?: finalizers.append("foregroundDeletion")
        case .orphan?: finalizers.append("orphan")
        default: break
        }
        let before = object
        if !finalizers.isEmpty {
            let unique = finalizers.reduce(into: [JSONValue]()) { if !$0.contains($1) { $0.append($1) } }
            object["metadata"]?["finalizers"] = .array(unique)
        }
        let isBound = object[path: "spec", "nodeName"]?.stringValue ?? "" != ""
        let isGraceful = slot.resource == "pods" && isBound && options.gracePeriodSeconds != 0
        if isFinal(object, slot), !isGraceful { return remove(object, slot, &state) }
        if object[path: "metadata", "deletionTimestamp"] == nil {
            object["metadata"]?["deletionTimestamp"] = time.now.json
            if slot.resource == "namespaces" { object["status"] = ["phase": "Terminating"] }
        }
        return object == before ? object : store(object, slot, "MODIFIED", &state)
    }

    private func isFinal(_ object: JSONValue, _ slot: Slot) -> Bool {
        if slot.resource == "namespaces", !(object[path: "spec", "finalizers"]?.arrayValue ?? []).isEmpty {
            return false
        }
        return (object[path: "metadata", "finalizers"]?.arrayValue ?? []).isEmpty
    }

    private func present(_ slot: Slot, _ state: State) throws -> JSONValue {
        guard let object = state.objects[slot] else {
            throw APIError(
                code: 404, reason: .notFound, message: "\(slot.resource) \"\(slot.key.name)\" not found")
        }
        return object
    }

    private func conflict(_ slot: Slot, _ why: String) -> APIError {
        APIError(
            code: 409, reason: .conflict,
            message: "Operation cannot be fulfilled on \(slot.resource) \"\(slot.key.name)\": \(why)")
    }

    private func store(_ object: JSONValue, _ slot: Slot, _ type: String, _ state: inout State) -> JSONValue {
        var object = object
        state.version += 1
        object["metadata"]?["resourceVersion"] = .string(String(state.version))
        state.objects[slot] = object
        publish(RawWatchEvent(type: type, object: object), slot, &state)
        return object
    }

    private func remove(_ object: JSONValue, _ slot: Slot, _ state: inout State) -> JSONValue {
        var object = object
        state.version += 1
        object["metadata"]?["resourceVersion"] = .string(String(state.version))
        state.objects[slot] = nil
        publish(RawWatchEvent(type: "DELETED", object: object), slot, &state)
        return object
    }

    private func publish(_ event: RawWatchEvent, _ slot: Slot, _ state: inout State) {
        state.history.append(Entry(version: state.version, resource: slot.resource, event: event))
        for (id, watcher) in state.watchers
        where watcher.resource == slot.resource
            && (watcher.namespace.isEmpty || watcher.namespace == slot.key.namespace)
        {
            // A reader that has gone is noticed here. A termination handler would have to take this lock while the
            // runtime holds its own for the reader's task, which the yield below may be waiting for: a deadlock.
            if case .terminated = watcher.continuation.yield(event) { state.watchers[id] = nil }
        }
    }

    /// RFC 7386.
    static func merge(_ patch: JSONValue, into target: JSONValue) -> JSONValue {
        guard case .object(let members) = patch else { return patch }
        var result: JSONValue = target.objectValue == nil ? [:] : target
        for (key, value) in members {
            result[key] = value == .null ? nil : merge(value, into: result[key] ?? .null)
        }
        return result
    }
}
