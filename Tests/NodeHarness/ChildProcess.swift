package import Foundation
import LinuxKernel
import Synchronization

/// A program that a test has started, in a session of its own. The first word is a path or is looked for in $PATH.
///
/// Not Foundation's `Process`: that one learns of an end by a socket and a run loop that all of its processes share,
/// its children inherit each other's sockets, and test runs were ended by a signal while several were started at the
/// same time. This is a clone and a pidfd of its own, and nothing else is inherited.
package final class ChildProcess: Sendable {
    /// How it has ended.
    package struct Exit: Sendable {
        /// Its exit code, or 128 + signal.
        package let code: Int32
        /// The signal that ended it; 0 where it exited by itself.
        package let signal: Int32
    }

    package let pid: pid_t
    private let descriptor: FileDescriptor
    private let ending: Task<Exit, Never>
    /// Whether it was waited for, so that its number is free for others.
    private let isOver: OverFlag

    private final class OverFlag: Sendable {
        let value = Mutex(false)
    }

    /// - Parameter environment: all of it; nil is that of the tests.
    package init(
        _ words: [String], environment: [String: String]? = nil, input: FileHandle, output: FileHandle,
        errors: FileHandle
    ) throws {
        // A descriptor of a script cannot be executed, so env is what starts; it also goes back to the working folder.
        let env = try FileDescriptor.open("/usr/bin/env", O_RDONLY)
        let all = environment ?? ProcessInfo.processInfo.environment
        let (pid, pidfd) = try LinuxKernel.Process.spawn(
            executable: env, arguments: ["env", "-C", FileManager.default.currentDirectoryPath] + words,
            environment: all.map { "\($0.key)=\($0.value)" },
            descriptors: try [input, output, errors].map(Self.copy), cgroup: nil)
        let isOver = OverFlag()
        self.pid = pid
        self.isOver = isOver
        descriptor = pidfd
        ending = Task {
            await withCheckedContinuation { continuation in
                // A thread for each, since it blocks: tests have a handful of programs at once.
                Thread.detachNewThread { continuation.resume(returning: Self.wait(for: pidfd, isOver)) }
            }
        }
    }

    private static func copy(_ handle: FileHandle) throws -> FileDescriptor {
        let number = fcntl(handle.fileDescriptor, F_DUPFD_CLOEXEC, 3)
        guard number >= 0 else { throw Failure("fcntl(F_DUPFD_CLOEXEC): errno \(errno)") }
        return FileDescriptor(owning: number)
    }

    private static func wait(for pidfd: FileDescriptor, _ isOver: OverFlag) -> Exit {
        while true {
            // Its number stays its own until it is reaped, which nobody may interleave a kill with.
            _ = try? Poll.wait(any: [pidfd], milliseconds: -1)
            let exit = isOver.value.withLock { isOver -> Exit? in
                do {
                    guard let exit = try LinuxKernel.Process.wait(pidfd, blocking: false) else { return nil }
                    isOver = true
                    return Exit(code: exit.code, signal: exit.signal)
                } catch {
                    isOver = true
                    return Exit(code: -1, signal: 0)
                }
            }
            if let exit { return exit }
        }
    }

    /// Waits for its end.
    package var exit: Exit { get async { await ending.value } }

    /// Sends a signal to the program alone; that it is gone is no error.
    package func signal(_ number: Int32) { try? LinuxKernel.Process.signal(descriptor, number) }

    /// Kills the program and what it has started in its session.
    package func kill() {
        isOver.value.withLock { if !$0 { LinuxKernel.Process.killSession(pid) } }
    }
}
