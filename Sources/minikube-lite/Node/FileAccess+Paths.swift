import LinuxKernel

extension FileAccess {
    /// Whether there is anything at a path.
    static func exists(_ path: String) -> Bool { kind(path) != nil }

    /// The folder that a path is in.
    static func parent(of path: String) -> String { split(path).directory }
}
