/// A way to reach an API server: in memory inside the node's process, or HTTPS.
public protocol APITransport: Sendable {
    /// Sends one request and returns the answer's body. Throws `APIError` with the server's `Status`.
    func send(_ request: APIRequest) async throws -> JSONValue

    /// Opens a watch. The stream ends when the server ends it (time-out, restart) and throws `APIError` where the
    /// server refuses (410 Gone: list again). It is bounded: a reader that is too slow is cut off, as by a server.
    func watch(_ request: APIRequest) async throws -> AsyncThrowingStream<RawWatchEvent, any Error>
}

/// One event of a watch, not yet of a type.
public struct RawWatchEvent: Sendable {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`.
    public var type: String
    public var object: JSONValue

    public init(type: String, object: JSONValue) {
        self.type = type
        self.object = object
    }
}

/// One request of the API in its own terms; `APIRequest.path` has it as a URL.
public struct APIRequest: Sendable {
    public enum Verb: String, Sendable {
        case get, list, watch, create, update, patch, delete, deletecollection
    }

    public enum PatchType: String, Sendable {
        case json = "application/json-patch+json"
        case merge = "application/merge-patch+json"
        case strategic = "application/strategic-merge-patch+json"
        case apply = "application/apply-patch+yaml"
    }

    public var verb: Verb
    public var group: String
    public var version: String
    /// Plural, e.g. `pods`.
    public var resource: String
    public var namespace: String
    public var name: String
    /// E.g. `status`, `scale`; empty where the object itself is meant.
    public var subresource: String
    /// Query parameters as the API spells them: `labelSelector`, `resourceVersion`, `dryRun`, ...
    public var options: [String: String]
    public var patchType: PatchType?
    public var body: JSONValue?

    public init(
        verb: Verb, group: String, version: String, resource: String, namespace: String = "", name: String = "",
        subresource: String = "", options: [String: String] = [:], patchType: PatchType? = nil, body: JSONValue? = nil
    ) {
        self.verb = verb
        self.group = group
        self.version = version
        self.resource = resource
        self.namespace = namespace
        self.name = name
        self.subresource = subresource
        self.options = options
        self.patchType = patchType
        self.body = body
    }

    /// `/api/v1/namespaces/default/pods/web/status`.
    public var path: String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if !namespace.isEmpty { path += "/namespaces/\(namespace)" }
        path += "/\(resource)"
        if !name.isEmpty { path += "/\(name)" }
        if !subresource.isEmpty { path += "/\(subresource)" }
        return path
    }
}

/// The server's refusal, or what stood in the way of asking.
public struct APIError: Error, Sendable, CustomStringConvertible {
    public var status: Status

    public init(status: Status) { self.status = status }

    public init(code: Int32, reason: StatusReason, message: String, details: StatusDetails? = nil) {
        var status = Status()
        status.status = "Failure"
        status.code = code
        status.reason = reason
        status.message = message
        status.details = details
        self.status = status
    }

    public var code: Int32 { status.code }
    public var reason: StatusReason { status.reason }
    public var isNotFound: Bool { reason == .notFound }
    public var isAlreadyExists: Bool { reason == .alreadyExists }
    public var isConflict: Bool { reason == .conflict }
    public var isGone: Bool { code == 410 }
    public var description: String { status.message }
}
