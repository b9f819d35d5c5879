import Foundation
import InternetAddress
import LinuxKernel
import PodRuntime

// Not declared by Swift's Glibc module (it needs _GNU_SOURCE).
@_silgen_name("unshare") private func c_unshare(_ flags: Int32) -> Int32

/// A thread in a network namespace of its own. Threads and processes that it starts are in there too.
final class NetworkThread: Sendable {
    private let pool = BlockingPool(name: "test-network", threads: 1)
    let namespace: FileDescriptor
    /// A socket for network devices in there.
    let netlink: FileDescriptor
    /// Of the thread: `ip link set ... netns` takes it.
    let id: Int32

    init() async throws {
        (namespace, netlink, id) = try await pool.run {
            guard c_unshare(0x4000_0000) == 0 else { throw SystemError(call: "unshare", errno: errno) }
            try NetlinkSocket(.route).request([RouteMessage.setUp(index: 1, name: "lo")])
            return (
                try FileDescriptor.open("/proc/thread-self/ns/net", O_RDONLY),
                try NetlinkSocket(.route).descriptor,
                Int32(FileAccess.split(try FileAccess.linkTarget("/proc/thread-self")).name) ?? 0
            )
        }
    }

    func run<T: Sendable>(
        deadline: Duration = .seconds(120), _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        try await pool.run(deadline: deadline, body)
    }

    /// Runs a program in there, and returns what it printed.
    @discardableResult
    func command(_ line: String, input: String = "") async throws -> String {
        try await run {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", line]
            let (output, entry) = (Pipe(), Pipe())
            process.standardOutput = output
            process.standardError = output
            process.standardInput = entry
            try process.run()
            try entry.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try entry.fileHandleForWriting.close()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                throw CommandError(description: "\(line): \(process.terminationStatus): \(text)")
            }
            return text
        }
    }

    struct CommandError: Error, CustomStringConvertible { let description: String }
}
