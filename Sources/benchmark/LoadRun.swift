import Foundation

/// One run of `wrk`.
struct LoadRun: Sendable {
    var requestsPerSecond: Double
    /// Milliseconds.
    var p99: Double

    static let connections = 16

    /// Inside the network namespace of a process.
    ///
    /// - Throws: `BenchmarkError` where wrk is not there, or where any request failed: a figure of them means nothing.
    static func make(
        _ url: String, keepsAlive: Bool, seconds: Int, inNetworkOf process: Int32
    ) async throws -> LoadRun {
        var arguments = [
            "nsenter", "--net=/proc/\(process)/ns/net", "wrk", "--threads", "1", "--connections", "\(connections)",
            "--duration", "\(seconds)s", "--latency",
        ]
        if !keepsAlive { arguments += ["--header", "Connection: close"] }
        return try await make(arguments + [url])
    }

    /// - Parameter command: wrk and what it takes, with `--latency`.
    static func make(_ command: [String]) async throws -> LoadRun {
        let output = try await run(command)
        guard let run = LoadRun(output) else {
            throw BenchmarkError("wrk: failed requests, or an answer that is not understood:\n\(output)")
        }
        return run
    }

    /// Parses what wrk prints; nil where requests failed.
    init?(_ output: String) {
        var rate: Double?
        var latency: Double?
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.first == "Requests/sec:" { rate = words.last.flatMap { Double($0) } }
            if words.first == "99%" { latency = words.last.flatMap { Self.milliseconds($0) } }
            if words.first == "Non-2xx" || line.contains("Socket errors") { return nil }
        }
        guard let rate, let latency, rate > 0, latency > 0 else { return nil }
        requestsPerSecond = rate
        p99 = latency
    }

    private static func milliseconds(_ text: Substring) -> Double? {
        for (unit, factor) in [("us", 0.001), ("ms", 1), ("s", 1000)] as [(String, Double)] where text.hasSuffix(unit) {
            return Double(text.dropLast(unit.count)).map { $0 * factor }
        }
        return nil
    }

    /// What a program prints on both its outputs.
    private static func run(_ command: [String]) async throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                let output = pipe.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(returning: String(decoding: output, as: UTF8.self))
            }
        }
    }
}
