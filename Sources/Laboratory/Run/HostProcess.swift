import Foundation
import LinuxKernel
import PodRuntime
import Synchronization

/// A program on this machine, in a session of its own so that all of it can be ended.
enum HostProcess {
    /// Longer than any trial: the trial's own deadline cancels.
    private static let patience = Duration.seconds(4 * 86_400)

    /// Runs until the program ends; a cancelled task ends it. Both of its outputs are read.
    static func run(
        _ words: [String], environment: [String: String], pool: BlockingPool, line: @escaping @Sendable (String) -> Void
    ) async throws -> (code: Int32, lastLine: String) {
        let shell = try FileDescriptor.open("/bin/sh", O_RDONLY)
        let null = try FileDescriptor.open("/dev/null", O_RDONLY)
        let pipe = try FileDescriptor.pipe()
        let all = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let (pid, pidfd) = try LinuxKernel.Process.spawn(
            executable: shell, arguments: ["sh", "-c", "exec \"$@\"", "sh"] + words,
            environment: all.map { "\($0.key)=\($0.value)" },
            descriptors: [null, pipe.writing, pipe.writing], cgroup: nil)
        let reading = pipe.reading
        /// Whether the leader was waited for, so that its number is free for others.
        let isOver = Mutex(false)
        return try await withTaskCancellationHandler {
            async let last = pool.run(deadline: patience) { try lines(reading, until: pidfd, line) }
            let exit = try await pool.run(deadline: patience) { try LinuxKernel.Process.wait(pidfd, blocking: true) }
            // What it started and left behind would go on beside the next trial. Its group keeps the number from being
            // given out again as long as there is any of it.
            isOver.withLock { isOver in
                LinuxKernel.Process.killSession(pid)
                isOver = true
            }
            let lastLine = try await last
            try Task.checkCancellation()
            return (exit?.code ?? 1, lastLine)
        } onCancel: {
            isOver.withLock { if !$0 { LinuxKernel.Process.killSession(pid) } }
        }
    }

    /// Hands on each line until the process has ended and nothing is left to read; answers the last one that is not empty.
    private static func lines(
        _ output: FileDescriptor, until pidfd: FileDescriptor, _ line: (String) -> Void
    ) throws -> String {
        try output.setNonBlocking(true)
        var rest: [UInt8] = []
        var last = ""
        func take(_ bytes: ArraySlice<UInt8>) {
            let text = String(decoding: bytes, as: UTF8.self)
            if !text.isEmpty { last = text }
            line(text)
        }
        var chunk = [UInt8](repeating: 0, count: 4096)
        var isOpen = true
        while true {
            let ready = try Poll.wait(any: isOpen ? [pidfd, output] : [pidfd], milliseconds: -1)
            while isOpen, let count = try chunk.withUnsafeMutableBytes({ try output.read(into: $0) }) {
                isOpen = count > 0
                rest += chunk[..<count]
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    take(rest[..<end])
                    rest.removeSubrange(...end)
                }
            }
            if ready.contains(0) { break }
        }
        if !rest.isEmpty { take(rest[...]) }
        return last
    }
}
