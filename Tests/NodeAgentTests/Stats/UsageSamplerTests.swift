import KubernetesAPI
import PodRuntime
import Synchronization
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1))) struct UsageSamplerTests {
    /// Counts rounds; each one has used another 0.1 s of CPU for each second that has passed.
    private final class Source: Sendable {
        let clock = ManualClock()
        let made = Mutex(0)
        var count: Int { made.withLock { $0 } }

        func round() -> StatsRound {
            made.withLock { $0 += 1 }
            let time = clock.time.preciseNow.microseconds * 1000
            let passed = (time - SampleRound.epoch) / 1000
            return SampleRound.round(at: time, usage: 2_000_000 + passed / 10, machineUsage: passed)
        }
    }

    private let source = Source()

    private func sampler() -> UsageSampler {
        UsageSampler(time: source.clock.time) { [source] in source.round() }
    }

    @Test func `the first ask takes two rounds half a second apart`() async throws {
        let sampler = sampler()
        async let window = sampler.window()
        await source.clock.sleeper(for: .milliseconds(500))
        #expect(source.count == 1)
        source.clock.advance(by: .milliseconds(500))
        let found = try await window
        #expect(source.count == 2)
        #expect(found.rate(of: "web", in: found.now.pods[0])?.nanoCores == 100_000_000)
        #expect(found.rate(of: "web", in: found.now.pods[0])?.window == SampleRound.second / 2)
        #expect(found.node?.nanoCores == 1_000_000_000)
    }

    @Test func `asks at one time share rounds`() async throws {
        let sampler = sampler()
        try await withThrowingTaskGroup(of: UsageWindow.self) { group in
            for _ in 0..<20 { group.addTask { try await sampler.window() } }
            await source.clock.sleepers(20, for: .milliseconds(500))
            #expect(source.count == 1)
            source.clock.advance(by: .milliseconds(500))
            for try await window in group { #expect(window.node != nil) }
        }
        #expect(source.count == 2)
    }

    @Test func `rounds go on for a minute after the last ask, and end then`() async throws {
        let sampler = sampler()
        let running = Task { await sampler.run() }
        defer { running.cancel() }
        _ = try await sampler.present()
        for expected in 2...7 {
            await source.clock.sleeper(for: .seconds(10))
            source.clock.advance(by: .seconds(10))
            while source.count < expected { await Task.yield() }
        }
        // The minute is over: the next sleep is the last, and no round follows.
        await source.clock.sleeper(for: .seconds(10))
        source.clock.advance(by: .seconds(10))
        // It begins anew with an ask, and with two rounds: the old ones are forgotten.
        for _ in 0..<100 { await Task.yield() }
        #expect(source.count == 7)
    }

    @Test func `nothing is measured while nobody asks`() async throws {
        let sampler = sampler()
        let running = Task { await sampler.run() }
        for _ in 0..<5 {
            source.clock.advance(by: .seconds(60))
            await Task.yield()
        }
        running.cancel()
        await running.value
        #expect(source.count == 0)
    }

    @Test func `rates are over about ten seconds once there are rounds`() async throws {
        let sampler = sampler()
        _ = try await sampler.present()
        for _ in 0..<30 {
            source.clock.advance(by: .seconds(1))
            _ = try await sampler.present()
        }
        let window = try await sampler.window()
        let seconds = (window.now.time - window.earlier.time) / SampleRound.second
        #expect((10...15).contains(seconds), "\(seconds)")
    }

    @Test func `a failure is the asker's, and the next ask tries again`() async throws {
        let isBroken = Mutex(true)
        let sampler = UsageSampler(time: source.clock.time) { [source] in
            if isBroken.withLock({ $0 }) {
                throw RuntimeError(.notFound, step: "read", object: "/", message: "no cgroup")
            }
            return source.round()
        }
        await #expect(throws: RuntimeError.self) { try await sampler.present() }
        isBroken.withLock { $0 = false }
        #expect(try await sampler.present().pods.count == 1)
    }

    @Test func `a container that began since is measured from its start`() throws {
        let now = SampleRound.epoch + 10 * SampleRound.second
        var round = SampleRound.round(at: now)
        round.pods[0].statistics.containers["web"]?.attempt = 3
        round.pods[0].statistics.containers["web"]?.startedAt = now - 4 * SampleRound.second
        round.pods[0].statistics.containers["web"]?.cgroup.cpu.usageMicroseconds = 1_000_000
        let window = UsageWindow(earlier: SampleRound.round(at: SampleRound.epoch), now: round)
        #expect(
            window.rate(of: "web", in: round.pods[0])
                == UsageWindow.Rate(nanoCores: 250_000_000, window: 4 * SampleRound.second, time: now))
    }

    @Test func `counters or clocks that went back give no rate`() {
        let early = SampleRound.round(at: SampleRound.epoch, machineUsage: 9)
        let late = SampleRound.round(at: SampleRound.epoch + 1, machineUsage: 8)
        #expect(UsageWindow(earlier: early, now: late).node == nil)
        #expect(UsageWindow(earlier: late, now: early).node == nil)
    }
}
