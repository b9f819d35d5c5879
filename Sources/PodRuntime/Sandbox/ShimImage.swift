import Glibc
import LinuxKernel

/// The supervisor's program in a sealed memory file: what runs beside a pod does not change when the file on disk
/// does, and no container can write to it (CVE-2019-5736).
struct ShimImage: Sendable {
    let executable: FileDescriptor

    init(path: String) throws {
        executable = try RuntimeError.wrapping(.sandbox, step: "shim") {
            let source = try FileAccess.open(path, O_RDONLY)
            let copy = try FileDescriptor.memory("pod-shim", sealable: true)
            var left = Int(try FileAccess.status(source).st_size)
            while left > 0 {
                let count = try retryingOnInterrupt("sendfile", path) {
                    sendfile(copy.rawValue, source.rawValue, nil, left)
                }
                if count == 0 { throw SystemError(call: "sendfile", object: path, errno: EIO) }
                left -= count
            }
            try Self.seal(copy)
            return copy
        }
    }

    /// The kernel refuses to seal pages that it holds for a moment itself (it waits 150 ms for them, no more), as it may
    /// on a machine short of CPU.
    private static func seal(_ copy: FileDescriptor) throws(SystemError) {
        for _ in 1..<20 {
            do throws(SystemError) {
                return try copy.seal()
            } catch  where error.errno == EBUSY {
                continue
            }
        }
        try copy.seal()
    }
}
