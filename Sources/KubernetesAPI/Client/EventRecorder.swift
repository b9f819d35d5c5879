/// Writes events about objects (`kubectl describe`, `kubectl get events`) for one component. `record` never waits;
/// `run` writes what was recorded, with repetitions counted rather than written again. When the API is away for long,
/// the newest events are lost and nothing else is.
public final class EventRecorder: Sendable {
    public enum EventType: String, Sendable {
        case normal = "Normal"
        case warning = "Warning"
    }

    private static let capacity = 1000
    private static let attempts = 12

    private let client: APIClient
    private let time: TimeSource
    private let source: EventSource
    private let pending: AsyncStream<EventCorrelator.Record>
    private let submit: AsyncStream<EventCorrelator.Record>.Continuation
    private let onError: @Sendable (any Error) -> Void

    /// - Parameters:
    ///   - component: who speaks, e.g. `deployment-controller` or `kubelet`.
    ///   - host: the node that it speaks on, where that matters.
    ///   - onError: told of events that could not be written.
    public init(
        client: APIClient, component: String, host: String = "", time: TimeSource = .system,
        onError: @escaping @Sendable (any Error) -> Void = { _ in }
    ) {
        self.client = client
        self.time = time
        self.onError = onError
        source = {
            var source = EventSource()
            source.component = component
            source.host = host
            return source
        }()
        (pending, submit) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.capacity))
    }

    /// Records an event about an object.
    public func record(
        _ object: some KubernetesObject, _ type: EventType = .normal, reason: String, message: String
    ) {
        record(object.reference, type, reason: reason, message: message)
    }

    /// Records an event about what a reference names; with a `fieldPath`, about a part of it
    /// (`spec.containers{web}`).
    public func record(_ object: ObjectReference, _ type: EventType = .normal, reason: String, message: String) {
        submit.yield(
            EventCorrelator.Record(object: object, type: type, reason: reason, message: message, at: time.preciseNow))
    }

    /// Writes events until the task is cancelled.
    public func run() async {
        var correlator = EventCorrelator(source: source)
        for await record in pending {
            guard let write = correlator.take(record) else { continue }
            await perform(write)
        }
    }

    /// Tries for a while where the API cannot be reached; a refusal is final.
    private func perform(_ write: EventCorrelator.Write) async {
        for attempt in 1...Self.attempts {
            do {
                return try await send(write)
            } catch let error as APIError where (400..<500).contains(error.code) && error.code != 429 {
                return onError(error)
            } catch {
                if attempt == Self.attempts || Task.isCancelled { return onError(error) }
                try? await time.sleep(for: .seconds(10))
            }
        }
    }

    private func send(_ write: EventCorrelator.Write) async throws {
        switch write {
        case .create(let event):
            _ = try await client.create(event)
        case .count(let event):
            let patch: JSONValue = [
                "count": .integer(Int64(event.count)), "message": .string(event.message),
                "lastTimestamp": event.lastTimestamp?.json ?? .null,
            ]
            do {
                _ = try await client.patch(
                    Event.self, event.metadata.name, namespace: event.metadata.namespace, .merge, patch)
            } catch let error as APIError where error.isNotFound {
                // Events expire; the count goes on in a new one.
                _ = try await client.create(event)
            }
        }
    }
}

extension KubernetesObject {
    /// A reference to this object as events carry it.
    public var reference: ObjectReference {
        var reference = ObjectReference()
        reference.apiVersion = Self.groupVersionKind.apiVersion
        reference.kind = Self.groupVersionKind.kind
        reference.namespace = metadata.namespace
        reference.name = metadata.name
        reference.uid = metadata.uid
        reference.resourceVersion = metadata.resourceVersion
        return reference
    }
}
