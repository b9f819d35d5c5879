internal import Glibc

extension FileAccess {
    /// An empty file where there is none yet; one that is there already is left as it is.
    public static func createFile(_ path: String, mode: UInt32) throws(SystemError) {
        do {
            try open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600).setMode(mode)
        } catch  where error.errno == EEXIST {}
    }

    /// symlink(2): a link at `path` that says `text`.
    public static func makeSymbolicLink(_ path: String, to text: String) throws(SystemError) {
        try retryingOnInterrupt("symlink", path) { symlink(text, path) }
    }

    /// What stands at the end of a path when links are followed; nil where nothing does.
    public static func kindFollowingLinks(_ path: String) -> Kind? {
        var facts = stat()
        guard fstatat(AT_FDCWD, path, &facts, 0) == 0 else { return nil }
        return kind(mode: facts.st_mode)
    }
}

extension FileAccess {
    /// mkdirat(2): a directory that must not be there yet.
    public static func makeDirectory(
        at directory: FileDescriptor, _ name: String, mode: UInt32 = 0o755
    ) throws(SystemError) {
        try retryingOnInterrupt("mkdirat", name) { mkdirat(directory.rawValue, name, mode) }
    }

    /// unlinkat(2) with AT_REMOVEDIR.
    public static func removeDirectory(at directory: FileDescriptor, _ name: String) throws(SystemError) {
        try retryingOnInterrupt("unlinkat", name) { unlinkat(directory.rawValue, name, AT_REMOVEDIR) }
    }
}
