import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

/// Hooks after a start, hooks of containers that end alone, and probes that are commands.
@Suite(.timeLimit(.minutes(1)))
struct HookTests {
    // MARK: postStart

    @Test func `a container does not count as running before its hook is done`() async throws {
        let hello = Gate()
        try await TestNode.run { node in
            node.runtime.answerCommands(in: "web") { _ in
                try await hello.wait()
                return CommandOutcome(exitCode: 0)
            }
            try await node.create(
                .test(containers: ["web", "next"]) {
                    $0.spec.containers[0].lifecycle = .test(postStart: ["hello"])
                    $0.spec.containers[0].readinessProbe = .http()
                })
            await node.runtime.wait(for: .run("web", command: ["hello"]))
            let pod = try await node.api.pod("web") { $0.condition(.podReadyToStartContainers)?.status == .true }
            #expect(pod.state("web")?.state.waiting?.reason == "ContainerCreating")
            #expect(pod.status.phase == .pending)
            #expect(node.probe.count == 0)
            #expect(!node.runtime.calls.contains(.startContainer("next", attempt: 0)))
            hello.open()
            let ready = try await node.api.pod("web") { $0.isReady }
            #expect(ready.state("web")?.started == true)
            #expect(node.probe.count == 1)
            #expect(node.runtime.calls.filter { $0 == .run("web", command: ["hello"]) }.count == 1)
        }
    }

