import Foundation
import LinuxKernel
import PodRuntime
import Synchronization
import Testing

@testable import Laboratory

/// On a temporary directory, in which the test plays the kernel.
@Suite struct CgroupObserverTests {
    private final class Rows: Sendable {
        private let state = Mutex<
            (rows: [CgroupRow], waiters: [(count: Int, continuation: CheckedContinuation<Void, Never>)])
        >(([], []))

        func add(_ row: CgroupRow) {
            let met = state.withLock { state in
                state.rows.append(row)
                let met = state.waiters.filter { $0.count <= state.rows.count }
                state.waiters.removeAll { $0.count <= state.rows.count }
                return met
            }
            for waiter in met { waiter.continuation.resume() }
        }

        var all: [CgroupRow] { state.withLock { $0.rows } }

        func wait(for count: Int) async {
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    if state.rows.count >= count { return true }
                    state.waiters.append((count, continuation))
                    return false
                }
                if isThere { continuation.resume() }
            }
        }
    }

    private let root = FileManager.default.temporaryDirectory.appendingPathComponent("observer-\(UUID().uuidString)")
        .path

    private var columns: [CgroupColumn] {
        CgroupColumn.all.filter { ["cpu.stat usage_usec", "memory.current", "pids.current"].contains($0.name) }
    }

    private func write(_ file: String, _ text: String) throws {
        try FileAccess.write(
            // Not truncated: the kernel's files are never empty, and all texts of a file are equally long.
            Array(text.utf8), to: FileAccess.open("\(root)/pod1/main-0/\(file)", O_WRONLY))
    }

    /// A cgroup appears with all its files at once.
    private func makeCgroup(populated: Bool) throws {
        try FileAccess.makeDirectories("\(root)/hidden/main-0")
        for (file, text) in [
            ("cgroup.events", "populated \(populated ? 1 : 0)\nfrozen 0\n"),
            ("cpu.stat", "usage_usec 100\nuser_usec 1\n"), ("memory.current", "4096\n"),
        ] {
            try FileAccess.write(
                Array(text.utf8), to: FileAccess.open("\(root)/hidden/main-0/\(file)", O_WRONLY | O_CREAT))
        }
        try FileAccess.rename("\(root)/hidden", "\(root)/pod1")
    }

    private func observer(_ interval: Duration, _ rows: Rows) throws -> CgroupObserver {
        try FileAccess.makeDirectories(root)
        return try CgroupObserver(
            .init(
                folder: root, components: ["pod1", "main-0"], columns: columns, interval: interval,
                origin: Monotonic.nanoseconds())
        ) { rows.add($0) }
    }

    @Test func aCgroupIsSampledFromItsBirthToItsEnd() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let rows = Rows()
        // No tick comes within the test: what is sampled is what the kernel tells of.
        let observer = try observer(.seconds(600), rows)
        try makeCgroup(populated: false)
        await rows.wait(for: 1)
        #expect(rows.all[0].values == [100, 4096, nil])
        try write("cpu.stat", "usage_usec 250\n")
        // The observer may see only the last of the two.
        try write("cgroup.events", "populated 1\nfrozen 0\n")
        try write("cgroup.events", "populated 0\nfrozen 0\n")
        await rows.wait(for: 2)
        let facts = await observer.finish()
        #expect(rows.all[1].values[0] == 250)
        #expect(facts.problem == nil)
        #expect(facts.startedAt != nil && facts.endedAt != nil)
    }

    @Test func ticksDoNotDrift() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let rows = Rows()
        let observer = try observer(.milliseconds(5), rows)
        try makeCgroup(populated: true)
        await rows.wait(for: 40)
        let facts = await observer.finish()
        #expect(facts.startedAt != nil && facts.endedAt == nil)
        // However late each one was: together they and those that were missed are the ticks that there were.
        let seconds = rows.all.map(\.seconds)
        let ticks = ((seconds[39] - seconds[0]) / 0.005).rounded()
        #expect(abs(ticks - Double(39 + facts.missedSamples)) <= Double(facts.missedSamples) + 2)
        #expect(seconds == seconds.sorted())
    }

    @Test func anObserverCanBeStoppedBeforeThereIsAnything() async throws {
        defer { try? FileManager.default.removeItem(atPath: root) }
        let facts = try await observer(.milliseconds(100), Rows()).finish()
        #expect(facts.startedAt == nil && facts.problem == nil)
    }

    @Test func aHostProcessIsRead() async throws {
        let lines = Mutex<[String]>([])
        let pool = BlockingPool(name: "test", threads: 4)
        let result = try await HostProcess.run(
            ["/bin/sh", "-c", "echo a=1; echo $POD_IP >&2; printf last; exit 3"], environment: ["POD_IP": "10.1.2.3"],
            pool: pool
        ) { line in lines.withLock { $0.append(line) } }
        #expect(result.code == 3)
        #expect(result.lastLine == "last")
        #expect(lines.withLock { $0 } == ["a=1", "10.1.2.3", "last"])
    }

    @Test func aCancelledHostProcessIsEndedWithWhatItStarted() async throws {
        let started = AsyncStream<Void>.makeStream()
        let pool = BlockingPool(name: "test", threads: 4)
        let task = Task {
            try await HostProcess.run(
                ["/bin/sh", "-c", "sleep 600 & echo up; wait"], environment: [:], pool: pool
            ) { _ in started.continuation.finish() }
        }
        for await _ in started.stream {}
        task.cancel()
        // The pipe's end is seen only when the last process that has it is gone.
        await #expect(throws: CancellationError.self) { try await task.value }
    }
}
