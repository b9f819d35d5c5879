/// The node's images, as the agent sees them.
public protocol ImageProvider: Sendable {
    /// Finds an image by reference (`name[:tag]`, `name@sha256:...`); nil where it is not in the store.
    func resolve(_ reference: String) async throws -> ImageInfo?
    func list() async throws -> [ImageInfo]
    /// Where an image was looked for, for the message of `ErrImagePull`.
    var location: String { get }
}

/// An image's facts, after the OCI image configuration (image-spec, config.md).
public struct ImageInfo: Sendable, Hashable, Codable {
    /// The names that lead to it, e.g. `docker.io/library/nginx:latest` in its familiar form `nginx:latest`.
    public var references: [String]
    /// `sha256:...` of its configuration: the image's ID.
    public var id: String
    /// `sha256:...` of its manifest.
    public var digest: String
    /// Bytes of its layers, unpacked.
    public var size: Int64
    public var created: Int64
    public var configuration: ImageConfiguration

    public init(
        references: [String], id: String, digest: String, size: Int64, created: Int64,
        configuration: ImageConfiguration
    ) {
        self.references = references
        self.id = id
        self.digest = digest
        self.size = size
        self.created = created
        self.configuration = configuration
    }
}

/// The part of the OCI image configuration that a container starts from.
public struct ImageConfiguration: Sendable, Hashable, Codable {
    public var entrypoint: [String]
    public var cmd: [String]
    /// `KEY=value`.
    public var env: [String]
    /// `user`, `uid`, `user:group` or `uid:gid`; empty is root.
    public var user: String
    public var workingDir: String
    /// A name (`SIGQUIT`) or a number; empty is SIGTERM.
    public var stopSignal: String
    public var labels: [String: String]
    public var exposedPorts: [String]

    public init(
        entrypoint: [String] = [], cmd: [String] = [], env: [String] = [], user: String = "",
        workingDir: String = "", stopSignal: String = "", labels: [String: String] = [:], exposedPorts: [String] = []
    ) {
        self.entrypoint = entrypoint
        self.cmd = cmd
        self.env = env
        self.user = user
        self.workingDir = workingDir
        self.stopSignal = stopSignal
        self.labels = labels
        self.exposedPorts = exposedPorts
    }
}
