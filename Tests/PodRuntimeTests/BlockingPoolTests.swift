import Foundation
import LinuxKernel
import Synchronization
import Testing

@testable import PodRuntime

private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .sequentiallyConsistent) }
    func set() { value.store(true, ordering: .sequentiallyConsistent) }
}

@Suite struct BlockingPoolTests {
    @Test func resultsAndErrorsComeBack() async throws {
        let pool = BlockingPool(name: "test", threads: 2)
        #expect(try await pool.run { 42 } == 42)
        struct Failure: Error {}
        await #expect(throws: Failure.self) { try await pool.run { throw Failure() } }
    }

    @Test func callsRunOnTheirOwnThreads() async throws {
        let pool = BlockingPool(name: "pool-name", threads: 1)
        let name = try await pool.run { try FileAccess.readText("/proc/thread-self/comm") }
        #expect(name == "pool-name")
    }

    @Test func aDeadlineIsKeptWhileACallHangs() async throws {
        let pool = BlockingPool(name: "test", threads: 1)
        let gate = DispatchSemaphore(value: 0)
        let error = await #expect(throws: RuntimeError.self) {
            try await pool.run(deadline: .milliseconds(50)) { gate.wait() }
        }
        #expect(error?.kind == .timeout)
        // One that has not begun when its time is over never runs.
        let ran = Flag()
        await #expect(throws: RuntimeError.self) {
            try await pool.run(deadline: .milliseconds(20)) { ran.set() }
        }
        gate.signal()
        #expect(try await pool.run { 1 } == 1)
        let hasRun = ran.isSet
        #expect(!hasRun)
    }

    @Test func whatDoesNotFitIsRefused() async throws {
        let pool = BlockingPool(name: "test", threads: 1, queueLimit: 1)
        let gate = DispatchSemaphore(value: 0)
        let begun = DispatchSemaphore(value: 0)
        async let first: Void = pool.run {
            begun.signal()
            gate.wait()
        }
        await withCheckedContinuation { continuation in
            Thread {
                begun.wait()
                continuation.resume()
            }.start()
        }
        async let second: Int = pool.run { 2 }
        try await eventually { pool.load.waiting == 1 }
        let error = await #expect(throws: RuntimeError.self) { try await pool.run { 3 } }
        #expect(error?.step == "queue")
        gate.signal()
        try await first
        #expect(try await second == 2)
    }
}
