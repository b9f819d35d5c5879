internal import CLinux
public import Glibc

/// Operations on paths. All paths are used as they are: only for names that no container chose.
public enum FileSystem {
    /// Makes a directory; one that is there already is fine where `existing` is true.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o755, existing: Bool = true) throws(SystemError) {
        if mkdir(path, mode) == 0 { return }
        let code = errno
        if code == EEXIST, existing { return }
        throw SystemError(call: "mkdir", object: path, errno: code)
    }

    /// Makes a directory and those above it that are missing.
    public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
        if mkdir(path, mode) == 0 { return }
        let code = errno
        if code == EEXIST { return }
        guard code == ENOENT, let parent = parent(of: path) else {
            throw SystemError(call: "mkdir", object: path, errno: code)
        }
        try makeDirectories(parent, mode: mode)
        try makeDirectory(path, mode: mode)
    }

    /// The path before the last component, nil for a bare name or the root.
    public static func parent(of path: String) -> String? {
        var end = path.utf8.endIndex
        while end > path.utf8.startIndex, path.utf8[path.utf8.index(before: end)] == UInt8(ascii: "/") {
            end = path.utf8.index(before: end)
        }
        guard let slash = path[..<end].lastIndex(of: "/") else { return nil }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Removes an empty directory; one that is gone already is fine.
    public static func removeDirectory(_ path: String) throws(SystemError) {
        if rmdir(path) == 0 || errno == ENOENT { return }
        throw SystemError(call: "rmdir", object: path, errno: errno)
    }

    /// Removes a file or link; one that is gone already is fine.
    public static func removeFile(_ path: String) throws(SystemError) {
        if unlink(path) == 0 || errno == ENOENT { return }
        throw SystemError(call: "unlink", object: path, errno: errno)
    }

    public static func rename(_ from: String, to: String) throws(SystemError) {
        try retryingOnInterrupt("rename", from) { Glibc.rename(from, to) }
    }

    public static func makeSymbolicLink(_ path: String, to text: String) throws(SystemError) {
        try retryingOnInterrupt("symlink", path) { symlink(text, path) }
    }

    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Facts about a path without following a link at its end; nil where it does not exist.
    public static func status(_ path: String) throws(SystemError) -> stat? {
        var facts = stat()
        if lstat(path, &facts) == 0 { return facts }
        let code = errno
        if code == ENOENT || code == ENOTDIR { return nil }
        throw SystemError(call: "lstat", object: path, errno: code)
    }

    /// Where a symbolic link leads.
    public static func readLink(_ path: String) throws(SystemError) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = try retryingOnInterrupt("readlink", path) {
            buffer.withUnsafeMutableBytes { bytes in
                // The array is not empty: it has an address.
                readlink(path, bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
            }
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// Names in a directory, without `.` and `..`, in no order.
    public static func list(_ path: String) throws(SystemError) -> [String] {
        guard let directory = opendir(path) else { throw SystemError(call: "opendir", object: path, errno: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        if errno != 0 { throw SystemError(call: "readdir", object: path, errno: errno) }
        return names
    }

    /// A whole file as text; bytes that are not UTF-8 are replaced.
    public static func read(_ path: String, limit: Int = .max) throws(SystemError) -> String {
        String(decoding: try readBytes(path, limit: limit), as: UTF8.self)
    }

    public static func readBytes(_ path: String, limit: Int = .max) throws(SystemError) -> [UInt8] {
        let file = try FileDescriptor.open(path, O_RDONLY)
        do { return try file.readAll(limit: limit) } catch {
            throw SystemError(call: error.call, object: path, errno: error.errno)
        }
    }

    /// One write(2) to a file that is there already: cgroup and proc files.
    public static func write(_ text: String, to path: String) throws(SystemError) {
        let file = try FileDescriptor.open(path, O_WRONLY)
        do { try file.writeAll(text) } catch {
            throw SystemError(call: error.call, object: path, errno: error.errno)
        }
    }

    /// Replaces a file's contents so that a reader, or a reader after a crash, sees the old or the new and nothing
    /// else: a temporary name beside it, fsync, rename.
    public static func replace(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
        let temporary = path + ".tmp"
        let file = try FileDescriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
        try file.writeAll(bytes)
        try file.synchronize()
        try rename(temporary, to: path)
    }

    /// Removes a tree without following links and without leaving the file system of any directory by a link.
    /// What is gone already is fine. It does not cross into mounts by itself: unmount first.
    public static func removeTree(_ path: String) throws(SystemError) {
        if unlink(path) == 0 { return }
        let code = errno
        if code == ENOENT { return }
        guard code == EISDIR || code == EPERM else { throw SystemError(call: "unlink", object: path, errno: code) }
        guard let parent = parent(of: path), let name = path.split(separator: "/").last else {
            throw SystemError(call: "unlink", object: path, errno: code)
        }
        let directory = try FileDescriptor.open(parent, O_RDONLY | O_DIRECTORY)
        try removeTree(String(name), in: directory, depth: 0)
    }

    private static func removeTree(_ name: String, in parent: FileDescriptor, depth: Int) throws(SystemError) {
        // O_NOFOLLOW: the tree may have been written by a container, and a link in it must not lead us out.
        let directory: FileDescriptor
        do {
            directory = try parent.open(at: name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        } catch where error.errno == ENOENT {
            return
        }
        for entry in try list(directory) {
            if unlinkat(directory.rawValue, entry, 0) == 0 { continue }
            let code = errno
            if code == ENOENT { continue }
            guard code == EISDIR || code == EPERM, depth < 2000 else {
                throw SystemError(call: "unlinkat", object: entry, errno: code)
            }
            try removeTree(entry, in: directory, depth: depth + 1)
        }
        if unlinkat(parent.rawValue, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
        throw SystemError(call: "rmdir", object: name, errno: errno)
    }

    /// Names in an open directory.
    public static func list(_ directory: FileDescriptor) throws(SystemError) -> [String] {
        // fdopendir takes the descriptor over: give it one of its own.
        let copy = dup(directory.rawValue)
        guard copy >= 0, let stream = fdopendir(copy) else {
            let code = errno
            if copy >= 0 { close(copy) }
            throw SystemError(call: "fdopendir", errno: code)
        }
        defer { closedir(stream) }
        rewinddir(stream)
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
