import Glibc
import LinuxKernel

/// One container's log in the CRI format (`<time> <stream> <F or P> <text>`), rotated by size.
///
/// A line of more than 16 KiB is written in parts, all but the last tagged P. What cannot be written (a full disk) is
/// lost rather than the container stopped.
final class LogWriter {
    /// The longest part of a line.
    private static let partLimit = 16 * 1024

    enum Stream: Int {
        case output = 0
        case error = 1

        var name: StaticString { self == .output ? " stdout " : " stderr " }
    }

    private let path: String
    private let maxBytes: Int64
    private let maxFiles: Int
    private var file: FileDescriptor?
    private var size: Int64 = 0
    /// The unfinished line of each stream.
    private var pending: [[UInt8]] = [[], []]

    /// - Parameter maxFiles: kept in all, the current one included.
    init(path: String, maxBytes: Int64, maxFiles: Int) throws(SystemError) {
        self.path = path
        self.maxBytes = maxBytes
        self.maxFiles = Swift.max(1, maxFiles)
        try open()
    }

    private func open() throws(SystemError) {
        let opened = try FileAccess.open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o640)
        size = Int64(try FileAccess.status(opened).st_size)
        file = opened
    }

    /// Takes what was read from a stream; whole lines are written.
    func take(_ bytes: UnsafeRawBufferPointer, from stream: Stream) {
        let now = Realtime.nanoseconds()
        var block: [UInt8] = []
        block.reserveCapacity(bytes.count + 256)
        var rest = bytes[...]
        while !rest.isEmpty {
            let room = Self.partLimit - pending[stream.rawValue].count
            let window = rest.prefix(room)
            if let newline = window.firstIndex(of: UInt8(ascii: "\n")) {
                append(rest[rest.startIndex..<newline], tag: UInt8(ascii: "F"), stream, now, to: &block)
                rest = rest[(newline + 1)...]
            } else if window.count == room {
                append(window, tag: UInt8(ascii: "P"), stream, now, to: &block)
                rest = rest[window.endIndex...]
            } else {
                pending[stream.rawValue].append(contentsOf: window)
                break
            }
        }
        write(block)
    }

    /// Writes what is left of unfinished lines.
    func finish() {
        let now = Realtime.nanoseconds()
        var block: [UInt8] = []
        for stream in [Stream.output, .error] where !pending[stream.rawValue].isEmpty {
            append([][...], tag: UInt8(ascii: "F"), stream, now, to: &block)
        }
        write(block)
        file = nil
    }

    private func append(
        _ text: some Sequence<UInt8>, tag: UInt8, _ stream: Stream, _ now: Int64, to block: inout [UInt8]
    ) {
        // 30 bytes of time, 8 of stream, 4 of tag, spaces and the end: a block never crosses the size of a file.
        let length = 42 + pending[stream.rawValue].count + text.underestimatedCount
        if maxBytes > 0, !block.isEmpty, size + Int64(block.count + length) > maxBytes {
            write(block)
            block.removeAll(keepingCapacity: true)
        }
        Timestamp.append(now, to: &block)
        stream.name.withUTF8Buffer { block.append(contentsOf: $0) }
        block.append(tag)
        block.append(UInt8(ascii: " "))
        block.append(contentsOf: pending[stream.rawValue])
        pending[stream.rawValue].removeAll(keepingCapacity: false)
        block.append(contentsOf: text)
        block.append(UInt8(ascii: "\n"))
    }

    private func write(_ block: [UInt8]) {
        guard !block.isEmpty else { return }
        if maxBytes > 0, size > 0, size + Int64(block.count) > maxBytes { rotate() }
        guard let file, (try? FileAccess.write(block, to: file)) != nil else { return }
        size += Int64(block.count)
    }

    /// The log is renamed, a new one begun, and the oldest removed.
    private func rotate() {
        file = nil
        let rotated = path + "." + Timestamp.suffix(Realtime.nanoseconds())
        try? FileAccess.rename(path, rotated)
        let (directory, name) = FileAccess.split(path)
        let old = ((try? FileAccess.list(directory)) ?? []).filter { $0.hasPrefix(name + ".") }
        for extra in old.dropLast(maxFiles - 1) { try? FileAccess.remove("\(directory)/\(extra)") }
        try? open()
    }
}
