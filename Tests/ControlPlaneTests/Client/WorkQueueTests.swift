import KubernetesAPI
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct WorkQueueTests {
    /// Runs a queue beside the body and ends it after that.
    private func with<Key: Sendable>(
        _ queue: WorkQueue<Key>, workers: Int = 1, work: @escaping @Sendable (Key) async -> WorkQueue<Key>.Outcome,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run(workers: workers, work) }
            try await body()
            group.cancelAll()
        }
    }

    @Test func aKeyWaitsOnceAndIsNeverWorkedOnTwiceAtATime() async throws {
        let queue = WorkQueue<Int>()
        let active = Mutex<Set<Int>>([])
        let runs = Mutex<[Int: Int]>([:])
        let clashes = Mutex(0)
        for _ in 0..<10 { queue.add(1) }
        #expect(queue.count == 1)
        try await with(queue, workers: 4) { key in
            if !active.withLock({ $0.insert(key).inserted }) { clashes.withLock { $0 += 1 } }
            for _ in 0..<10 { await Task.yield() }
            _ = active.withLock { $0.remove(key) }
            runs.withLock { $0[key, default: 0] += 1 }
            return .done
        } _: {
            for round in 0..<200 {
                queue.add(round % 5)
                await Task.yield()
            }
            while runs.withLock({ $0.count }) < 5 || queue.count > 0 { await Task.yield() }
        }
        #expect(clashes.withLock { $0 } == 0)
    }

    @Test func theMostUrgentComesFirstAndOfEqualsTheFirst() async throws {
        // Tens are as urgent as each other.
        let queue = WorkQueue<Int>(urgency: { $0 / 10 })
        for key in [11, 5, 31, 12, 30, 7, 21, 10] { queue.add(key) }
        let order = Mutex<[Int]>([])
        let done = Gate()
        try await with(queue) { key in
            let count = order.withLock { order in
                order.append(key)
                return order.count
            }
            // What comes meanwhile takes its place.
            if count == 2 { for key in [22, 13, 40] { queue.add(key) } }
            if count == 11 { done.open() }
            return .done
        } _: {
            try await done.wait()
        }
        #expect(order.withLock { $0 } == [31, 30, 40, 21, 22, 11, 12, 10, 13, 5, 7])
    }

    @Test func whatIsAddedDuringTheWorkComesAgain() async throws {
        let queue = WorkQueue<Int>()
        let started = Gate()
        let added = Gate()
        let again = Gate()
        let runs = Mutex(0)
        try await with(queue) { _ in
            let run = runs.withLock { runs in
                runs += 1
                return runs
            }
            if run == 1 {
                started.open()
                try? await added.wait()
            } else {
                again.open()
            }
            return .done
        } _: {
            queue.add(7)
            try await started.wait()
            queue.add(7)
            queue.add(7)
            added.open()
            try await again.wait()
            for _ in 0..<50 { await Task.yield() }
        }
        #expect(runs.withLock { $0 } == 2)
    }

    @Test func failuresComeBackEachTimeTwiceAsLate() async throws {
        let clock = ManualClock()
        let queue = WorkQueue<Int>(time: clock.timeSource)
        let times = Mutex<[Duration]>([])
        try await with(queue) { _ in
            times.withLock { $0.append(clock.now.offset) }
            return times.withLock { $0.count } < 6 ? .failed : .done
        } _: {
            queue.add(1)
            while times.withLock({ $0.count }) < 6 {
                clock.advance(by: .milliseconds(1))
                for _ in 0..<20 { await Task.yield() }
            }
        }
        let gaps = times.withLock { times in zip(times.dropFirst(), times).map { $0 - $1 } }
        for (gap, expected) in zip(gaps, [5, 10, 20, 40, 80]) {
            // The clock goes on in steps while the queue is being scheduled: later by some, never earlier.
            #expect(
                gap >= .milliseconds(expected) && gap < .milliseconds(expected * 2 + 20), "\(gap) for \(expected) ms")
        }
        #expect(queue.failures(1) == 0)
    }

    @Test func ofSeveralDelaysTheEarliestCounts() async throws {
        let clock = ManualClock()
        let queue = WorkQueue<String>(time: clock.timeSource)
        let done = Mutex<[String]>([])
        let first = Gate()
        let second = Gate()
        try await with(queue) { key in
            done.withLock { $0.append(key) }
            (key == "a" ? first : second).open()
            return .done
        } _: {
            queue.add("a", after: .seconds(60))
            queue.add("a", after: .seconds(10))
            queue.add("a", after: .seconds(30))
            clock.advance(by: .seconds(11))
            try await first.wait()
            // The later ones come to nothing.
            queue.add("b", after: .seconds(100))
            clock.advance(by: .seconds(100))
            try await second.wait()
        }
        #expect(done.withLock { $0 } == ["a", "b"])
    }

    @Test func theDelayIsCapped() {
        let queue = WorkQueue<Int>(time: ManualClock().timeSource, maxDelay: .seconds(1))
        for _ in 0..<100 { queue.addRateLimited(1) }
        #expect(queue.failures(1) == 100)
        queue.forget(1)
        #expect(queue.failures(1) == 0)
    }
}
