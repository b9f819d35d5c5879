import KubernetesAPI
import Synchronization
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct ProbeRunnerTests {
    /// Runs one probe against a script and collects what it reports.
    private final class Run: Sendable {
        let clock = ManualClock()
        let script = ScriptedProbe()
        private let reports = Mutex<[ProbeReport]>([])
        var seen: [ProbeReport] { reports.withLock { $0 } }

        func start(_ kind: ProbeKind, _ probe: Probe) -> Task<Void, Never> {
            let runner = ProbeRunner(
                kind: kind, probe: probe, startedAt: ManualClock.epoch * 1000, time: clock.time
            ) { [script] in script.take() }
            return Task { await runner.run { [self] report in reports.withLock { $0.append(report) } } }
        }
    }

    @Test func refusedConnectionsAreTriedAgainSoon() async {
        let run = Run()
        run.script.answer(.failure("refused", isRefused: true))
        let task = run.start(.readiness, .http { $0.periodSeconds = 1 })
        for delay in [5, 10, 20, 40, 80, 160, 320] {
            await run.clock.sleeper(for: .milliseconds(delay))
            run.clock.advance(by: .milliseconds(delay))
        }
        // 635 ms have passed: what is left of the period is less than the next doubling.
        await run.clock.sleeper(for: .milliseconds(365))
        #expect(run.seen.isEmpty)
        #expect(run.script.count == 8)
        run.script.answer(.success())
        run.clock.advance(by: .milliseconds(365))
        await run.clock.sleeper(for: .seconds(1))
        #expect(run.seen == [.result(true)])
        task.cancel()
        await task.value
    }

    @Test func aPeriodOfRefusalsCountsOnce() async {
        let run = Run()
        run.script.answer(.failure("refused", isRefused: true))
        let task = run.start(.readiness, .http { $0.periodSeconds = 1 })
        for delay in [5, 10, 20, 40, 80, 160, 320, 365] {
            await run.clock.sleeper(for: .milliseconds(delay))
            run.clock.advance(by: .milliseconds(delay))
        }
        await run.clock.sleeper(for: .seconds(1))
        #expect(run.seen == [.failed("refused")])
        task.cancel()
        await task.value
    }

    @Test func afterTheFirstSuccessARefusalIsAFailure() async {
        let run = Run()
        run.script.answer(.success(), .failure("refused", isRefused: true))
        let task = run.start(.readiness, .http { $0.failureThreshold = 1 })
        await run.clock.sleeper(for: .seconds(10))
        run.clock.advance(by: .seconds(10))
        await run.clock.sleeper(for: .seconds(10))
        #expect(run.seen == [.result(true), .failed("refused"), .result(false)])
        task.cancel()
        await task.value
    }

    @Test func otherProbesAreNotTriedAgainSoon() async {
        let run = Run()
        run.script.answer(.failure("refused", isRefused: true))
        let task = run.start(.liveness, .http())
        await run.clock.sleeper(for: .seconds(10))
        #expect(run.seen == [.failed("refused")])
        task.cancel()
        await task.value
    }

    @Test func theInitialDelayCountsFromTheStart() async {
        let run = Run()
        run.clock.advance(by: .seconds(2))
        let task = run.start(.readiness, .http { $0.initialDelaySeconds = 5 })
        await run.clock.sleeper(for: .seconds(3))
        #expect(run.script.count == 0)
        run.clock.advance(by: .seconds(3))
        await run.clock.sleeper(for: .seconds(10))
        #expect(run.script.count == 1)
        task.cancel()
        await task.value
    }

    @Test func thresholdsCountInARow() async {
        let run = Run()
        run.script.answer(.success(), .failure("a"), .success(), .success())
        let task = run.start(
            .readiness,
            .http {
                $0.successThreshold = 2; $0.failureThreshold = 2
            })
        for _ in 0..<3 {
            await run.clock.sleeper(for: .seconds(10))
            #expect(!run.seen.contains(.result(true)))
            run.clock.advance(by: .seconds(10))
        }
        await run.clock.sleeper(for: .seconds(10))
        #expect(run.seen == [.failed("a"), .result(true)])
        task.cancel()
        await task.value
    }

    @Test func aStartupProbeEndsWithItsSuccess() async {
        let run = Run()
        run.script.answer(.success())
        await run.start(.startup, .http()).value
        #expect(run.seen == [.result(true)])
    }
}
