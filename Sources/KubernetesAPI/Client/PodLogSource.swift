/// Where the API server gets a pod's logs from: the node agent, in the same process or behind a kubelet server.
public protocol PodLogSource: Sendable {
    /// The log of one container as a stream of bytes, line by line as `kubectl logs` prints it. Throws `APIError`:
    /// 404 where there is no such container, 400 where it has not started yet or has no previous instance.
    func logs(namespace: String, pod: String, options: PodLogQuery) async throws
        -> AsyncThrowingStream<[UInt8], any Error>
}

/// The query of `GET .../pods/{name}/log`, decoded (core/v1 `PodLogOptions`).
public struct PodLogQuery: Sendable, Hashable {
    /// Empty: the pod's only container, or its default one.
    public var container = ""
    public var follow = false
    public var previous = false
    /// Only lines of the last so many seconds.
    public var sinceSeconds: Int64?
    /// Only lines at or after this time.
    public var sinceTime: Timestamp?
    public var timestamps = false
    public var tailLines: Int64?
    public var limitBytes: Int64?

    public init() {}
}
