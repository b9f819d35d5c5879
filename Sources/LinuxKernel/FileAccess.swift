public import Glibc

/// Files and directories by path or relative to a directory, for code that may not use Foundation.
///
/// Every call is EINTR-safe and throws `SystemError` with the call's name and the path.
public enum FileAccess {
    /// open(2), always with O_CLOEXEC.
    public static func open(
        _ path: String, _ flags: Int32, mode: mode_t = 0o600
    ) throws(SystemError) -> FileDescriptor {
        let fd = try retryingOnInterrupt("open", path) { Glibc.open(path, flags | O_CLOEXEC, mode) }
        return FileDescriptor(owning: fd)
    }

    /// openat(2), always with O_CLOEXEC.
    public static func open(
        at directory: FileDescriptor, _ path: String, _ flags: Int32, mode: mode_t = 0o600
    ) throws(SystemError) -> FileDescriptor {
        let fd = try retryingOnInterrupt("openat", path) {
            Glibc.openat(directory.rawValue, path, flags | O_CLOEXEC, mode)
        }
        return FileDescriptor(owning: fd)
    }

    /// The whole content, of at most `limit` bytes (the rest is left unread).
    public static func read(_ path: String, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
        try read(open(path, O_RDONLY), limit: limit, object: path)
    }

    /// From the descriptor's offset to the end, at most `limit` bytes.
    public static func read(
        _ file: FileDescriptor, limit: Int = 16 << 20, object: String = ""
    ) throws(SystemError) -> [UInt8] {
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(limit, 64 << 10))
        while content.count < limit {
            let wanted = min(buffer.count, limit - content.count)
            let got = try retryingOnInterrupt("read", object) { Glibc.read(file.rawValue, &buffer, wanted) }
            if got == 0 { break }
            content.append(contentsOf: buffer[..<got])
        }
        return content
    }

    /// The content as text without the white space at its end: what files of proc, sys and cgroup hold.
    public static func readText(_ path: String) throws(SystemError) -> String {
        var bytes = try read(path, limit: 4 << 20)
        while let last = bytes.last, last == 10 || last == 32 || last == 0 { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// One write(2) of the whole text to a file that is there: files of proc, sys and cgroup take it in one piece.
    /// `flags` are added to O_WRONLY.
    public static func writeOnce(_ path: String, _ text: String, flags: Int32 = 0) throws(SystemError) {
        let file = try open(path, O_WRONLY | flags)
        let bytes = Array(text.utf8)
        try retryingOnInterrupt("write", path) { Glibc.write(file.rawValue, bytes, bytes.count) }
    }

    /// Writes all bytes at the descriptor's offset.
    public static func write(_ bytes: [UInt8], to file: FileDescriptor, object: String = "") throws(SystemError) {
        var done = 0
        while done < bytes.count {
            done += try retryingOnInterrupt("write", object) {
                bytes.withUnsafeBytes { Glibc.write(file.rawValue, $0.baseAddress! + done, bytes.count - done) }
            }
        }
    }

    /// Replaces a file as a whole: a temporary name in the same directory, fsync, rename, fsync of the directory.
    /// Whoever is killed in between leaves the old content, and at most a file whose name begins with `.tmp-`.
    public static func replace(
        _ path: String, with bytes: [UInt8], mode: mode_t = 0o600, durable: Bool = true
    ) throws(SystemError) {
        let (directory, name) = split(path)
        let temporary = "\(directory)/.tmp-\(name)"
        let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        do {
            try write(bytes, to: file, object: temporary)
            if durable { try sync(file, object: temporary) }
            try rename(temporary, path)
        } catch {
            try? remove(temporary)
            throw error
        }
        if durable { try syncDirectory(directory) }
    }

    /// Parent directory and last component.
    public static func split(_ path: String) -> (directory: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        let directory = path[..<slash]
        return (directory.isEmpty ? "/" : String(directory), String(path[path.index(after: slash)...]))
    }

    public static func sync(_ file: FileDescriptor, object: String = "") throws(SystemError) {
        try retryingOnInterrupt("fsync", object) { Glibc.fsync(file.rawValue) }
    }

    public static func syncDirectory(_ path: String) throws(SystemError) {
        try sync(open(path, O_RDONLY | O_DIRECTORY), object: path)
    }

    public static func rename(_ from: String, _ to: String) throws(SystemError) {
        try retryingOnInterrupt("rename", to) { Glibc.rename(from, to) }
    }

    /// unlink(2).
    public static func remove(_ path: String) throws(SystemError) {
        try retryingOnInterrupt("unlink", path) { Glibc.unlink(path) }
    }

    public static func removeDirectory(_ path: String) throws(SystemError) {
        try retryingOnInterrupt("rmdir", path) { Glibc.rmdir(path) }
    }

    /// mkdir(2). A directory that is there already is no error unless `exclusive` is set.
    public static func makeDirectory(
        _ path: String, mode: mode_t = 0o755, exclusive: Bool = false
    ) throws(SystemError) {
        do {
            try retryingOnInterrupt("mkdir", path) { Glibc.mkdir(path, mode) }
        } catch {
            if error.errno == EEXIST, !exclusive, kind(path) == .directory { return }
            throw error
        }
    }

    /// A directory with all that is above it.
    public static func makeDirectories(_ path: String, mode: mode_t = 0o755) throws(SystemError) {
        if kind(path) == .directory { return }
        let (directory, _) = split(path)
        if directory != path, directory != ".", kind(directory) == nil {
            try makeDirectories(directory, mode: mode)
        }
        try makeDirectory(path, mode: mode)
    }

    public enum Kind: Sendable, Hashable {
        case file, directory, symbolicLink, blockDevice, characterDevice, socket, fifo
    }

    /// What stands at a path, links not followed; nil where nothing does.
    public static func kind(_ path: String) -> Kind? {
        guard let facts = try? status(path) else { return nil }
        return kind(mode: facts.st_mode)
    }

    public static func kind(mode: mode_t) -> Kind? {
        switch mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        case S_IFBLK: .blockDevice
        case S_IFCHR: .characterDevice
        case S_IFSOCK: .socket
        case S_IFIFO: .fifo
        default: nil
        }
    }

    /// lstat(2).
    public static func status(_ path: String) throws(SystemError) -> stat {
        var facts = stat()
        try retryingOnInterrupt("lstat", path) { Glibc.lstat(path, &facts) }
        return facts
    }

    /// fstat(2).
    public static func status(_ file: FileDescriptor, object: String = "") throws(SystemError) -> stat {
        var facts = stat()
        try retryingOnInterrupt("fstat", object) { Glibc.fstat(file.rawValue, &facts) }
        return facts
    }

    /// Names in a directory without `.` and `..`, sorted.
    public static func list(_ path: String) throws(SystemError) -> [String] { try entries(path).map(\.name).sorted() }

    /// Names of the directories in a directory, sorted. What a name is comes with it (`d_type`), so that nothing else is
    /// looked up: in a cgroup there are dozens of files, of which the kernel would make an inode each.
    public static func directories(_ path: String) throws(SystemError) -> [String] {
        try entries(path).filter { entry in
            entry.type == UInt8(DT_DIR)
                || entry.type == UInt8(DT_UNKNOWN) && kind("\(path)/\(entry.name)") == .directory
        }.map(\.name).sorted()
    }

    private static func entries(_ path: String) throws(SystemError) -> [(name: String, type: UInt8)] {
        guard let stream = Glibc.opendir(path) else {
            throw SystemError(call: "opendir", object: path, errno: Glibc.errno)
        }
        defer { _ = Glibc.closedir(stream) }
        var entries: [(name: String, type: UInt8)] = []
        while true {
            Glibc.errno = 0
            guard let entry = Glibc.readdir(stream) else {
                let code = Glibc.errno
                if code != 0 { throw SystemError(call: "readdir", object: path, errno: code) }
                break
            }
            // Measured against the entry itself: a Swift copy of dirent would read past what the kernel gave.
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { entries.append((name, entry.pointee.d_type)) }
        }
        return entries
    }

    /// readlink(2).
    public static func linkTarget(_ path: String) throws(SystemError) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = try retryingOnInterrupt("readlink", path) { () -> Int in
            buffer.withUnsafeMutableBytes {
                Glibc.readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
            }
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}

extension FileAccess {
    /// O_PATH, which Swift's Glibc module leaves out: a place in the tree, not the file's content.
    public static let pathOnly: Int32 = 0o10_000_000

    /// Whether something can be reached at a path, links followed.
    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
