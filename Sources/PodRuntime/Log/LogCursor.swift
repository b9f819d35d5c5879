import Glibc
import LinuxKernel

/// A place in a log that is several files. A value: reading answers the lines and the place behind them. Blocks; only
/// on the log reader's threads.
struct LogCursor: Sendable {
    /// The present file; rotated ones have its name, a dot and a time.
    private let path: String
    private var file: FileDescriptor
    private var inode: UInt64
    /// What was read of a line whose end has not been written yet.
    private var rest: [UInt8] = []

    private static let chunk = 64 << 10
    /// The shim writes lines of at most 16 KiB and a header; what is longer is no log.
    private static let longestLine = 1 << 20

    static func missing(_ path: String) -> RuntimeError {
        RuntimeError(.notFound, step: "log", object: path, errno: ENOENT, message: "there is no log at \(path)")
    }

    /// At the beginning of the oldest file, or `tailLines` lines before the end.
    init(path: String, tailLines: Int?) throws {
        self.path = path
        var files: [(file: FileDescriptor, inode: UInt64)] = []
        // A rotation between listing and opening is met by looking again.
        for _ in 0..<10 {
            files = try Self.files(path)
            if let last = files.last, let facts = try? FileAccess.status(path), UInt64(facts.st_ino) == last.inode {
                break
            }
        }
        guard let oldest = files.first else { throw Self.missing(path) }
        (file, inode) = oldest
        guard let tailLines else { return }
        var wanted = tailLines
        for (file, inode) in files.reversed() {
            let found = try Self.tail(file, lines: wanted)
            self.file = file
            self.inode = inode
            _ = lseek(file.rawValue, found.offset, SEEK_SET)
            wanted -= found.lines
            // With no lines wanted the place is the end of the present file.
            if wanted <= 0 { return }
        }
    }

    /// The files that exist, oldest first.
    private static func files(_ path: String) throws -> [(file: FileDescriptor, inode: UInt64)] {
        let (directory, name) = FileAccess.split(path)
        let names = ((try? FileAccess.list(directory)) ?? []).filter { $0.hasPrefix(name + ".") }.sorted() + [name]
        return names.compactMap { name in
            guard let file = try? FileAccess.open("\(directory)/\(name)", O_RDONLY | O_NOFOLLOW),
                let facts = try? FileAccess.status(file), FileAccess.kind(mode: facts.st_mode) == .file
            else { return nil }
            return (file, UInt64(facts.st_ino))
        }
    }

    /// Where the last `lines` lines of a file begin, and how many there are. Parts of a line do not count by themselves.
    private static func tail(_ file: FileDescriptor, lines wanted: Int) throws -> (offset: Int, lines: Int) {
        let size = Int(try FileAccess.status(file).st_size)
        if wanted <= 0 { return (size, 0) }
        var found = 0
        // Bytes from `start` to the beginning of the earliest line that was counted.
        var head: [UInt8] = []
        var start = size
        var isAfterLastNewline = true
        while start > 0 {
            let length = min(chunk, start)
            start -= length
            var block = [UInt8](repeating: 0, count: length)
            let got = pread(file.rawValue, &block, length, start)
            guard got == length else { throw SystemError(call: "pread", errno: got < 0 ? errno : EIO) }
            block += head
            var end = block.count
            while let newline = block[..<end].lastIndex(of: UInt8(ascii: "\n")) {
                // What stands behind the newline is a whole line, but for an unfinished one at the file's end.
                if isAfterLastNewline {
                    isAfterLastNewline = false
                } else if counts(block[(newline + 1)..<end]) {
                    found += 1
                    // The line's own beginning may be earlier: parts of it stand before.
                    if found > wanted { return (start + end + 1, wanted) }
                }
                end = newline
            }
            head = Array(block[..<end])
            if head.count > longestLine { throw SystemError(call: "read log", errno: EINVAL) }
        }
        if !isAfterLastNewline, counts(head[...]) { found += 1 }
        if found > wanted { return (head.count + 1, wanted) }
        return (0, found)
    }

    private static func counts(_ line: ArraySlice<UInt8>) -> Bool { LogLine(line).map { !$0.isPartial } ?? false }

    /// The next lines, in a piece of bounded size; none where there are no more at present.
    func read() throws -> (lines: [[UInt8]], next: LogCursor) {
        var next = self
        while true {
            var buffer = [UInt8](repeating: 0, count: Self.chunk)
            let got = try retryingOnInterrupt("read", path) { Glibc.read(next.file.rawValue, &buffer, buffer.count) }
            if got > 0 {
                next.rest += buffer[..<got]
                let lines = next.takeLines()
                if !lines.isEmpty { return (lines, next) }
                continue
            }
            // The end of this file. A newer one says that nothing is written to it any more: then, and only then, what
            // came into it meanwhile is read, and the next one begun.
            guard let newer = try next.newer() else { return ([], next) }
            let late = try FileAccess.read(next.file, object: path)
            next.rest += late
            var lines = next.takeLines()
            if !next.rest.isEmpty {
                lines.append(next.rest)
                next.rest = []
            }
            next.file = newer.file
            next.inode = newer.inode
            if !lines.isEmpty { return (lines, next) }
        }
    }

    private mutating func takeLines() -> [[UInt8]] {
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        rest = lines.popLast() ?? []
        if rest.count > Self.longestLine { rest = [] }
        return lines.filter { !$0.isEmpty }
    }

    /// The file after the one that is being read; the oldest where that one has been removed meanwhile.
    private func newer() throws -> (file: FileDescriptor, inode: UInt64)? {
        let files = try Self.files(path)
        guard let position = files.firstIndex(where: { $0.inode == inode }) else { return files.first }
        return position + 1 < files.count ? files[position + 1] : nil
    }
}
