/// One file of a volume that is written from the API's objects.
public struct VolumeFile: Sendable, Hashable {
    /// Relative, without `..`.
    public var path: String
    public var content: [UInt8]
    public var mode: UInt32

    public init(path: String, content: [UInt8], mode: UInt32) {
        self.path = path
        self.content = content
        self.mode = mode
    }
}
