/// What the API server asks the node agent for, in the same process or behind a kubelet server: the kubelet's own HTTP
/// paths (`nodes/{name}/proxy/...`), and the usage that `metrics.k8s.io` tells.
public protocol KubeletEndpoint: Sendable {
    /// Answers `GET /{path}` of the kubelet: `stats/summary`, `metrics/resource`, `metrics/cadvisor`, `healthz`, ...
    ///
    /// - Parameter path: without the slash in front.
    /// - Throws: `APIError` with code 404 for a path that there is not.
    func answer(path: String, query: [String: String]) async throws -> KubeletAnswer

    /// What the node uses. Throws `APIError` with code 404 before the first sample.
    func nodeUsage() async throws -> NodeMetrics

    /// What pods use, a container each, ordered by namespace and name; pods without a sample yet are not among them.
    ///
    /// - Parameters:
    ///   - namespace: nil for all namespaces.
    ///   - name: nil for every pod; given together with a namespace.
    func podUsage(namespace: String?, name: String?) async throws -> [PodMetrics]
}

/// What the kubelet's HTTP server answers with code 200.
public struct KubeletAnswer: Sendable, Hashable {
    /// E.g. `application/json`, `text/plain; version=0.0.4; charset=utf-8`.
    public var contentType: String
    public var body: [UInt8]

    public init(contentType: String, body: [UInt8]) {
        self.contentType = contentType
        self.body = body
    }
}
