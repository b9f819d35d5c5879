import Glibc

/// What a directory with everything in it takes on its file system, as du(1) counts.
public struct TreeUsage: Sendable, Hashable {
    /// Allocated bytes: sparse files count with what they have.
    public var bytes: Int64
    /// Files, directories, links and devices, the directory itself among them.
    public var inodes: Int64
    /// False where the walk ended early: both numbers are lower bounds then.
    public var isComplete: Bool

    public init(bytes: Int64 = 0, inodes: Int64 = 0, isComplete: Bool = true) {
        self.bytes = bytes
        self.inodes = inodes
        self.isComplete = isComplete
    }

    public static func + (left: TreeUsage, right: TreeUsage) -> TreeUsage {
        TreeUsage(
            bytes: left.bytes + right.bytes, inodes: left.inodes + right.inodes,
            isComplete: left.isComplete && right.isComplete)
    }

    /// Walks a tree by descriptors, without following links and without entering other file systems. A file with
    /// several names in it counts once; what goes away meanwhile does not count. Blocks for as long as the disk takes.
    ///
    /// - Parameters:
    ///   - limit: how many entries are looked at, at most.
    ///   - end: a moment of CLOCK_MONOTONIC in nanoseconds, at which the walk ends.
    /// - Throws: where `path` itself cannot be opened, ENOENT among others.
    public static func measure(
        _ path: String, entries limit: Int64 = .max, until end: Int64 = .max
    ) throws(SystemError) -> TreeUsage {
        let top = try FileAccess.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        let facts = try FileAccess.status(top, object: path)
        var walk = TreeWalk(device: facts.st_dev, limit: limit, end: end)
        walk.count(facts)
        walk.enter(top, depth: 0)
        return walk.usage
    }
}

private struct TreeWalk {
    var usage = TreeUsage()
    let device: dev_t
    let limit: Int64
    let end: Int64
    /// Files with more than one name that were counted already.
    private var seen: Set<ino_t> = []

    /// One descriptor is open for each level.
    private static let deepest = 200
    /// The clock is asked once in so many entries.
    private static let stride: Int64 = 256

    init(device: dev_t, limit: Int64, end: Int64) {
        self.device = device
        self.limit = limit
        self.end = end
    }

    mutating func count(_ facts: stat) {
        if facts.st_nlink > 1, facts.st_mode & S_IFMT != S_IFDIR, !seen.insert(facts.st_ino).inserted { return }
        usage.inodes += 1
        usage.bytes += Int64(facts.st_blocks) * 512
    }

    /// Whether there is no more to be counted: the bounds are reached.
    private mutating func isOver() -> Bool {
        guard usage.isComplete else { return true }
        let isLate = usage.inodes % Self.stride == 0 && Monotonic.nanoseconds() >= end
        if usage.inodes >= limit || isLate { usage.isComplete = false }
        return !usage.isComplete
    }

    mutating func enter(_ directory: FileDescriptor, depth: Int) {
        // fdopendir takes the descriptor over: it gets one of its own.
        let copy = Glibc.dup(directory.rawValue)
        guard copy >= 0, let stream = fdopendir(copy) else {
            if copy >= 0 { _ = Glibc.close(copy) }
            usage.isComplete = false
            return
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name == "." || name == ".." { continue }
            if isOver() { return }
            var facts = stat()
            guard fstatat(directory.rawValue, name, &facts, AT_SYMLINK_NOFOLLOW) == 0, facts.st_dev == device else {
                continue
            }
            count(facts)
            guard facts.st_mode & S_IFMT == S_IFDIR else { continue }
            guard depth < Self.deepest else {
                usage.isComplete = false
                return
            }
            guard let child = try? FileAccess.open(at: directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else {
                continue
            }
            enter(child, depth: depth + 1)
        }
    }
}
