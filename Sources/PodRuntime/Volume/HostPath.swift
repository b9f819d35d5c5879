internal import LinuxKernel

/// A path of the host that a pod mounts, and what has to stand there (`core/v1 HostPathType`).
public enum HostPath {
    /// Checks what stands at the path, and makes it where the type says so. Throws `RuntimeError` in the kubelet's words.
    /// - Parameter type: empty: anything.
    public static func prepare(_ path: String, type: String) throws {
        switch type {
        case "": break
        case "DirectoryOrCreate":
            if !FileAccess.exists(path) {
                try make(path) { (path) throws(SystemError) in
                    try FileAccess.makeDirectories(path, mode: 0o755)
                }
            }
            try require(path, .directory, "a directory")
        case "FileOrCreate":
            if !FileAccess.exists(path) {
                try make(path) { (path) throws(SystemError) in
                    try FileAccess.createFile(path, mode: 0o644)
                }
            }
            try require(path, .file, "a file")
        case "Directory": try require(path, .directory, "a directory")
        case "File": try require(path, .file, "a file")
        case "Socket": try require(path, .socket, "a socket file")
        case "CharDevice": try require(path, .characterDevice, "a character device")
        case "BlockDevice": try require(path, .blockDevice, "a block device")
        default: throw failed("unknown type \"\(type)\" of host path \(path)")
        }
    }

    private static func make(_ path: String, _ body: (String) throws(SystemError) -> Void) throws {
        do { try body(path) } catch { throw VolumeStore.error(error) }
    }

    private static func require(_ path: String, _ kind: FileAccess.Kind, _ words: String) throws {
        guard FileAccess.kindFollowingLinks(path) == kind else {
            throw failed("hostPath type check failed: \(path) is not \(words)")
        }
    }

    private static func failed(_ message: String) -> RuntimeError {
        RuntimeError(.create, step: "hostPath", object: "", message: message)
    }
}
