import Glibc
import LinuxKernel

/// A file that is read again and again from its beginning, on one descriptor.
struct SampledFile: Sendable {
    let descriptor: FileDescriptor

    /// Nil where there is no such file.
    init?(_ path: String) throws(SystemError) {
        do throws(SystemError) { descriptor = try FileAccess.open(path, O_RDONLY) } catch {
            if error.errno == ENOENT || error.errno == EOPNOTSUPP { return nil }
            throw error
        }
    }

    /// What the file says now, read into `buffer`. Nil where it cannot say it (pressure that is switched off).
    ///
    /// - Throws: `SystemError` with ENODEV where the cgroup is gone.
    func read(_ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> UnsafeRawBufferPointer? {
        do throws(SystemError) {
            let count = try descriptor.read(at: 0, into: buffer)
            return UnsafeRawBufferPointer(rebasing: buffer[..<count])
        } catch {
            if error.errno == ENODEV { throw error }
            return nil
        }
    }

    /// Room for what one file says: `memory.stat` has 2 KiB, `io.stat` about 100 bytes for each device.
    static let bufferSize = 32 << 10

    /// Runs `body` with such a room.
    static func withBuffer<T>(
        _ body: (UnsafeMutableRawBufferPointer) throws -> T
    ) rethrows -> T {
        try withUnsafeTemporaryAllocation(byteCount: bufferSize, alignment: 16, body)
    }
}
