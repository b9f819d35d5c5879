internal import Glibc

extension FileSystem {
    /// What a name stands for.
    public enum Kind: Sendable, Hashable {
        case file, directory, symbolicLink, blockDevice, characterDevice, socket, fifo

        /// From `st_mode`.
        public init?(mode: UInt32) {
            switch mode & S_IFMT {
            case S_IFREG: self = .file
            case S_IFDIR: self = .directory
            case S_IFLNK: self = .symbolicLink
            case S_IFBLK: self = .blockDevice
            case S_IFCHR: self = .characterDevice
            case S_IFSOCK: self = .socket
            case S_IFIFO: self = .fifo
            default: return nil
            }
        }
    }

    /// What stands at a path, links not followed; nil where nothing does or it cannot be looked at.
    public static func kind(_ path: String) -> Kind? {
        guard let facts = try? status(path) else { return nil }
        return Kind(mode: facts.st_mode)
    }

    /// The text of a file of proc, sys or a cgroup, without the white space at its end.
    public static func readTrimmed(_ path: String) throws(SystemError) -> String {
        var bytes = try readBytes(path, limit: 4 << 20)
        while let last = bytes.last, last == 10 || last == 32 || last == 0 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits until a directory's names are on the disk.
    public static func synchronizeDirectory(_ path: String) throws(SystemError) {
        try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY).synchronize()
    }
}
