import Foundation

/// A program that runs beside a test until it is told to end.
package final class BackgroundProcess: Sendable {
    private let pid: pid_t
    private let ended: Task<Int32, Never>
    private let folder: URL

    /// Starts a program; its output goes to a file.
    package init(_ words: [String]) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("mkl-beside-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        for name in ["output", "errors"] {
            try Data().write(to: folder.appendingPathComponent(name))
        }
        process.standardOutput = try FileHandle(forWritingTo: folder.appendingPathComponent("output"))
        process.standardError = try FileHandle(forWritingTo: folder.appendingPathComponent("errors"))
        process.standardInput = FileHandle.nullDevice
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            continuation.yield(process.terminationStatus)
            continuation.finish()
        }
        try process.run()
        pid = process.processIdentifier
        ended = Task {
            for await status in stream { return status }
            return -1
        }
    }

    /// What it has written so far.
    package var output: String {
        (try? String(contentsOf: folder.appendingPathComponent("output"), encoding: .utf8)) ?? ""
    }

    private var errors: String {
        (try? String(contentsOf: folder.appendingPathComponent("errors"), encoding: .utf8)) ?? ""
    }

    /// Sends SIGTERM, and SIGKILL where that has not helped within `deadline`; answers what it said.
    package func stop(deadline: Duration = .seconds(20)) async -> CommandResult {
        kill(pid, SIGTERM)
        return await wait(deadline: deadline)
    }

    /// Waits for its own end, and kills it at the deadline.
    package func wait(deadline: Duration) async -> CommandResult {
        let watchdog = Task { [pid] in
            if (try? await Task.sleep(for: deadline)) != nil { kill(pid, SIGKILL) }
        }
        let code = await ended.value
        watchdog.cancel()
        let result = CommandResult(command: "process \(pid)", code: code, output: output, errors: errors)
        try? FileManager.default.removeItem(at: folder)
        return result
    }
}
