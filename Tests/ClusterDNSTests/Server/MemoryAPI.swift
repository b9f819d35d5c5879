import KubernetesAPI
import Synchronization

/// As much of an API server as the responder needs: objects, lists, watches that go on, and refusals on demand.
final class MemoryAPI: APITransport {
    private struct State {
        var objects: [String: JSONValue] = [:]
        var version = 0
        var watches: [(prefix: String, events: AsyncThrowingStream<RawWatchEvent, any Error>.Continuation)] = []
        var refusals = 0
        var writes = 0
        /// Resources whose lists do not come before `release`.
        var held: Set<String> = []
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Refuses as many writes.
    func refuseWrites(_ count: Int) { state.withLock { $0.refusals = count } }

    /// Lets lists of a resource wait.
    func hold(_ resource: String) { _ = state.withLock { $0.held.insert(resource) } }

    func release() {
        let waiting = state.withLock { state in
            state.held = []
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    var writes: Int { state.withLock { $0.writes } }

    func put(_ object: some KubernetesObject) {
        let kind = Schema.shared.resource(of: type(of: object).groupVersionKind)
        let path = "/\(kind?.plural ?? "")/\(object.metadata.namespace)/\(object.metadata.name)"
        store(path, object.json)
    }

    func remove(_ path: String) {
        let (object, watches) = state.withLock { state in
            (state.objects.removeValue(forKey: path), state.watches.filter { path.hasPrefix($0.prefix) })
        }
        guard let object else { return }
        for watch in watches { watch.events.yield(RawWatchEvent(type: "DELETED", object: object)) }
    }

    private func store(_ path: String, _ object: JSONValue) {
        let (event, watches) = state.withLock { state in
            state.version += 1
            var object = object
            var metadata = object["metadata"] ?? [:]
            metadata["resourceVersion"] = .string(String(state.version))
            object["metadata"] = metadata
            let old = state.objects.updateValue(object, forKey: path)
            let event = RawWatchEvent(type: old == nil ? "ADDED" : "MODIFIED", object: object)
            return (event, state.watches.filter { path.hasPrefix($0.prefix) })
        }
        for watch in watches { watch.events.yield(event) }
    }

    func send(_ request: APIRequest) async throws -> JSONValue {
        let prefix = "/\(request.resource)/"
        switch request.verb {
        case .list:
            await withCheckedContinuation { continuation in
                let isHeld = state.withLock { state in
                    guard state.held.contains(request.resource) else { return false }
                    state.waiting.append(continuation)
                    return true
                }
                if !isHeld { continuation.resume() }
            }
            return state.withLock { state in
                let items = state.objects.filter { $0.key.hasPrefix(prefix) }.map(\.value)
                return ["metadata": ["resourceVersion": .string(String(state.version))], "items": .array(items)]
            }
        case .get:
            let path = prefix + "\(request.namespace)/\(request.name)"
            guard let object = state.withLock({ $0.objects[path] }) else {
                throw APIError(code: 404, reason: .notFound, message: "not there")
            }
            return object
        case .create, .update:
            let isRefused = state.withLock { state in
                state.writes += 1
                state.refusals -= 1
                return state.refusals >= 0
            }
            guard !isRefused else { throw APIError(code: 500, reason: .internalError, message: "told to refuse") }
            let body = request.body ?? .null
            let name = body[path: "metadata", "name"]?.stringValue ?? ""
            store(prefix + "\(request.namespace)/\(name)", body)
            return body
        default: throw APIError(code: 405, reason: .methodNotAllowed, message: "not here")
        }
    }

    func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        let (stream, events) = AsyncThrowingStream<RawWatchEvent, any Error>.makeStream()
        let since = Int(request.options["resourceVersion"] ?? "") ?? 0
        let prefix = "/\(request.resource)/"
        state.withLock { state in
            for object in state.objects.filter({ $0.key.hasPrefix(prefix) }).map(\.value)
            where Int(object[path: "metadata", "resourceVersion"]?.stringValue ?? "") ?? 0 > since {
                events.yield(RawWatchEvent(type: "MODIFIED", object: object))
            }
            state.watches.append((prefix, events))
        }
        return stream
    }

    /// The slices as they are once they are as wanted; waits for each change.
    func slices(until isMet: @escaping @Sendable ([EndpointSlice]) -> Bool) async throws -> [EndpointSlice] {
        let client = APIClient(transport: self)
        // Opened before the list, so that no change is missed.
        let changes = try await watch(
            APIRequest(verb: .watch, group: "discovery.k8s.io", version: "v1", resource: "endpointslices"))
        var present = try await client.list(EndpointSlice.self).items
        if isMet(present) { return present }
        for try await _ in changes {
            present = try await client.list(EndpointSlice.self).items
            if isMet(present) { return present }
        }
        return present
    }
}
