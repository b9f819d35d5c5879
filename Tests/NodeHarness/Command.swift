import Foundation
import Synchronization

/// What a program that was run to its end has said.
package struct CommandResult: Sendable, CustomStringConvertible {
    package let command: String
    package let code: Int32
    package let output: String
    package let errors: String

    package init(command: String, code: Int32, output: String, errors: String) {
        self.command = command
        self.code = code
        self.output = output
        self.errors = errors
    }

    package var description: String { "\(command)\nexit code \(code)\n\(output)\(errors)" }
    package var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Something that a test cannot go on without.
package struct Failure: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

extension CommandResult {
    /// Throws what the program has said where its exit code is not 0.
    package func requireSuccess() throws {
        guard code == 0 else { throw Failure(description) }
    }
}

/// Runs programs with a deadline.
package enum Command {
    package struct Timeout: Error, CustomStringConvertible {
        package let description: String
    }

    private static let starting = Mutex(())

    /// Runs a program; its output is collected in files, so that no pipe can fill up.
    package static func run(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        deadline: Duration = .seconds(60)
    ) async throws -> CommandResult {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mkl-command-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ content: String = "") throws -> (URL, FileHandle) {
            let url = folder.appendingPathComponent(name)
            try content.write(to: url, atomically: false, encoding: .utf8)
            return (url, try FileHandle(forUpdating: url))
        }
        let (output, outputHandle) = try file("output")
        let (errors, errorHandle) = try file("errors")
        let (_, inputHandle) = try file("input", input ?? "")

        let process = Process()
        process.executableURL = URL(fileURLWithPath: executable)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = outputHandle
        process.standardError = errorHandle
        process.standardInput = inputHandle
        let ended = AsyncStream<Void>.makeStream()
        process.terminationHandler = { _ in ended.continuation.finish() }
        // Foundation's Process crashes now and then where two threads start one at the same time.
        try starting.withLock { _ in try process.run() }
        let name = ([URL(fileURLWithPath: executable).lastPathComponent] + arguments).joined(separator: " ")
        let pid = process.processIdentifier
        let inTime = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in ended.stream {}
                return !Task.isCancelled
            }
            group.addTask {
                try? await Task.sleep(for: deadline)
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            return first
        }
        if !inTime {
            kill(pid, SIGKILL)
            let said = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
            throw Timeout(description: "\(name): not done within \(deadline)\n\(said)")
        }
        return CommandResult(
            command: name, code: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
            errors: try String(contentsOf: errors, encoding: .utf8))
    }

    /// The full path of a program in $PATH.
    package static func find(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
