import Foundation
import LinuxKernel

/// The lock that the one agent of an instance holds while it runs. It goes with the process, however that ends.
struct AgentLock {
    private let file: FileDescriptor

    /// Takes the lock; throws `CommandFailure` where another process has it.
    static func take(_ layout: NodeLayout) async throws -> AgentLock {
        // Who asks for the holder has the lock for an instant: one refusal does not mean that a node is running.
        for _ in 0..<10 {
            if let lock = try tryTake(layout) { return lock }
            try await Task.sleep(for: .milliseconds(20))
        }
        let holder = holder(layout).map { " (process \($0))" } ?? ""
        throw CommandFailure("error: a node is running already with its files in \(layout.run)\(holder)")
    }

    /// The lock, or nil where another process has it.
    static func tryTake(_ layout: NodeLayout) throws -> AgentLock? {
        try FileAccess.makeDirectories(layout.run, mode: 0o700)
        let file = try FileDescriptor.open(layout.lock, O_RDWR | O_CREAT, mode: 0o600)
        guard try file.tryLock() else { return nil }
        let lock = AgentLock(file: file)
        try FileAccess.writeOnce(layout.lock, "\(getpid())\n", flags: O_TRUNC)
        return lock
    }

    /// The process that holds the lock; nil where nobody does.
    static func holder(_ layout: NodeLayout) -> Int32? {
        guard FileAccess.exists(layout.lock),
            let file = try? FileDescriptor.open(layout.lock, O_RDWR),
            (try? file.tryLock()) == false,
            let text = try? FileAccess.readText(layout.lock)
        else { return nil }
        return Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
