import Glibc

/// inotify(7): told of changes instead of looking again and again.
public final class Inotify: Sendable {
    public let descriptor: FileDescriptor

    public struct Event: Sendable, Hashable {
        public let watch: Int32
        public let mask: UInt32
        /// Name in the watched directory; empty where the watch is on a file.
        public let name: String
    }

    public init() throws(SystemError) {
        let fd = try retryingOnInterrupt("inotify_init1") { inotify_init1(Int32(IN_CLOEXEC) | Int32(O_NONBLOCK)) }
        descriptor = FileDescriptor(owning: fd)
    }

    @discardableResult
    public func add(_ path: String, _ mask: Int32) throws(SystemError) -> Int32 {
        try retryingOnInterrupt("inotify_add_watch", path) {
            inotify_add_watch(descriptor.rawValue, path, UInt32(bitPattern: mask))
        }
    }

    public func remove(_ watch: Int32) { _ = inotify_rm_watch(descriptor.rawValue, watch) }

    /// The events that are there now; does not wait.
    public func take() throws(SystemError) -> [Event] {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var events: [Event] = []
        while true {
            let got: Int
            do {
                got = try retryingOnInterrupt("read", "inotify") {
                    Glibc.read(descriptor.rawValue, &buffer, buffer.count)
                }
            } catch {
                if error.errno == EAGAIN { return events }
                throw error
            }
            buffer.withUnsafeBytes { bytes in
                var offset = 0
                let header = MemoryLayout<inotify_event>.size
                while offset + header <= got {
                    let watch = bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)
                    let mask = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                    let length = Int(bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                    let name = bytes[(offset + header)..<(offset + header + length)].prefix { $0 != 0 }
                    events.append(Event(watch: watch, mask: mask, name: String(decoding: name, as: UTF8.self)))
                    offset += header + length
                }
            }
        }
    }

    /// Waits for something to take, at most `milliseconds` (negative: for ever). False on a timeout.
    public func wait(milliseconds: Int32) throws(SystemError) -> Bool {
        try Poll.wait(descriptor, for: Int16(POLLIN), milliseconds: milliseconds)
    }
}

/// poll(2) on one descriptor, with a deadline that interruptions do not stretch.
public enum Poll {
    /// Indexes of the descriptors that can be read (or have ended); empty where none could within `milliseconds`.
    public static func wait(
        any descriptors: [FileDescriptor], milliseconds: Int32
    ) throws(SystemError) -> Set<Int> {
        var entries = descriptors.map { pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0) }
        let result = Glibc.poll(&entries, nfds_t(entries.count), milliseconds)
        let code = Glibc.errno
        if result < 0 && code != EINTR { throw SystemError(call: "poll", errno: code) }
        return result <= 0 ? [] : Set(entries.indices.filter { entries[$0].revents != 0 })
    }

    /// False where nothing happened within `milliseconds` (negative: for ever).
    public static func wait(
        _ descriptor: FileDescriptor, for events: Int16, milliseconds: Int32
    ) throws(SystemError) -> Bool {
        let start = Monotonic.milliseconds()
        var left = milliseconds
        while true {
            var entry = pollfd(fd: descriptor.rawValue, events: events, revents: 0)
            let result = Glibc.poll(&entry, 1, left)
            if result >= 0 { return result > 0 }
            let code = Glibc.errno
            guard code == EINTR else { throw SystemError(call: "poll", errno: code) }
            if milliseconds >= 0 {
                left = max(0, milliseconds - Int32(clamping: Monotonic.milliseconds() - start))
            }
        }
    }
}

/// CLOCK_MONOTONIC.
public enum Monotonic {
    public static func nanoseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    public static func milliseconds() -> Int64 { nanoseconds() / 1_000_000 }
}
