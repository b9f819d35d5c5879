import Glibc
import LinuxKernel

/// Drives the jailed helper `image-unpacker`: it alone parses archives. Blocks; for the image store's own threads.
struct LayerUnpacker: Sendable {
    let executable: String

    /// What to do with an archive's device nodes.
    enum Devices: String, Sendable {
        case refuse, skip
    }

    /// Unpacks an uncompressed tar archive into an empty directory.
    ///
    /// - Parameters:
    ///   - end: deadline, CLOCK_MONOTONIC nanoseconds.
    ///   - feed: hands over the archive's bytes, in order.
    /// - Throws: `RuntimeError` with the helper's own words, which name the entry. The directory may be half full then.
    func unpack(
        into directory: String, devices: Devices, end: Int64, _ feed: (_ send: ([UInt8]) throws -> Void) throws -> Void
    ) throws {
        let (helper, near) = try startFed(["unpack", directory, devices.rawValue])
        do {
            try feed { try near.send($0, until: end) }
            near.finishSending()
        } catch let error as SystemError where error.errno == EPIPE && error.call == "send" {
            // The helper ended early and says why.
            _ = try helper.finish(end: end)
            throw RuntimeError(
                .create, step: "unpack", object: directory, message: "the unpack helper stopped reading the archive")
        } catch {
            helper.abandon()
            throw error
        }
        let output = try helper.finish(end: end)
        for name in output.split(separator: 0, omittingEmptySubsequences: false).dropLast() {
            try markOpaque(String(decoding: name, as: UTF8.self), below: directory)
        }
    }

    /// Starts the helper with a stream as its standard input. The helper's end is closed here when this returns, so that
    /// sending answers EPIPE when the helper ends.
    private func startFed(_ arguments: [String]) throws -> (Helper, FileDescriptor) {
        let (near, far) = try FileDescriptor.streamPair()
        return (try Helper(executable, arguments, input: far), near)
    }

    /// Takes the compression off a file, or none.
    func decompress(_ file: FileDescriptor, end: Int64, _ receive: ([UInt8]) throws -> Void) throws {
        let helper = try Helper(executable, ["decompress"], input: file)
        do {
            while true {
                let bytes = try helper.output.read(upTo: 256 << 10, until: end)
                if bytes.isEmpty { break }
                try receive(bytes)
            }
        } catch {
            helper.abandon()
            throw error
        }
        _ = try helper.finish(end: end)
    }

    /// `trusted.*` attributes need CAP_SYS_ADMIN, which the helper does not have.
    private func markOpaque(_ path: String, below root: String) throws {
        let top = try FileAccess.open(root, O_RDONLY | O_DIRECTORY)
        let directory =
            path.isEmpty ? top : try top.open(.beneathWithoutLinks, path, O_RDONLY | O_DIRECTORY)
        try ExtendedAttributes.set(directory, "trusted.overlay.opaque", Array("y".utf8))
    }

    /// One run of the helper.
    private final class Helper {
        let output: FileDescriptor
        private let errors: FileDescriptor
        private let pidfd: FileDescriptor

        init(_ executable: String, _ arguments: [String], input: FileDescriptor) throws {
            let program: FileDescriptor
            do throws(SystemError) {
                program = try FileAccess.open(executable, O_RDONLY)
            } catch {
                throw RuntimeError(
                    .create, step: "unpack", object: executable, errno: error.errno,
                    message: "the unpack helper cannot be started: \(error)")
            }
            let out = try FileDescriptor.pipe()
            let err = try FileDescriptor.pipe()
            (_, pidfd) = try Process.spawn(
                executable: program, arguments: ["image-unpacker"] + arguments, environment: [],
                descriptors: [input, out.writing, err.writing], cgroup: nil)
            output = out.reading
            errors = err.reading
        }

        /// Reads what is left, waits for the end, and throws what the helper says where it failed.
        func finish(end: Int64) throws -> [UInt8] {
            var rest: [UInt8] = []
            var words: [UInt8] = []
            do {
                while rest.count < 16 << 20 {
                    let bytes = try output.read(upTo: 64 << 10, until: end)
                    if bytes.isEmpty { break }
                    rest += bytes
                }
                while words.count < 64 << 10 {
                    let bytes = try errors.read(upTo: 4096, until: end)
                    if bytes.isEmpty { break }
                    words += bytes
                }
                let left = (end - Monotonic.nanoseconds()) / 1_000_000
                guard left > 0, try Poll.wait(pidfd, for: Int16(POLLIN), milliseconds: Int32(clamping: left)) else {
                    throw SystemError(call: "waitid", errno: ETIMEDOUT)
                }
            } catch {
                abandon()
                throw error
            }
            let exit = try Process.wait(pidfd, blocking: true)
            guard let exit, exit.code == 0 else {
                var text = String(decoding: words.prefix(1000), as: UTF8.self)
                while text.hasSuffix("\n") { text.removeLast() }
                if text.isEmpty {
                    text =
                        exit.map { $0.signal != 0 ? "killed by signal \($0.signal)" : "exit code \($0.code)" }
                        ?? "unknown end"
                }
                throw RuntimeError(.create, step: "unpack", object: "archive", message: "cannot unpack: \(text)")
            }
            return rest
        }

        /// Ends it at once; its directory is thrown away by the caller.
        func abandon() {
            try? Process.signal(pidfd, SIGKILL)
            _ = try? Process.wait(pidfd, blocking: true)
        }
    }
}
