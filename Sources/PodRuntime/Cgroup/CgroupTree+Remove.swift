import Glibc
import LinuxKernel

extension CgroupTree {
    /// Kills every process in a cgroup and below it at once (cgroup.kill, Linux 5.14). A cgroup that is gone is no error.
    public func kill(_ path: String) throws {
        do throws(SystemError) {
            try write("1", to: "\(path)/cgroup.kill")
        } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return }
            throw runtimeError(error, step: "cgroup.kill", object: path)
        }
    }

    /// Waits until no process lives in a cgroup or below it, told by the kernel's notifications on `cgroup.events`.
    ///
    /// - Returns: false where `deadline` passed before.
    public func waitUnpopulated(_ path: String, deadline: Duration) throws -> Bool {
        do throws(SystemError) {
            let end = Monotonic.nanoseconds() + deadline.nanoseconds
            let inotify = try Inotify()
            // Watched before it is looked at, so that no change falls in between.
            try inotify.add("\(path)/cgroup.events", Int32(IN_MODIFY))
            while true {
                guard try isPopulated(path) else { return true }
                let left = end - Monotonic.nanoseconds()
                guard left > 0 else { return false }
                _ = try inotify.wait(milliseconds: Int32(clamping: left / 1_000_000 + 1))
                _ = try inotify.take()
            }
        } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return true }
            throw runtimeError(error, step: "cgroup.events", object: path)
        }
    }

    private func isPopulated(_ path: String) throws(SystemError) -> Bool {
        parseFlatKeyed(try FileAccess.readText("\(path)/cgroup.events"))["populated"] != 0
    }

    /// Removes a cgroup and all below it, deepest first. A cgroup that still has processes (they were killed, and the
    /// kernel is not through with them) is waited for by its notifications, up to `deadline` in all.
    public func removeTree(_ path: String, deadline: Duration = .seconds(5)) throws {
        let end = Monotonic.nanoseconds() + deadline.nanoseconds
        try removeTree(path, end: end)
    }

    private func removeTree(_ path: String, end: Int64) throws {
        for _ in 0..<16 {
            do throws(SystemError) {
                return try removeNested(path)
            } catch {
                switch error.errno {
                case ENOENT, ENODEV: return
                case EBUSY, ENOTEMPTY:
                    let left = end - Monotonic.nanoseconds()
                    guard left > 0, try waitUnpopulated(path, deadline: .nanoseconds(left)) else {
                        throw runtimeError(error, step: "rmdir", object: path)
                    }
                default: throw runtimeError(error, step: "rmdir", object: path)
                }
            }
        }
        throw RuntimeError(
            .timeout, step: "rmdir", object: path, errno: EBUSY,
            message: "cgroup \(path) stays busy although it has no process")
    }

    /// Most have nothing below them: that is looked for only where it is in the way.
    private func removeNested(_ path: String) throws(SystemError) {
        do { return try removeOne(path) } catch {
            guard error.errno == EBUSY || error.errno == ENOTEMPTY else { throw error }
            let children = try children(path)
            guard !children.isEmpty else { throw error }
            for child in children { try removeNested("\(path)/\(child)") }
            try removeOne(path)
        }
    }

    private func removeOne(_ path: String) throws(SystemError) {
        // A test's temporary directory has files that rmdir does not take along, as the kernel's does.
        if creationFlags != 0 { return try FileAccess.removeTree(path) }
        do {
            try FileAccess.removeDirectory(path)
        } catch {
            // Someone else was faster.
            if error.errno != ENOENT && error.errno != ENODEV { throw error }
        }
    }

    func children(_ path: String) throws(SystemError) -> [String] {
        do {
            return try FileAccess.directories(path)
        } catch {
            if error.errno == ENOENT || error.errno == ENODEV { return [] }
            throw error
        }
    }

    /// Every pod's cgroup that exists, by pod id.
    public func pods() throws -> [String: String] {
        var found: [String: String] = [:]
        for directory in QualityOfService.allCases.map(directory(of:)) {
            guard let names = try? children(directory) else { continue }
            for name in names where name.hasPrefix("pod") {
                found[String(name.dropFirst(3))] = "\(directory)/\(name)"
            }
        }
        return found
    }

    /// Removes `parent` and `system` when no pod is left: the node goes down with its pods.
    public func removeAll(deadline: Duration = .seconds(10)) throws {
        for path in [parent, system] {
            try kill(path)
            _ = try waitUnpopulated(path, deadline: deadline)
            try removeTree(path, deadline: deadline)
        }
    }
}
