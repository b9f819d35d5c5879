import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct RecoveryTests {
    private let api = MemoryTransport()
    private let clock = ManualClock()

    private func runtime() -> FakeRuntime { FakeRuntime { [clock] in clock.time.preciseNow.microseconds * 1000 } }

    /// A pod that a former agent has run, as it left it; what happens before the next agent starts is up to the test.
    private func afterFormerAgent(
        _ pod: Pod, on runtime: FakeRuntime, crashes: Int32 = 0
    ) async throws {
        try await TestNode.run(api: api, clock: clock, runtime: runtime) { node in
            try await node.create(pod)
            try await node.api.pod("web") { $0.isReady }
            if crashes > 0 {
                node.runtime.exit("uid-web", "web", code: 1)
                try await node.api.pod("web") { $0.state("web")?.restartCount == crashes && $0.isReady }
            }
        }
        // Events are named after the time.
        clock.advance(by: .seconds(1))
    }

    /// A runtime as a new agent finds it: the sandboxes of the former one.
    private func next(after runtime: FakeRuntime) -> FakeRuntime {
        let next = self.runtime()
        for sandbox in runtime.sandboxes.values { next.put(sandbox) }
        return next
    }

    @Test func theSameProcessesGoOn() async throws {
        let first = runtime()
        try await afterFormerAgent(.test(), on: first, crashes: 1)
        let second = next(after: first)
        try await TestNode.run(api: api, clock: clock, runtime: second) { node in
            // Anything that is wrong would happen before a later pod is ready.
            try await node.create(.test("later"))
            try await node.api.pod("later") { $0.isReady }
            let pod = try await node.api.pod("web") { $0.isReady }
            #expect(pod.state("web")?.restartCount == 1)
            #expect(second.calls == [.startSandbox("uid-later"), .startContainer("web", attempt: 0)])
        }
    }

    @Test func anExitWhileAwayIsAnsweredOnce() async throws {
        let first = runtime()
        try await afterFormerAgent(.test(), on: first)
        first.exit("uid-web", "web", code: 3)
        let second = next(after: first)
        try await TestNode.run(api: api, clock: clock, runtime: second) { node in
            let pod = try await node.api.pod("web") { $0.state("web")?.restartCount == 1 && $0.isReady }
            #expect(pod.state("web")?.lastState.terminated?.exitCode == 3)
            #expect(second.calls == [.startContainer("web", attempt: 1)])
        }
    }

    @Test func theEndOfAPodWhileAwayIsTold() async throws {
        let first = runtime()
        try await afterFormerAgent(.test(policy: .never), on: first)
        first.exit("uid-web", "web", code: 3)
        try await TestNode.run(api: api, clock: clock, runtime: next(after: first)) { node in
            let pod = try await node.api.pod("web") { $0.status.phase == .failed }
            #expect(pod.state("web")?.state.terminated?.exitCode == 3)
        }
    }

    @Test func deletionWhileAwayIsDone() async throws {
        let first = runtime()
        try await afterFormerAgent(.test(), on: first)
        var options = DeleteOptions()
        options.gracePeriodSeconds = 30
        try await APIClient(transport: api).delete(Pod.self, "web", namespace: "default", options: options)
        let second = next(after: first)
        try await TestNode.run(api: api, clock: clock, runtime: second) { node in
            await node.api.waitUntilGone("web")
            #expect(second.calls == [.stopContainer("web", grace: .seconds(30)), .removeSandbox("uid-web")])
        }
    }

    @Test func aSandboxWithoutAPodIsRemoved() async throws {
        let first = runtime()
        try await afterFormerAgent(.test(), on: first)
        var options = DeleteOptions()
        options.gracePeriodSeconds = 0
        try await APIClient(transport: api).delete(Pod.self, "web", namespace: "default", options: options)
        let second = next(after: first)
        try await TestNode.run(api: api, clock: clock, runtime: second) { _ in
            await second.wait(for: .removeSandbox("uid-web"))
        }
    }

    // MARK: Reboot: the runtime knows nothing, or knows it as of another boot.

    @Test(arguments: [true, false])
    func alwaysIsStartedAfreshOnce(isRemembered: Bool) async throws {
        let first = runtime()
        try await afterFormerAgent(.test(), on: first)
        let second = runtime()
        if isRemembered, var sandbox = first.sandboxes["uid-web"] {
            sandbox.state = .notReady
            sandbox.bootID = "boot-0"
            second.put(sandbox)
        }
        try await TestNode.run(api: api, clock: clock, runtime: second) { node in
            let pod = try await node.api.pod("web") { $0.isReady && $0.state("web")?.restartCount == 1 }
            #expect(pod.state("web")?.lastState.terminated?.exitCode == 137)
            #expect(second.calls.filter { $0 == .startContainer("web", attempt: 1) }.count == 1)
            #expect(second.calls.contains(.removeSandbox("uid-web")) == isRemembered)
            await node.api.events("SandboxChanged")
        }
    }

    @Test func onFailureIsStartedAfreshUnlessItHadSucceeded() async throws {
        let first = runtime()
        try await afterFormerAgent(.test(containers: ["web", "done"], policy: .onFailure), on: first)
        try await TestNode.run(api: api, clock: clock, runtime: next(after: first)) { node in
            node.runtime.exit("uid-web", "done", code: 0)
            try await node.api.pod("web") { $0.state("done")?.state.terminated != nil }
        }
        let second = runtime()
        try await TestNode.run(api: api, clock: clock, runtime: second) { node in
            let pod = try await node.api.pod("web") {
                $0.state("web")?.restartCount == 1 && $0.state("web")?.ready == true
            }
            #expect(pod.state("done")?.state.terminated?.exitCode == 0)
            #expect(second.calls == [.startSandbox("uid-web"), .startContainer("web", attempt: 1)])
        }
    }

    @Test func neverEndsFailed() async throws {
        let first = runtime()
        try await afterFormerAgent(.test(policy: .never), on: first)
        let second = runtime()
        try await TestNode.run(api: api, clock: clock, runtime: second) { node in
            let pod = try await node.api.pod("web") { $0.status.phase == .failed }
            #expect(pod.state("web")?.state.terminated?.reason == "ContainerStatusUnknown")
            #expect(!second.calls.contains(.startSandbox("uid-web")))
        }
    }

    @Test func aSecondAgentLeavesAFinishedPodAlone() async throws {
        let first = runtime()
        try await TestNode.run(api: api, clock: clock, runtime: first) { node in
            try await node.create(.test(policy: .never))
            try await node.api.pod("web") { $0.isReady }
            node.runtime.exit("uid-web", "web", code: 0)
            try await node.api.pod("web") { $0.status.phase == .succeeded }
            await node.runtime.wait(for: .removeSandbox("uid-web"))
        }
        let writes = api.requests.filter { $0.resource == "pods" && $0.subresource == "status" }.count
        try await TestNode.run(api: api, clock: clock, runtime: runtime()) { node in
            try await node.create(.test("later"))
            try await node.api.pod("later") { $0.isReady }
            #expect(node.runtime.calls.filter { $0 == .startSandbox("uid-web") }.isEmpty)
            #expect(
                node.api.requests.filter { $0.resource == "pods" && $0.subresource == "status" && $0.name == "web" }
                    .count == writes)
            // And still deletes it when it is told to.
            try await node.delete("web")
            await node.api.waitUntilGone("web")
        }
    }

    // MARK: Facts

    @Test func theCountNeverGoesBack() {
        var pod = Pod.test()
        var status = KubernetesAPI.ContainerStatus()
        status.name = "web"
        status.restartCount = 5
        status.state.running = ContainerStateRunning()
        status.state.running?.startedAt = Timestamp(seconds: 100)
        pod.status.containerStatuses = [status]
        // The runtime remembers less: a new sandbox whose start the status has not seen, or an older fact.
        let facts = PodFacts(recovering: pod, sandbox: nil, backoffCap: .seconds(300), now: 200_000_000_000)
        #expect(facts.containers["web"]?.latest?.number == 5)
        #expect(facts.containers["web"]?.nextAttempt == 6)
        #expect(facts.containers["web"]?.end?.isLost == true)
        #expect(facts.sandbox == .none)
    }

    @Test func theBackoffOfAStartErrorIsKept() {
        var pod = Pod.test()
        var status = KubernetesAPI.ContainerStatus()
        status.name = "web"
        status.restartCount = 2
        status.state.waiting = ContainerStateWaiting()
        status.lastState.terminated = ContainerStateTerminated()
        status.lastState.terminated?.exitCode = 128
        status.lastState.terminated?.finishedAt = Timestamp(seconds: 10_000)
        pod.status.containerStatuses = [status]
        let facts = PodFacts(recovering: pod, sandbox: nil, backoffCap: .seconds(300), now: 10_001_000_000_000)
        #expect(
            facts.restartDecision(for: pod.spec.containers[0], isInit: false, now: 10_001_000_000_000)
                == .wait(until: 10_020_000_000_000))
    }

    @Test func theRuntimeKnowsBetterThanTheStatus() {
        var pod = Pod.test()
        var status = KubernetesAPI.ContainerStatus()
        status.name = "web"
        status.restartCount = 1
        status.ready = true
        status.started = true
        status.state.running = ContainerStateRunning()
        pod.status.containerStatuses = [status]
        func attempt(_ number: Int, code: Int32?) -> RuntimeContainerStatus {
            RuntimeContainerStatus(
                name: "web", attempt: number, id: "c\(number)", image: "web:1", imageID: "", pid: 1, createdAt: 1,
                startedAt: 2, exit: code.map { ContainerExit(code: $0, signal: 0, finishedAt: 3, oomKilled: false) },
                logPath: "")
        }
        let sandbox = SandboxStatus(
            id: "uid-web", state: .ready, createdAt: 1, bootID: "b", addresses: ["10.244.0.9"],
            configuration: SandboxConfiguration(
                id: "uid-web", name: "web", namespace: "default", hostname: "web", qos: .bestEffort, logDirectory: ""),
            containers: [attempt(1, code: 7), attempt(2, code: nil)])
        let facts = PodFacts(recovering: pod, sandbox: sandbox, backoffCap: .seconds(300), now: 9)
        let web = facts.facts("web")
        #expect(web.latest?.number == 2)
        #expect(web.isRunning)
        #expect(web.previous?.end?.code == 7)
        // Ready was said of the attempt before.
        #expect(!web.isReady)
        #expect(facts.addresses == ["10.244.0.9"])
    }
}
