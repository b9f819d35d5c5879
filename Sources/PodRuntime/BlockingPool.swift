import Foundation
import LinuxKernel
import Synchronization

/// A few named threads for one kind of slowness (mounts, removing trees, image I/O, netlink): blocking calls never
/// stand on Swift's cooperative threads, of which a small machine has two.
///
/// Work is taken in order. The queue is bounded: what does not fit is refused at once, so that a stuck device shows
/// as an error and not as memory.
public final class BlockingPool: Sendable {
    public let name: String
    private let queueLimit: Int
    private let shared: Shared

    /// Guards the queue between callers and the pool's threads. A condition and not a Mutex, because threads wait
    /// on it.
    private final class Shared: @unchecked Sendable {
        // @unchecked: every access to the fields below holds `condition`'s lock.
        let condition = NSCondition()
        var queue: [@Sendable () -> Void] = []
        var running = 0
        var stopped = false
    }

    /// - Parameters:
    ///   - name: of the threads, as `ps -T` shows it (the kernel keeps 15 bytes).
    ///   - threads: how many calls may block at once.
    ///   - queueLimit: how many more may wait.
    public init(name: String, threads: Int, queueLimit: Int = 1024) {
        precondition(threads > 0 && queueLimit > 0)
        self.name = name
        self.queueLimit = queueLimit
        let shared = Shared()
        self.shared = shared
        for _ in 0..<threads {
            Thread {
                // Foundation does not pass a name on to the kernel, which keeps 15 bytes.
                Process.setName(name)
                Self.work(shared)
            }.start()
        }
    }

    deinit {
        shared.condition.lock()
        shared.stopped = true
        shared.condition.broadcast()
        shared.condition.unlock()
    }

    private static func work(_ shared: Shared) {
        while true {
            shared.condition.lock()
            while shared.queue.isEmpty && !shared.stopped { shared.condition.wait() }
            guard !shared.queue.isEmpty else {
                shared.condition.unlock()
                return
            }
            let item = shared.queue.removeFirst()
            shared.running += 1
            shared.condition.unlock()
            item()
            shared.condition.lock()
            shared.running -= 1
            shared.condition.unlock()
        }
    }

    /// Calls that are running and waiting, for metrics.
    public var load: (running: Int, waiting: Int) {
        shared.condition.lock()
        defer { shared.condition.unlock() }
        return (shared.running, shared.queue.count)
    }

    /// Runs `body` on one of the threads and returns what it returns.
    ///
    /// After `deadline` the caller gets `RuntimeError(.timeout)`; a body that has begun cannot be interrupted and ends
    /// on its thread in its own time, one that has not begun is dropped. A caller that is cancelled is answered when the
    /// body ends: results that own something are never lost.
    public func run<T: Sendable>(
        deadline: Duration = .seconds(30), _ body: @escaping @Sendable () throws -> T
    ) async throws -> T {
        let answer = Answer<T>()
        let name = self.name
        return try await withCheckedThrowingContinuation { continuation in
            answer.expect(continuation)
            shared.condition.lock()
            let accepted = shared.queue.count < queueLimit && !shared.stopped
            if accepted {
                shared.queue.append {
                    guard answer.isAwaited else { return }
                    answer.give(Result { try body() })
                }
                shared.condition.signal()
            }
            shared.condition.unlock()
            guard accepted else {
                answer.give(
                    .failure(
                        RuntimeError(
                            .timeout, step: "queue", object: name,
                            message: "\(name): \(queueLimit) calls are waiting already")))
                return
            }
            DeadlineTimer.shared.after(deadline, whileNeeded: answer) {
                answer.give(
                    .failure(
                        RuntimeError(
                            .timeout, step: name, object: name, message: "\(name): no answer within \(deadline)")))
            }
        }
    }

    /// The one place that a result or a timeout arrives at first.
    fileprivate final class Answer<T: Sendable>: Awaited, Sendable {
        private let continuation = Mutex<CheckedContinuation<T, any Error>?>(nil)

        func expect(_ waiter: CheckedContinuation<T, any Error>) { continuation.withLock { $0 = waiter } }

        var isAwaited: Bool { continuation.withLock { $0 != nil } }

        func give(_ result: Result<T, any Error>) {
            let waiter = continuation.withLock { waiting in
                defer { waiting = nil }
                return waiting
            }
            waiter?.resume(with: result)
        }
    }
}

private protocol Awaited: AnyObject, Sendable {
    var isAwaited: Bool { get }
}

/// One thread that keeps the deadlines of all pools: a heap would be too much for the few hundred calls that are ever
/// under way, and a timer per call too slow.
private final class DeadlineTimer: @unchecked Sendable {
    // @unchecked: `entries` is only touched under `condition`'s lock.
    static let shared = DeadlineTimer()
    private let condition = NSCondition()
    private var entries: [(due: ContinuousClock.Instant, answer: any Awaited, expire: @Sendable () -> Void)] = []

    private init() {
        Thread { [self] in
            Process.setName("deadlines")
            run()
        }.start()
    }

    func after(_ time: Duration, whileNeeded answer: any Awaited, _ expire: @escaping @Sendable () -> Void) {
        let due = ContinuousClock.now + time
        condition.lock()
        let earliest = entries.first?.due
        let index = entries.firstIndex { $0.due > due } ?? entries.endIndex
        entries.insert((due, answer, expire), at: index)
        // Finished calls are dropped here rather than in a wake-up of their own.
        if entries.count > 64 { entries.removeAll { !$0.answer.isAwaited } }
        if earliest.map({ due < $0 }) ?? true { condition.signal() }
        condition.unlock()
    }

    private func run() {
        condition.lock()
        while true {
            let now = ContinuousClock.now
            var expired: [@Sendable () -> Void] = []
            entries.removeAll { !$0.answer.isAwaited }
            while let first = entries.first, first.due <= now {
                expired.append(first.expire)
                entries.removeFirst()
            }
            if !expired.isEmpty {
                condition.unlock()
                for expire in expired { expire() }
                condition.lock()
                continue
            }
            if let first = entries.first {
                let left = first.due - now
                let seconds = Double(left.components.seconds) + Double(left.components.attoseconds) / 1e18
                _ = condition.wait(until: Date(timeIntervalSinceNow: seconds))
            } else {
                condition.wait()
            }
        }
    }
}
