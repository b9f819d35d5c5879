import Foundation
import KubernetesAPI
import PodRuntime
import Synchronization

@testable import Laboratory

/// An API server and a node in memory: pods do what the test says as soon as they are created.
final class FakeCluster: APITransport, TrialInstruments {
    /// What becomes of a pod.
    struct Behaviour: Sendable {
        enum Course: Sendable {
            case ends(code: Int32, reason: String)
            /// Until it is deleted.
            case runs
            case waits(reason: String, message: String)
            case isRefused(String)
        }
        var course: Course
        /// What its first container prints.
        var output: [String] = []
        /// How a second container ends; nil: as the first one.
        var load: (code: Int32, reason: String)?
        /// One row of samples, by column name.
        var sample: [String: Double] = [:]
    }

    private struct State {
        var pods: [String: Pod] = [:]
        var namespaces: [String: JSONValue] = [:]
        var version = 0
        var events: [(version: Int, resource: String, event: RawWatchEvent)] = []
        var nextWatcher = 0
        var watchers: [Int: (resource: String, send: AsyncThrowingStream<RawWatchEvent, any Error>.Continuation)] = [:]
        var created: [Pod] = []
        var mostAtOnce = 0
        var loads: [[String]] = []
    }

    private let state = Mutex(State())
    private let behaviour: @Sendable (Pod) -> Behaviour
    private let hostLoad: (code: Int32, output: [String])
    /// Told of each pod when it has been made.
    private let onCreate: @Sendable (Pod) -> Void

    init(
        hostLoad: (code: Int32, output: [String]) = (0, []), onCreate: @escaping @Sendable (Pod) -> Void = { _ in },
        _ behaviour: @escaping @Sendable (Pod) -> Behaviour
    ) {
        self.behaviour = behaviour
        self.hostLoad = hostLoad
        self.onCreate = onCreate
    }

