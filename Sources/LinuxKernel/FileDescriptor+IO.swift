public import Glibc

extension FileDescriptor {
    /// Reads once; the count is 0 at the end of the file. Nil where the descriptor does not block and nothing is there.
    public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int? {
        while true {
            let count = Glibc.read(rawValue, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            let code = errno
            if code == EINTR { continue }
            if code == EAGAIN { return nil }
            throw SystemError(call: "read", errno: code)
        }
    }

    /// Reads once from an offset, whatever the descriptor's own is (pread(2)): files of proc, sys and cgroup are made anew
    /// for each read from 0.
    public func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
        try retryingOnInterrupt("pread") { pread(rawValue, buffer.baseAddress, buffer.count, off_t(offset)) }
    }

    /// Reads to the end of the file, at most `limit` bytes.
    public func readAll(limit: Int = .max) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: Swift.min(limit, 16384))
        while bytes.count < limit {
            let wanted = Swift.min(chunk.count, limit - bytes.count)
            let count = try retryingOnInterrupt("read") { Glibc.read(rawValue, &chunk, wanted) }
            if count == 0 { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }

    /// Writes all bytes, however many calls it takes.
    public func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            done += try retryingOnInterrupt("write") { Glibc.write(rawValue, rest.baseAddress, rest.count) }
        }
    }

    /// Writes all bytes, however many calls it takes.
    public func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        // Typed throws do not pass through withUnsafeBytes of an array; the result does.
        let failure: SystemError? = bytes.withUnsafeBytes { buffer in
            do throws(SystemError) {
                try writeAll(buffer)
                return nil
            } catch { return error }
        }
        if let failure { throw failure }
    }

    public func writeAll(_ text: String) throws(SystemError) {
        try writeAll(Array(text.utf8))
    }

    /// Waits until the contents are on the disk (fsync(2)).
    public func synchronize() throws(SystemError) {
        try retryingOnInterrupt("fsync") { fsync(rawValue) }
    }

    public func status() throws(SystemError) -> stat {
        var facts = stat()
        try retryingOnInterrupt("fstat") { fstat(rawValue, &facts) }
        return facts
    }

    /// `S_IFDIR`, `S_IFREG`, ...
    public func fileType() throws(SystemError) -> UInt32 { try status().st_mode & UInt32(S_IFMT) }
}