    @Test func `a failed hook ends the container, which starts again`() async throws {
        try await TestNode.run { node in
            node.runtime.answerCommands(in: "web") { command in
                CommandOutcome(exitCode: command == ["hello"] ? 1 : 0)
            }
            try await node.create(
                .test { $0.spec.containers[0].lifecycle = .test(postStart: ["hello"], preStop: ["bye"]) })
            await node.runtime.wait(for: .startContainer("web", attempt: 1))
            #expect(
                node.runtime.calls.dropFirst().prefix(4) == [
                    .startContainer("web", attempt: 0), .run("web", command: ["hello"]),
                    .run("web", command: ["bye"]), .stopContainer("web", grace: .seconds(30)),
                ])
            #expect(await node.api.events("FailedPostStartHook").first?.message == "PostStartHook failed")
            #expect(await node.api.events("Killing").first?.message == "FailedPostStartHook")
        }
    }

    @Test func `a pod that is deleted does not wait for the hook after a start`() async throws {
        let never = Gate()
        defer { never.open() }
        try await TestNode.run { node in
            node.runtime.answerCommands(in: "web") { _ in
                try await never.wait()
                return CommandOutcome(exitCode: 0)
            }
            try await node.create(.test { $0.spec.containers[0].lifecycle = .test(postStart: ["hello"]) })
            await node.runtime.wait(for: .run("web", command: ["hello"]))
            try await node.delete("web")
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(30)))
            await node.api.waitUntilGone("web")
        }
    }

    @Test func `a hook may only wait`() async throws {
        try await TestNode.run { node in
            try await node.create(
                .test {
                    $0.spec.containers[0].lifecycle = Lifecycle()
                    $0.spec.containers[0].lifecycle?.postStart = LifecycleHandler()
                    $0.spec.containers[0].lifecycle?.postStart?.sleep = SleepAction()
                    $0.spec.containers[0].lifecycle?.postStart?.sleep?.seconds = 6
                })
            await node.clock.sleeper(for: .seconds(6))
            #expect(try await node.api.pod("web") { _ in true }.isReady == false)
            node.clock.advance(by: .seconds(6))
            try await node.api.pod("web") { $0.isReady }
        }
    }

    @Test func `a hook is told by any answer, and fails without one`() async throws {
        try await ProbedServer.with({ _ in (.internalServerError, [], 3) }) { server in
            func hook(port: Int) throws -> LifecycleHook {
                var handler = LifecycleHandler()
                handler.httpGet = HTTPGetAction()
                handler.httpGet?.path = "/bye"
                handler.httpGet?.port = .int(Int32(port))
                return try LifecycleHook(handler, of: .test("web"), podAddress: "127.0.0.1", version: "1.36")
            }
            guard case .http(let request) = try hook(port: server.port) else {
                Issue.record("no request")
                return
            }
            #expect(await HTTPProbe.get(request, timeout: .seconds(5)) == .success(.answer(code: 500)))
            #expect(server.requests.map(\.uri) == ["/bye"])
            #expect(server.requests[0].headers["User-Agent"] == ["kube-lifecycle/1.36"])
        }
    }

    @Test func `a hook that asks for a connection fails when it is due`() throws {
        var handler = LifecycleHandler()
        handler.tcpSocket = TCPSocketAction()
        handler.tcpSocket?.port = 80
        #expect(throws: ReferenceError.self) {
            try LifecycleHook(handler, of: .test("web"), podAddress: "127.0.0.1", version: "1.36")
        }
    }

    // MARK: preStop of one container

    @Test func `an unhealthy container's hook runs before it is restarted`() async throws {
        try await TestNode.run { node in
            node.probe.answer(.failure("503"), .success())
            try await node.create(
                .test {
                    $0.spec.containers[0].lifecycle = .test(preStop: ["bye"])
                    $0.spec.containers[0].livenessProbe = .http {
                        $0.failureThreshold = 1
                        $0.terminationGracePeriodSeconds = 12
                    }
                })
            await node.runtime.wait(for: .startContainer("web", attempt: 1))
            #expect(
                node.runtime.calls.dropFirst(2).prefix(2) == [
                    .run("web", command: ["bye"]), .stopContainer("web", grace: .seconds(12)),
                ])
        }
    }

    @Test func `a container that ends by itself has no hook before its end`() async throws {
        try await TestNode.run { node in
            try await node.create(
                .test(policy: .never) { $0.spec.containers[0].lifecycle = .test(preStop: ["bye"]) })
            try await node.api.pod("web") { $0.isReady }
            node.runtime.exit("uid-web", "web", code: 0)
            try await node.api.pod("web") { $0.status.phase == .succeeded }
            #expect(!node.runtime.calls.contains(.run("web", command: ["bye"])))
        }
    }

    // MARK: Commands as probes

    private func check(_ outcome: @escaping @Sendable ([String]) async throws -> CommandOutcome) async throws
        -> ProbeOutcome
    {
        let runtime = FakeRuntime()
        _ = try await runtime.startSandbox(
            SandboxConfiguration(
                id: "s", name: "", namespace: "", hostname: "", qos: .bestEffort, logDirectory: ""))
        _ = try await runtime.startContainer(
            ContainerConfiguration(name: "web", attempt: 0, image: "web:1"), in: "s")
        runtime.answerCommands(in: "web", outcome)
        return await ExecProbe.check(
            ["sh", "-c", "ask"], in: "web", of: "s", runtime: runtime, timeout: .seconds(1))
    }

    @Test func `what a command's end means to a probe`() async throws {
        #expect(try await check { _ in CommandOutcome(exitCode: 0, output: Array("fine".utf8)) } == .success())
        #expect(
            try await check { _ in CommandOutcome(exitCode: 3, output: Array("no".utf8)) } == .failure("no"))
        #expect(
            try await check { _ in CommandOutcome(exitCode: 137, timedOut: true, output: Array("x".utf8)) }
                == .failure("command \"sh -c ask\" timed out"))
        #expect(
            try await check { _ in throw RuntimeError(.start, step: "exec", object: "sh", message: "no sh") }
                == .unknown("no sh"))
    }

    @Test func `a probe that cannot be tried is told and does not count`() async throws {
        try await TestNode.run { node in
            node.runtime.answerCommands(in: "web") { _ in
                throw RuntimeError(.start, step: "exec", object: "sh", message: "no sh")
            }
            var probe = Probe.http {
                $0.httpGet = nil
                $0.exec = ExecAction()
                $0.exec?.command = ["sh"]
                $0.failureThreshold = 1
            }
            probe.periodSeconds = 10
            try await node.create(
                .test { [probe] in
                    $0.spec.containers[0].livenessProbe = probe
                    $0.spec.containers[0].readinessProbe = probe
                })
            await node.api.events("Unhealthy", atLeast: 2)
            #expect(
                Set(node.api.allEvents.filter { $0.reason == "Unhealthy" }.map(\.message)) == [
                    "Liveness probe errored: no sh", "Readiness probe errored: no sh",
                ])
            node.runtime.answerCommands(in: "web") { _ in CommandOutcome(exitCode: 0) }
            await node.clock.sleeper(for: .seconds(10))
            node.clock.advance(by: .seconds(10))
            try await node.api.pod("web") { $0.isReady }
            #expect(!node.runtime.calls.contains(.stopContainer("web", grace: .seconds(30))))
        }
    }
}