    /// Every pod that there was, in order.
    var created: [Pod] { state.withLock { $0.created } }
    var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }
    /// What is left.
    var left: [String] { state.withLock { $0.pods.keys.sorted() + $0.namespaces.keys.sorted() } }
    var loads: [[String]] { state.withLock { $0.loads } }

    // MARK: The API

    func send(_ request: APIRequest) async throws -> JSONValue {
        switch (request.verb, request.resource) {
        case (.create, "namespaces"): return try createNamespace(request)
        case (.get, "namespaces"):
            return try state.withLock { try $0.namespaces[request.name] ?? { throw Self.notFound(request) }() }
        case (.delete, "namespaces"):
            let found = state.withLock { $0.namespaces.removeValue(forKey: request.name) }
            guard let found else { throw Self.notFound(request) }
            publish("DELETED", found, "namespaces")
            return found
        case (.list, "pods"):
            return state.withLock { state in
                let items = state.pods.values.map(\.json)
                return ["metadata": ["resourceVersion": .string("\(state.version)")], "items": .array(items)]
            }
        case (.list, _): return ["metadata": [:], "items": []]
        case (.create, "pods"): return try createPod(request)
        case (.delete, "pods"):
            let found = state.withLock { $0.pods.removeValue(forKey: request.name) }
            guard let found else { throw Self.notFound(request) }
            publish("DELETED", found.json, "pods")
            return found.json
        default:
            throw APIError(code: 405, reason: .methodNotAllowed, message: "no \(request.verb) of \(request.resource)")
        }
    }

    private static func notFound(_ request: APIRequest) -> APIError {
        APIError(code: 404, reason: .notFound, message: "\(request.resource) \"\(request.name)\" not found")
    }

    private func createNamespace(_ request: APIRequest) throws -> JSONValue {
        let body = request.body ?? .null
        let name = body[path: "metadata", "name"]?.stringValue ?? ""
        return try state.withLock { state in
            guard state.namespaces[name] == nil else {
                throw APIError(code: 409, reason: .alreadyExists, message: "namespaces \"\(name)\" already exists")
            }
            state.namespaces[name] = body
            return body
        }
    }

    private func createPod(_ request: APIRequest) throws -> JSONValue {
        var pod = try Pod(json: request.body ?? .null)
        let behaviour = behaviour(pod)
        if case .isRefused(let message) = behaviour.course {
            throw APIError(code: 422, reason: .invalid, message: message)
        }
        pod.metadata.uid = UUID().uuidString
        state.withLock { state in
            state.created.append(pod)
            state.pods[pod.metadata.name] = pod
            state.mostAtOnce = max(state.mostAtOnce, state.pods.count)
        }
        publish("ADDED", pod.json, "pods")
        let made = pod
        switch behaviour.course {
        case .isRefused: break
        case .waits(let reason, let message):
            update(&pod) { status in
                status.state.waiting = ContainerStateWaiting()
                status.state.waiting?.reason = reason
                status.state.waiting?.message = message
            }
        case .runs, .ends:
            pod.status.podIP = "10.0.0.9"
            update(&pod) { $0.state.running = ContainerStateRunning() }
            if case .ends(let code, let reason) = behaviour.course {
                update(&pod, only: pod.spec.containers[0].name) { Self.end(&$0, code, reason) }
            }
            if let load = behaviour.load, pod.spec.containers.count > 1 {
                update(&pod, only: pod.spec.containers[1].name) { Self.end(&$0, load.code, load.reason) }
            }
        }
        onCreate(made)
        return made.json
    }

    private static func end(_ status: inout KubernetesAPI.ContainerStatus, _ code: Int32, _ reason: String) {
        status.state = ContainerState()
        status.state.terminated = ContainerStateTerminated()
        status.state.terminated?.exitCode = code
        status.state.terminated?.reason = reason
    }

    private func update(
        _ pod: inout Pod, only: String? = nil, _ change: (inout KubernetesAPI.ContainerStatus) -> Void
    ) {
        if pod.status.containerStatuses.isEmpty {
            pod.status.containerStatuses = pod.spec.containers.map { container in
                var status = KubernetesAPI.ContainerStatus()
                status.name = container.name
                return status
            }
        }
        for index in pod.status.containerStatuses.indices
        where only == nil || pod.status.containerStatuses[index].name == only {
            change(&pod.status.containerStatuses[index])
        }
        var ready = PodCondition()
        ready.type = .ready
        ready.status = pod.status.containerStatuses.allSatisfy { $0.state.running != nil } ? .true : .false
        pod.status.conditions = [ready]
        let present = pod
        state.withLock { if $0.pods[present.metadata.name] != nil { $0.pods[present.metadata.name] = present } }
        publish("MODIFIED", present.json, "pods")
    }

    private func publish(_ type: String, _ object: JSONValue, _ resource: String) {
        let event = RawWatchEvent(type: type, object: object)
        let watchers = state.withLock { state in
            state.version += 1
            state.events.append((state.version, resource, event))
            return state.watchers.values.filter { $0.resource == resource }.map(\.send)
        }
        for watcher in watchers { watcher.yield(event) }
    }

    func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: RawWatchEvent.self)
        let since = Int(request.options["resourceVersion"] ?? "") ?? 0
        let id = state.withLock { state in
            state.nextWatcher += 1
            state.watchers[state.nextWatcher] = (request.resource, continuation)
            // What happened between the list and this watch.
            for event in state.events where event.version > since && event.resource == request.resource {
                continuation.yield(event.event)
            }
            return state.nextWatcher
        }
        continuation.onTermination = { [self] _ in
            // Let go outside of the lock: whatever ends with it must not find it held.
            _ = state.withLock { $0.watchers.removeValue(forKey: id) }
        }
        return stream
    }

    // MARK: The instruments

    func log(
        of container: String, pod: String, namespace: String
    ) async throws -> AsyncThrowingStream<[UInt8], any Error> {
        let pod = state.withLock { state in state.created.last { $0.metadata.name == pod } }
        let lines = pod.map { behaviour($0).output } ?? []
        let (stream, continuation) = AsyncThrowingStream.makeStream(of: [UInt8].self)
        let time = MicroTimestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1e6))
        for line in lines { continuation.yield(Array("\(time) \(line)\n".utf8)) }
        continuation.finish()
        return stream
    }

    private struct Observation: CgroupObservation {
        func finish() async -> CgroupFacts {
            var facts = CgroupFacts()
            facts.startedAt = 0
            return facts
        }
    }

    func observe(
        _ container: String, of pod: Pod, columns: [CgroupColumn], interval: Duration, origin: Int64,
        record: @escaping @Sendable (CgroupRow) -> Void
    ) throws -> any CgroupObservation {
        let sample = behaviour(pod).sample
        if !sample.isEmpty { record(CgroupRow(seconds: 0, values: columns.map { sample[$0.name] })) }
        return Observation()
    }

    func run(
        _ words: [String], environment: [String: String], line: @escaping @Sendable (String) -> Void
    ) async throws -> (code: Int32, lastLine: String) {
        state.withLock { $0.loads.append(words) }
        for text in hostLoad.output { line(text) }
        return (hostLoad.code, hostLoad.output.last ?? "")
    }
}
