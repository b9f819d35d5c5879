import KubernetesAPI
import Synchronization

/// An API server of a few dozen lines: objects by path, merge patches, graceful deletion of pods and watches.
final class MemoryTransport: APITransport {
    private struct State {
        var objects: [String: JSONValue] = [:]
        var version: Int64 = 0
        var watchers: [Int: (prefix: String, send: AsyncThrowingStream<RawWatchEvent, any Error>.Continuation)] = [:]
        var waiters:
            [(isMet: @Sendable ([String: JSONValue]) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
        var requests: [APIRequest] = []
        var next = 0
        /// Requests that are refused with 500: how many more, by verb.
        var failures: [APIRequest.Verb: Int] = [:]
        /// What is posted to a subresource, by `resource/subresource`.
        var posts: [String: @Sendable (APIRequest) throws -> JSONValue] = [:]
    }

    private let state = Mutex(State())

    /// What was asked for, in order.
    var requests: [APIRequest] { state.withLock { $0.requests } }

    func fail(_ verb: APIRequest.Verb, times: Int) { state.withLock { $0.failures[verb] = times } }

    /// From now on answers what is posted to a subresource such as `serviceaccounts/token`.
    func answerPosts(to subresource: String, _ answer: @escaping @Sendable (APIRequest) throws -> JSONValue) {
        state.withLock { $0.posts[subresource] = answer }
    }

    func send(_ request: APIRequest) async throws -> JSONValue {
        if request.verb == .create,
            let answer = state.withLock({ state in
                state.posts["\(request.resource)/\(request.subresource)"]
            })
        {
            state.withLock { $0.requests.append(request) }
            return try answer(request)
        }
        var event: (String, JSONValue)?
        let answer: Result<JSONValue, APIError> = state.withLock { state in
            state.requests.append(request)
            if let left = state.failures[request.verb], left > 0 {
                state.failures[request.verb] = left - 1
                return .failure(APIError(code: 500, reason: .internalError, message: "told to fail"))
            }
            return Result { () throws(APIError) in try Self.perform(request, &state, &event) }
        }
        if let event { publish(event.0, event.1, request) }
        return try answer.get()
    }

    private static func perform(
        _ request: APIRequest, _ state: inout State, _ event: inout (String, JSONValue)?
    ) throws(APIError) -> JSONValue {
        var request = request
        if request.verb == .create {
            if request.name.isEmpty { request.name = request.body?[path: "metadata", "name"]?.stringValue ?? "" }
            request.subresource = ""
        }
        let path = key(request)
        let missing = APIError(
            code: 404, reason: .notFound, message: "\(request.resource) \"\(request.name)\" not found")
        func store(_ value: JSONValue, _ type: String) -> JSONValue {
            state.version += 1
            var value = value
            var metadata = value["metadata"] ?? [:]
            metadata["resourceVersion"] = .string(String(state.version))
            value["metadata"] = metadata
            state.objects[path] = value
            event = (type, value)
            return value
        }
        switch request.verb {
        case .get:
            guard let object = state.objects[path] else { throw missing }
            return object
        case .list:
            let items = state.objects.filter { $0.key.hasPrefix(path) }.sorted { $0.key < $1.key }.map(\.value)
            return ["metadata": ["resourceVersion": .string(String(state.version))], "items": .array(items)]
        case .create:
            guard state.objects[path] == nil else {
                throw APIError(code: 409, reason: .alreadyExists, message: "\(path) already exists")
            }
            return store(request.body ?? .null, "ADDED")
        case .update: return store(request.body ?? .null, "MODIFIED")
        case .patch:
            guard let object = state.objects[path] else { throw missing }
            let uid = request.body?[path: "metadata", "uid"]
            guard uid == nil || uid == object[path: "metadata", "uid"] else {
                throw APIError(code: 409, reason: .conflict, message: "uid differs")
            }
            return store(merged(object, request.body ?? .null), "MODIFIED")
        case .delete:
            guard var object = state.objects[path] else { throw missing }
            if let uid = request.body?[path: "preconditions", "uid"], uid != object[path: "metadata", "uid"] {
                throw APIError(code: 409, reason: .conflict, message: "uid differs")
            }
            let grace = request.body?["gracePeriodSeconds"]?.integerValue ?? 30
            if request.resource == "pods", grace > 0 {
                object["metadata"]?["deletionTimestamp"] = "2026-01-02T03:05:00Z"
                object["metadata"]?["deletionGracePeriodSeconds"] = .integer(grace)
                return store(object, "MODIFIED")
            }
            _ = store(object, "DELETED")
            state.objects[path] = nil
            return object
        default: throw APIError(code: 405, reason: .methodNotAllowed, message: "no \(request.verb)")
        }
    }

    private static func key(_ request: APIRequest) -> String {
        "\(request.resource)/\(request.namespace.isEmpty ? "" : request.namespace + "/")\(request.name)"
    }

    /// RFC 7396.
    private static func merged(_ target: JSONValue, _ patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = target.objectValue ?? JSONObject()
        for (key, value) in changes {
            result[key] = value == .null ? nil : merged(result[key] ?? .null, value)
        }
        return .object(result)
    }

    private func publish(_ type: String, _ object: JSONValue, _ request: APIRequest) {
        let (watchers, met) = state.withLock { state in
            let objects = state.objects
            let met = state.waiters.filter { $0.isMet(objects) }
            state.waiters.removeAll { $0.isMet(objects) }
            return (
                state.watchers.values.filter { $0.prefix == request.resource }.map(\.send), met.map(\.continuation)
            )
        }
        for watcher in watchers { watcher.yield(RawWatchEvent(type: type, object: object)) }
        for continuation in met { continuation.resume() }
    }

    func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: RawWatchEvent.self)
        let id = state.withLock { state in
            state.next += 1
            state.watchers[state.next] = (request.resource, continuation)
            // What happened between the list and this watch.
            let since = Int64(request.options["resourceVersion"] ?? "") ?? 0
            for (path, object) in state.objects where path.hasPrefix(request.resource + "/") {
                let version = object[path: "metadata", "resourceVersion"]?.stringValue.flatMap(Int64.init) ?? 0
                if version > since { continuation.yield(RawWatchEvent(type: "MODIFIED", object: object)) }
            }
            return state.next
        }
        continuation.onTermination = { [self] _ in state.withLock { $0.watchers[id] = nil } }
        return stream
    }

