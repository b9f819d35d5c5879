import Foundation

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

        let process = try ChildProcess(
            [executable] + arguments, environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
            input: inputHandle, output: outputHandle, errors: errorHandle)
        let name = ([URL(fileURLWithPath: executable).lastPathComponent] + arguments).joined(separator: " ")
        let watchdog = Task { () -> Bool in
            guard (try? await Task.sleep(for: deadline)) != nil else { return false }
            process.kill()
            return true
        }
        // A test that is cancelled ends its program, too.
        let exit = await withTaskCancellationHandler {
            await process.exit
        } onCancel: {
            process.kill()
        }
        watchdog.cancel()
        if await watchdog.value {
            let said = (try? String(contentsOf: output, encoding: .utf8)) ?? ""
            throw Timeout(description: "\(name): not done within \(deadline)\n\(said)")
        }
        return CommandResult(
            command: name, code: exit.code, output: try String(contentsOf: output, encoding: .utf8),
            errors: try String(contentsOf: errors, encoding: .utf8))
    }

    /// The full path of a program in $PATH.
    package static func find(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
