import Foundation

/// A program that runs beside a test until it is told to end.
package final class BackgroundProcess: Sendable {
    private let process: ChildProcess
    private let folder: URL

    /// Starts a program; its output goes to a file.
    package init(_ words: [String]) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("mkl-beside-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["output", "errors"] {
            try Data().write(to: folder.appendingPathComponent(name))
        }
        process = try ChildProcess(
            words, input: try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/null")),
            output: try FileHandle(forWritingTo: folder.appendingPathComponent("output")),
            errors: try FileHandle(forWritingTo: folder.appendingPathComponent("errors")))
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
        process.signal(SIGTERM)
        return await wait(deadline: deadline)
    }

    /// Waits for its own end, and kills it at the deadline.
    package func wait(deadline: Duration) async -> CommandResult {
        let watchdog = Task { [process] in
            if (try? await Task.sleep(for: deadline)) != nil { process.kill() }
        }
        let exit = await process.exit
        watchdog.cancel()
        let result = CommandResult(
            command: "process \(process.pid)", code: exit.code, output: output, errors: errors)
        try? FileManager.default.removeItem(at: folder)
        return result
    }
}
