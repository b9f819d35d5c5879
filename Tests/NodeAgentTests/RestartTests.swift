import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct RestartTests {
    @Test func backsOffTenTwentyForty() async throws {
        try await TestNode.run { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            // The first crash is answered at once.
            node.runtime.exit("uid-web", "web", code: 1)
            try await node.api.pod("web") { $0.state("web")?.restartCount == 1 && $0.isReady }
            for (restarts, seconds) in [(2, 10), (3, 20), (4, 40)] as [(Int32, Int64)] {
                node.runtime.exit("uid-web", "web", code: 1)
                let pod = try await node.api.pod("web") { $0.state("web")?.state.waiting?.reason == "CrashLoopBackOff" }
                #expect(
                    pod.state("web")?.state.waiting?.message
                        == "back-off \(seconds)s restarting failed container=web pod=web_default(uid-web)")
                #expect(pod.state("web")?.lastState.terminated?.exitCode == 1)
                #expect(pod.status.phase == .running)
                #expect(pod.condition(.ready)?.message == "containers with unready status: [web]")
                await node.clock.sleeper(for: .seconds(seconds))
                node.clock.advance(by: .seconds(seconds))
                try await node.api.pod("web") { $0.state("web")?.restartCount == restarts && $0.isReady }
            }
            #expect(
                await node.api.events("BackOff").first?.message
                    == "Back-off restarting failed container web in pod web_default(uid-web)")
        }
    }

    @Test func tenMinutesOfRunningForgetTheBackoff() {
        var backoff = CrashBackoff(cap: .seconds(300))
        let minute: Int64 = 60_000_000_000
        #expect(backoff.due(finishedAt: minute) == minute)
        backoff.restarted(at: minute, finishedAt: minute)
        #expect(backoff.due(finishedAt: 2 * minute) == 2 * minute + 10_000_000_000)
        backoff.restarted(at: 3 * minute, finishedAt: 2 * minute)
        #expect(backoff.due(finishedAt: 4 * minute) == 4 * minute + 20_000_000_000)
        #expect(backoff.due(finishedAt: 14 * minute) == 14 * minute)
        backoff.restarted(at: 14 * minute, finishedAt: 14 * minute)
        #expect(backoff.delay == .seconds(10))
    }

    @Test func theBackoffHasACap() {
        var backoff = CrashBackoff(cap: .seconds(60))
        for time in 1...9 as ClosedRange<Int64> { backoff.restarted(at: time, finishedAt: time) }
        #expect(backoff.delay == .seconds(60))
        // And a cap below the first delay holds from the beginning.
        var short = CrashBackoff(cap: .seconds(2))
        short.restarted(at: 1, finishedAt: 1)
        #expect(short.delay == .seconds(2))
        #expect(CrashBackoff(cap: .seconds(300), restarts: 3, lastStart: 0).delay == .seconds(40))
        #expect(CrashBackoff(cap: .seconds(300), restarts: 0, lastStart: 0).delay == nil)
    }

    @Test(
        arguments: [
            (RestartPolicy.never, 0, PodPhase.succeeded), (.never, 3, .failed), (.onFailure, 0, .succeeded),
        ] as [(RestartPolicy, Int32, PodPhase)])
    func endsAsThePolicySays(policy: RestartPolicy, code: Int32, phase: PodPhase) async throws {
        try await TestNode.run { node in
            try await node.create(.test(policy: policy))
            try await node.api.pod("web") { $0.isReady }
            node.runtime.exit("uid-web", "web", code: code)
            let pod = try await node.api.pod("web") { $0.status.phase == phase }
            #expect(pod.state("web")?.state.terminated?.exitCode == code)
            #expect(pod.state("web")?.state.terminated?.reason == (code == 0 ? "Completed" : "Error"))
            #expect(pod.condition(.ready)?.reason == (code == 0 ? "PodCompleted" : "PodFailed"))
            await node.runtime.wait(for: .removeSandbox("uid-web"))
            #expect(node.runtime.calls.filter { if case .startContainer = $0 { true } else { false } }.count == 1)
        }
    }

    @Test func onFailureRestartsOnlyWhatFailed() async throws {
        try await TestNode.run { node in
            try await node.create(.test(containers: ["good", "bad"], policy: .onFailure))
            try await node.api.pod("web") { $0.isReady }
            node.runtime.exit("uid-web", "good", code: 0)
            node.runtime.exit("uid-web", "bad", code: 2)
            let pod = try await node.api.pod("web") {
                $0.state("bad")?.restartCount == 1 && $0.state("good")?.state.terminated != nil
            }
            #expect(pod.state("good")?.restartCount == 0)
            node.runtime.exit("uid-web", "bad", code: 0)
            try await node.api.pod("web") { $0.status.phase == .succeeded }
        }
    }

    @Test func anOutOfMemoryKillIsNamed() async throws {
        try await TestNode.run { node in
            try await node.create(.test(policy: .never))
            try await node.api.pod("web") { $0.isReady }
            node.runtime.exit("uid-web", "web", code: 137, oomKilled: true)
            let pod = try await node.api.pod("web") { $0.status.phase == .failed }
            #expect(pod.state("web")?.state.terminated?.reason == "OOMKilled")
        }
    }

    @Test func aCommandThatCannotBeRunIsAStartError() async throws {
        try await TestNode.run { node in
            node.runtime.fail(
                "web",
                RuntimeError(
                    .start, step: "exec", object: "/nope", errno: 2, message: "exec /nope: no such file or directory"))
            node.runtime.fail(
                "web",
                RuntimeError(
                    .start, step: "exec", object: "/nope", errno: 2, message: "exec /nope: no such file or directory"))
            try await node.create(.test())
            let first = try await node.api.pod("web") { $0.state("web")?.state.waiting?.reason == "RunContainerError" }
            #expect(first.state("web")?.state.waiting?.message == "exec /nope: no such file or directory")
            #expect(first.state("web")?.lastState.terminated?.reason == "StartError")
            #expect(first.state("web")?.lastState.terminated?.exitCode == 128)
            await node.clock.sleeper(for: .seconds(10))
            node.clock.advance(by: .seconds(10))
            let second = try await node.api.pod("web") { $0.state("web")?.state.waiting?.reason == "CrashLoopBackOff" }
            #expect(second.state("web")?.restartCount == 1)
            #expect(second.state("web")?.lastState.terminated?.message == "exec /nope: no such file or directory")
        }
    }

    @Test func aStartErrorOfAPodThatIsNeverRestartedFailsIt() async throws {
        try await TestNode.run { node in
            node.runtime.fail(
                "web",
                RuntimeError(.start, step: "exec", object: "/nope", errno: 13, message: "exec /nope: permission denied")
            )
            try await node.create(.test(policy: .never))
            let pod = try await node.api.pod("web") { $0.status.phase == .failed }
            #expect(pod.state("web")?.state.terminated?.reason == "StartError")
            #expect(pod.state("web")?.state.terminated?.exitCode == 128)
        }
    }

    @Test func aFailedInitContainerHoldsOrFailsThePod() async throws {
        try await TestNode.run { node in
            try await node.create(.test(policy: .never) { $0.spec.initContainers = [.test("init")] })
            try await node.api.pod("web") { $0.state("init")?.state.running != nil }
            node.runtime.exit("uid-web", "init", code: 1)
            let pod = try await node.api.pod("web") { $0.status.phase == .failed }
            #expect(pod.state("init")?.state.terminated?.exitCode == 1)
            #expect(!node.runtime.calls.contains(.startContainer("web", attempt: 0)))
        }
        try await TestNode.run { node in
            try await node.create(.test { $0.spec.initContainers = [.test("init")] })
            try await node.api.pod("web") { $0.state("init")?.state.running != nil }
            node.runtime.exit("uid-web", "init", code: 1)
            try await node.api.pod("web") { $0.state("init")?.restartCount == 1 }
            node.runtime.exit("uid-web", "init", code: 0)
            try await node.api.pod("web") { $0.isReady }
        }
    }

    // MARK: Probes

    @Test func readinessFollowsTheProbe() async throws {
        try await TestNode.run { node in
            node.probe.answer(.failure("HTTP probe failed with statuscode: 503"))
            try await node.create(.test { $0.spec.containers[0].readinessProbe = .http() })
            let pod = try await node.api.pod("web") { $0.state("web")?.state.running != nil }
            #expect(!pod.isReady)
            #expect(
                await node.api.events("Unhealthy").first?.message
                    == "Readiness probe failed: HTTP probe failed with statuscode: 503")
            node.probe.answer(.success())
            await node.clock.sleeper(for: .seconds(10))
            node.clock.advance(by: .seconds(10))
            try await node.api.pod("web") { $0.isReady }
            // Three failures in a row take it back, two do not.
            node.probe.answer(.failure("503"))
            for _ in 0..<2 {
                await node.clock.sleeper(for: .seconds(10))
                node.clock.advance(by: .seconds(10))
            }
            await node.clock.sleeper(for: .seconds(10))
            #expect(try await node.api.pod("web") { _ in true }.isReady)
            node.clock.advance(by: .seconds(10))
            try await node.api.pod("web") { !$0.isReady }
        }
    }

    @Test func aFailedLivenessProbeRestartsTheContainer() async throws {
        try await TestNode.run { node in
            node.probe.answer(.failure("503"), .success())
            try await node.create(.test { $0.spec.containers[0].livenessProbe = .http { $0.failureThreshold = 1 } })
            try await node.api.pod("web") { $0.state("web")?.restartCount == 1 && $0.isReady }
            #expect(node.runtime.calls.contains(.stopContainer("web", grace: .seconds(30))))
            #expect(
                await node.api.events("Killing").map(\.message) == [
                    "Container web failed liveness probe, will be restarted"
                ])
        }
    }

    @Test func otherProbesWaitForTheStartupProbe() async throws {
        try await TestNode.run { node in
            node.probe.answer(.failure("503"))
            try await node.create(
                .test {
                    $0.spec.containers[0].startupProbe = .http()
                    $0.spec.containers[0].readinessProbe = .http { $0.periodSeconds = 7 }
                })
            let pod = try await node.api.pod("web") { $0.state("web")?.state.running != nil }
            #expect(pod.state("web")?.started == false)
            await node.clock.sleeper(for: .seconds(10))
            #expect(node.probe.count == 1)
            node.probe.answer(.success())
            node.clock.advance(by: .seconds(10))
            let ready = try await node.api.pod("web") { $0.isReady }
            #expect(ready.state("web")?.started == true)
        }
    }
}
