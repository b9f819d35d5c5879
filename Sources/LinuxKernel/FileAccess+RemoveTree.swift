import Glibc

extension FileAccess {
    /// Removes a tree without following links and without crossing into another file system (EBUSY). What is gone already
    /// is no error.
    ///
    /// The tree may have been written by a container: it is walked by descriptors, so that no length of a path and no link
    /// matters, and what is nested too deeply is moved up.
    public static func removeTree(_ path: String) throws(SystemError) {
        if Glibc.unlink(path) == 0 { return }
        let code = errno
        if code == ENOENT || code == ENOTDIR { return }
        guard code == EISDIR || code == EPERM else { throw SystemError(call: "unlink", object: path, errno: code) }
        let top: FileDescriptor
        do { top = try open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) } catch {
            if error.errno == ENOENT { return }
            throw error
        }
        var removal = TreeRemoval(top: top, device: try status(top, object: path).st_dev, path: path)
        // Whoever still writes facts into a directory that goes away may add a name after it was listed; and what was moved
        // up is here now.
        for attempt in 1... {
            let movedBefore = removal.moved
            try removal.removeContents(of: top, depth: 0)
            if rmdir(path) == 0 || errno == ENOENT { return }
            let code = errno
            let hasMoved = removal.moved != movedBefore
            guard code == ENOTEMPTY, hasMoved || attempt < 64 else {
                throw SystemError(call: "rmdir", object: path, errno: code)
            }
        }
    }
}

private struct TreeRemoval {
    let top: FileDescriptor
    let device: dev_t
    /// For errors.
    let path: String
    /// Directories that were moved to the top.
    private(set) var moved = 0

    /// One descriptor is open for each level.
    private static let deepest = 200

    init(top: FileDescriptor, device: dev_t, path: String) {
        self.top = top
        self.device = device
        self.path = path
    }

    /// One pass; a directory that has got new names meanwhile is left for the next.
    mutating func removeContents(of directory: FileDescriptor, depth: Int) throws(SystemError) {
        for name in try names(directory) {
            if unlinkat(directory.rawValue, name, 0) == 0 { continue }
            var code = errno
            if code == ENOENT { continue }
            guard code == EISDIR || code == EPERM else { throw failure("unlinkat", name, code) }
            if depth >= Self.deepest {
                moved += 1
                if renameat(directory.rawValue, name, top.rawValue, ".removing-\(moved)") != 0 {
                    throw failure("renameat", name, errno)
                }
                continue
            }
            let child: FileDescriptor
            do {
                child = try FileAccess.open(at: directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            } catch {
                if error.errno == ENOENT { continue }
                // Not a directory after all: unlinkat's own answer says more.
                throw failure("unlinkat", name, error.errno == ENOTDIR ? code : error.errno)
            }
            guard try FileAccess.status(child, object: name).st_dev == device else {
                throw failure("unlinkat", name, EBUSY)
            }
            try removeContents(of: child, depth: depth + 1)
            if unlinkat(directory.rawValue, name, AT_REMOVEDIR) == 0 { continue }
            code = errno
            if code != ENOENT && code != ENOTEMPTY { throw failure("unlinkat", name, code) }
        }
    }

    private func failure(_ call: String, _ name: String, _ code: Int32) -> SystemError {
        SystemError(call: call, object: "\(path): \(name)", errno: code)
    }

    private func names(_ directory: FileDescriptor) throws(SystemError) -> [String] {
        // fdopendir takes the descriptor over: give it one of its own.
        let copy = Glibc.dup(directory.rawValue)
        guard copy >= 0 else { throw failure("dup", ".", errno) }
        guard let stream = fdopendir(copy) else {
            let code = errno
            _ = Glibc.close(copy)
            throw failure("fdopendir", ".", code)
        }
        defer { closedir(stream) }
        // The copy shares its place with the original, which an earlier pass has moved.
        rewinddir(stream)
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }
}