    // MARK: For tests

    private func wait(until isMet: @escaping @Sendable ([String: JSONValue]) -> Bool) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isMetNow = state.withLock { state in
                if isMet(state.objects) { return true }
                state.waiters.append((isMet, continuation))
                return false
            }
            if isMetNow { continuation.resume() }
        }
    }

    /// The pod, once it is as described.
    @discardableResult
    func pod(_ name: String, where isMet: @escaping @Sendable (Pod) -> Bool) async throws -> Pod {
        let path = "pods/default/\(name)"
        await wait { objects in
            guard let json = objects[path], let pod = try? Pod(json: json) else { return false }
            return isMet(pod)
        }
        let json = state.withLock { $0.objects[path] }
        return try Pod(json: json ?? [:])
    }

    /// The node, once it is as described.
    @discardableResult
    func node(_ name: String, where isMet: @escaping @Sendable (Node) -> Bool) async throws -> Node {
        let path = "nodes/\(name)"
        await wait { objects in
            guard let json = objects[path], let node = try? Node(json: json) else { return false }
            return isMet(node)
        }
        let json = state.withLock { $0.objects[path] }
        return try Node(json: json ?? [:])
    }

    func waitUntilGone(_ name: String) async {
        await wait { $0["pods/default/\(name)"] == nil }
    }

    /// Events of a reason, once there are so many.
    @discardableResult
    func events(_ reason: String, atLeast count: Int = 1) async -> [Event] {
        @Sendable func matching(_ objects: [String: JSONValue]) -> [Event] {
            objects.filter { $0.key.hasPrefix("events/") }.compactMap { try? Event(json: $0.value) }
                .filter { $0.reason == reason }
        }
        await wait { matching($0).count >= count }
        return state.withLock { matching($0.objects) }
    }

    var allEvents: [Event] {
        state.withLock { state in
            state.objects.filter { $0.key.hasPrefix("events/") }.compactMap { try? Event(json: $0.value) }
        }
    }
}
