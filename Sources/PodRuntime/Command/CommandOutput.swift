import LinuxKernel
import Synchronization

/// The pipe that a command prints to, and what of it is kept.
final class CommandOutput: Sendable {
    private struct State {
        var bytes: [UInt8] = []
        var truncated = false
    }

    /// A pipe's capacity, unless someone has changed it.
    private static let chunk = 64 << 10

    private let reading: FileDescriptor
    /// Goes to the supervisor, and stays open here, too: a command that closes its output and goes on must not look like
    /// a pipe that has ended, which would be told for ever.
    let writing: FileDescriptor
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) throws(SystemError) {
        let pipe = try FileDescriptor.pipe()
        try pipe.reading.setNonBlocking(true)
        (reading, writing) = (pipe.reading, pipe.writing)
        self.limit = limit
    }

    /// Reads what there is from now on, on the poller's thread: a full pipe would stop the command.
    ///
    /// - Returns: what `stop` takes.
    func start(on poller: ShimPoller) throws(SystemError) -> UInt64 {
        try poller.add(reading) { [self] in _ = take() }
    }

    func stop(_ token: UInt64, on poller: ShimPoller) { poller.remove(reading, token) }

    /// What was printed, after the command has ended. Something that has the pipe and is not the command's any more could
    /// write for ever: no more than a few pipes full is read.
    func finish() -> (bytes: [UInt8], truncated: Bool) {
        for _ in 0..<16 where !take() { break }
        return state.withLock { ($0.bytes, $0.truncated) }
    }

    /// One read; false where nothing is there.
    private func take() -> Bool {
        withUnsafeTemporaryAllocation(byteCount: Self.chunk, alignment: 16) { buffer in
            // The lock spans the read: what is read first is kept first.
            state.withLock { state in
                guard let count = try? reading.read(into: buffer), count > 0 else { return false }
                let room = limit - state.bytes.count
                state.bytes.append(contentsOf: buffer[..<min(count, room)])
                if count > room { state.truncated = true }
                return true
            }
        }
    }
}
