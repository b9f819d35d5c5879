/// One file of a volume that is written from the API's objects.
public struct VolumeFile: Sendable, Hashable {
    /// Relative, without `..`.
    public var path: String
    public var content: [UInt8]
    public var mode: UInt32
    /// Who owns it; nil for root.
    public var user: UInt32?

    public init(path: String, content: [UInt8], mode: UInt32, user: UInt32? = nil) {
        self.path = path
        self.content = content
        self.mode = mode
        self.user = user
    }
}
