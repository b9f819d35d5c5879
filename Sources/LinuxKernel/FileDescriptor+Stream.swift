internal import CLinux
internal import Glibc

extension FileDescriptor {
    /// Waits until everything on this descriptor's file system is on the disk (syncfs(2)).
    public func synchronizeFileSystem() throws(SystemError) {
        try SystemError.check("syncfs", clx_syncfs(rawValue))
    }

    /// Two connected stream sockets, close-on-exec: like a pipe, but writing to one whose other end is closed answers EPIPE
    /// without a signal (`send`).
    public static func streamPair() throws(SystemError) -> (FileDescriptor, FileDescriptor) {
        var ends: [Int32] = [-1, -1]
        try retryingOnInterrupt("socketpair") {
            socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
        }
        return (FileDescriptor(owning: ends[0]), FileDescriptor(owning: ends[1]))
    }

    /// Sends all bytes on a stream socket until a moment of CLOCK_MONOTONIC, in nanoseconds.
    ///
    /// - Throws: EPIPE where the other end is closed, ETIMEDOUT.
    public func send(_ bytes: [UInt8], until end: Int64) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let left = (end - Monotonic.nanoseconds()) / 1_000_000
            guard left > 0, try Poll.wait(self, for: Int16(POLLOUT), milliseconds: Int32(clamping: left)) else {
                throw SystemError(call: "send", errno: ETIMEDOUT)
            }
            let sent = bytes.withUnsafeBytes {
                Glibc.send(
                    rawValue, $0.baseAddress! + done, bytes.count - done,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            let code = errno
            if sent >= 0 {
                done += sent
            } else if code != EINTR && code != EAGAIN {
                throw SystemError(call: "send", errno: code)
            }
        }
    }

    /// The other end reads the end of the stream (shutdown(2), SHUT_WR).
    public func finishSending() { _ = shutdown(rawValue, Int32(SHUT_WR)) }

    /// Takes an exclusive lock, waiting for whoever has it (flock(2)). It goes with the last descriptor of the open file.
    public func lock() throws(SystemError) {
        try retryingOnInterrupt("flock") { flock(rawValue, LOCK_EX) }
    }

    /// Reads once until a moment of CLOCK_MONOTONIC; empty at the end.
    public func read(upTo limit: Int, until end: Int64) throws(SystemError) -> [UInt8] {
        let left = (end - Monotonic.nanoseconds()) / 1_000_000
        guard left > 0, try Poll.wait(self, for: Int16(POLLIN), milliseconds: Int32(clamping: left)) else {
            throw SystemError(call: "read", errno: ETIMEDOUT)
        }
        var buffer = [UInt8](repeating: 0, count: limit)
        let got = try retryingOnInterrupt("read") { Glibc.read(rawValue, &buffer, limit) }
        return Array(buffer[..<got])
    }
}
