import Glibc

/// How full a file system is (fstatvfs(3)).
public struct FileSystemUsage: Sendable, Hashable {
    public var capacityBytes: Int64
    /// What a process without privileges may still use.
    public var availableBytes: Int64
    /// What is taken, the blocks that are reserved for root not counted.
    public var usedBytes: Int64
    /// 0 where the file system makes inodes as it goes (btrfs).
    public var inodes: Int64
    public var inodesFree: Int64

    public init(capacityBytes: Int64, availableBytes: Int64, usedBytes: Int64, inodes: Int64, inodesFree: Int64) {
        self.capacityBytes = capacityBytes
        self.availableBytes = availableBytes
        self.usedBytes = usedBytes
        self.inodes = inodes
        self.inodesFree = inodesFree
    }

    /// The file system that `path` is on.
    public static func measure(_ path: String) throws(SystemError) -> FileSystemUsage {
        let place = try FileAccess.open(path, FileAccess.pathOnly)
        var facts = statvfs()
        try retryingOnInterrupt("fstatvfs", path) { fstatvfs(place.rawValue, &facts) }
        let block = Int64(facts.f_frsize)
        let (all, free) = (Int64(clamping: facts.f_blocks), Int64(clamping: facts.f_bfree))
        return FileSystemUsage(
            capacityBytes: all * block, availableBytes: Int64(clamping: facts.f_bavail) * block,
            usedBytes: (all - free) * block, inodes: Int64(clamping: facts.f_files),
            inodesFree: Int64(clamping: facts.f_ffree))
    }
}
