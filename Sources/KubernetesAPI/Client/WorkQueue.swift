import Synchronization

/// What is to be done next, by key: a key waits in it at most once, is never worked on twice at the same time, and
/// comes again if it was added while it was worked on. Failures come back after 5 ms, doubling up to 1000 s.
///
/// The semantics are those of client-go's rate-limiting work queue. Keys come in the order in which they were added; of a
/// queue that knows how urgent they are, more urgent ones first.
public final class WorkQueue<Key: Hashable & Sendable>: Sendable {
    /// What the work on a key ends with.
    public enum Outcome: Sendable, Equatable {
        /// The key's failures are forgotten.
        case done
        /// As `done`, and the key comes again after the delay.
        case again(after: Duration)
        /// The key comes again after a delay that doubles with each failure.
        case failed
    }

    private struct Ready {
        var key: Key
        var urgency: Int
    }

    private struct State {
        /// In order; a key in `dirty` but not in here is being worked on and will follow.
        var ready: [Ready] = []
        var head = 0
        var dirty: Set<Key> = []
        var active: Set<Key> = []
        var failures: [Key: Int] = [:]
        /// When a key that waits out a delay is due, by `elapsed`.
        var due: [Key: Duration] = [:]
        var workers: [Int: CheckedContinuation<Key?, Never>] = [:]
        var nextWorker = 0

        /// Puts a key behind all that are as urgent.
        mutating func push(_ key: Key, urgency: Int) {
            var (low, high) = (head, ready.count)
            while low < high {
                let middle = (low + high) / 2
                if ready[middle].urgency >= urgency { low = middle + 1 } else { high = middle }
            }
            ready.insert(Ready(key: key, urgency: urgency), at: low)
        }

        mutating func pop() -> Key? {
            guard head < ready.count else { return nil }
            defer {
                head += 1
                if head == ready.count || head > 1024 {
                    ready.removeFirst(head)
                    head = 0
                }
            }
            return ready[head].key
        }
    }

    private let state = Mutex(State())
    private let time: TimeSource
    private let elapsed: @Sendable () -> Duration
    private let baseDelay: Duration
    private let maxDelay: Duration
    private let urgency: @Sendable (Key) -> Int
    private let delays: AsyncStream<(Key, Duration)>
    private let delay: AsyncStream<(Key, Duration)>.Continuation

    /// - Parameter urgency: how urgent a key is at the time when it is added; of those that wait the most urgent is taken
    ///   first. It is quick.
    public init(
        time: TimeSource = .system, baseDelay: Duration = .milliseconds(5), maxDelay: Duration = .seconds(1000),
        urgency: @escaping @Sendable (Key) -> Int = { _ in 0 }
    ) {
        self.time = time
        elapsed = time.stopwatch()
        self.baseDelay = baseDelay
        self.maxDelay = maxDelay
        self.urgency = urgency
        (delays, delay) = AsyncStream.makeStream()
    }

    /// Keys that wait to be worked on now, without delayed ones.
    public var count: Int { state.withLock { $0.ready.count - $0.head } }

    /// Adds a key, to be worked on as soon as a worker is free.
    public func add(_ key: Key) {
        let urgency = urgency(key)
        let worker: CheckedContinuation<Key?, Never>? = state.withLock { state in
            guard state.dirty.insert(key).inserted, !state.active.contains(key) else { return nil }
            guard let (ticket, worker) = state.workers.first else {
                state.push(key, urgency: urgency)
                return nil
            }
            state.workers[ticket] = nil
            state.dirty.remove(key)
            state.active.insert(key)
            return worker
        }
        worker?.resume(returning: key)
    }

    /// Adds a key after a delay. Of several delays of one key the earliest end counts.
    public func add(_ key: Key, after duration: Duration) {
        guard duration > .zero else { return add(key) }
        let now = elapsed()
        let due = now + duration
        let isEarliest = state.withLock { state in
            if let present = state.due[key], present <= due { return false }
            state.due[key] = due
            return true
        }
        if isEarliest { delay.yield((key, due)) }
    }

    /// Adds a key after the delay that its failures so far call for, and counts one more.
    public func addRateLimited(_ key: Key) {
        let failures = state.withLock { state in
            defer { state.failures[key, default: 0] += 1 }
            return state.failures[key] ?? 0
        }
        // 2^28 times 5 ms is beyond any cap.
        add(key, after: min(baseDelay * (1 << min(failures, 28)), maxDelay))
    }

    /// Forgets a key's failures.
    public func forget(_ key: Key) { state.withLock { $0.failures[key] = nil } }

    /// How often a key has failed since it was last forgotten.
    public func failures(_ key: Key) -> Int { state.withLock { $0.failures[key] ?? 0 } }

    /// Works on keys, `workers` at a time, until the task is cancelled. Called once per queue.
    public func run(workers: Int = 1, _ work: @escaping @Sendable (Key) async -> Outcome) async {
        await withDiscardingTaskGroup { group in
            for _ in 0..<max(workers, 1) {
                group.addTask { [self] in
                    while let key = await next() {
                        let outcome = await work(key)
                        finish(key)
                        switch outcome {
                        case .done: forget(key)
                        case .again(let delay):
                            forget(key)
                            add(key, after: delay)
                        case .failed: addRateLimited(key)
                        }
                    }
                }
            }
            for await (key, due) in delays {
                group.addTask { [self] in
                    try? await time.sleep(for: due - elapsed())
                    if Task.isCancelled { return }
                    let isDue = state.withLock { state in
                        guard state.due[key] == due else { return false }
                        state.due[key] = nil
                        return true
                    }
                    if isDue { add(key) }
                }
            }
        }
    }

    /// The next key, once there is one; nil when the task is cancelled.
    private func next() async -> Key? {
        let ticket = state.withLock { state in
            state.nextWorker += 1
            return state.nextWorker
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Key?, Never>) in
                let answer: Key?? = state.withLock { state in
                    if Task.isCancelled { return .some(nil) }
                    if let key = state.pop() {
                        state.dirty.remove(key)
                        state.active.insert(key)
                        return key
                    }
                    state.workers[ticket] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.workers.removeValue(forKey: ticket) }?.resume(returning: nil)
        }
    }

    private func finish(_ key: Key) {
        let added = state.withLock { state in
            state.active.remove(key)
            // Taken out so that `add` sees a key that is new to it.
            return state.dirty.remove(key) != nil
        }
        if added { add(key) }
    }
}
