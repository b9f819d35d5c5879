import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1)))
struct PodWorkerTests {
    @Test func runsAPodAndSaysSo() async throws {
        try await TestNode.run { node in
            try await node.create(.test())
            let pod = try await node.api.pod("web") { $0.isReady }
            #expect(pod.status.phase == .running)
            #expect(pod.status.podIP == "10.244.0.2")
            #expect(pod.status.hostIP == "192.0.2.1")
            #expect(pod.status.startTime != nil)
            let status = pod.state("web")
            #expect(status?.state.running?.startedAt != nil)
            #expect(status?.ready == true)
            #expect(status?.started == true)
            #expect(status?.containerID == "minikube-lite://uid-web-web.0")
            #expect(status?.imageID == "sha256:abc")
            for type in [PodConditionType.podScheduled, .initialized, .containersReady, .podReadyToStartContainers] {
                #expect(pod.condition(type)?.status == .true, "\(type)")
            }
            #expect(node.runtime.calls == [.startSandbox("uid-web"), .startContainer("web", attempt: 0)])
            await node.api.events("Started")
            #expect(
                await node.api.events("Pulled").map(\.message) == [
                    "Container image \"web:1\" already present on machine and can be accessed by the pod"
                ])
            #expect(await node.api.events("Created").map(\.involvedObject.fieldPath) == ["spec.containers{web}"])
        }
    }

    @Test func containersStartInOrder() async throws {
        try await TestNode.run { node in
            try await node.create(.test(containers: ["a", "b", "c"]))
            try await node.api.pod("web") { $0.isReady }
            #expect(
                node.runtime.calls.dropFirst() == [
                    .startContainer("a", attempt: 0), .startContainer("b", attempt: 0),
                    .startContainer("c", attempt: 0),
                ])
        }
    }

    @Test func aStartDoesNotWaitForTheAPI() async throws {
        try await TestNode.run { node in
            node.api.fail(.patch, times: 1000)
            try await node.create(.test())
            await node.runtime.wait(for: .startContainer("web", attempt: 0))
            // And nothing is lost: the status is written when the API is back.
            node.api.fail(.patch, times: 0)
            await node.clock.sleeper(for: .milliseconds(100))
            node.clock.advance(by: .milliseconds(100))
            try await node.api.pod("web") { $0.isReady }
        }
    }

    @Test func deletionStopsInParallelThenRemovesThenDeletes() async throws {
        try await TestNode.run { node in
            try await node.create(.test(containers: ["a", "b"]))
            try await node.api.pod("web") { $0.isReady }
            node.runtime.hold(stops: true)
            try await node.delete("web", grace: 7)
            await node.runtime.wait(for: .stopContainer("a", grace: .seconds(7)))
            await node.runtime.wait(for: .stopContainer("b", grace: .seconds(7)))
            #expect(!node.runtime.calls.contains(.removeSandbox("uid-web")))
            node.runtime.exit("uid-web", "a", code: 0)
            node.runtime.exit("uid-web", "b", code: 143)
            await node.api.waitUntilGone("web")
            #expect(node.runtime.calls.last == .removeSandbox("uid-web"))
            let last = node.api.requests.last { $0.verb == .delete }
            #expect(last?.body?["gracePeriodSeconds"] == 0)
            #expect(last?.body?[path: "preconditions", "uid"] == "uid-web")
            // Its end was told before it went.
            let final = node.api.requests.last { $0.subresource == "status" && $0.resource == "pods" }
            #expect(final?.body?[path: "status", "phase"] == "Failed")
            #expect(
                Set(await node.api.events("Killing", atLeast: 2).map(\.message)) == [
                    "Stopping container a", "Stopping container b",
                ])
        }
    }

    @Test func lessGraceIsGrantedLater() async throws {
        try await TestNode.run { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.hold(stops: true)
            try await node.delete("web", grace: 60)
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(60)))
            try await node.delete("web", grace: 2)
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(2)))
            node.runtime.exit("uid-web", "web", code: 137)
            await node.api.waitUntilGone("web")
        }
    }

    @Test func aPodDeletedByForceIsEnded() async throws {
        try await TestNode.run { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            try await node.delete("web", grace: 0)
            await node.runtime.wait(for: .stopContainer("web", grace: .seconds(1)))
            await node.runtime.wait(for: .removeSandbox("uid-web"))
        }
    }

    @Test func initContainersRunOneAfterTheOther() async throws {
        try await TestNode.run { node in
            try await node.create(.test { $0.spec.initContainers = [.test("one"), .test("two")] })
            let first = try await node.api.pod("web") { $0.state("one")?.state.running != nil }
            #expect(first.status.phase == .pending)
            #expect(first.state("web")?.state.waiting?.reason == "PodInitializing")
            #expect(first.condition(.initialized)?.message == "containers with incomplete status: [one two]")
            node.runtime.exit("uid-web", "one", code: 0)
            try await node.api.pod("web") { $0.state("two")?.state.running != nil }
            node.runtime.exit("uid-web", "two", code: 0)
            let pod = try await node.api.pod("web") { $0.isReady }
            #expect(pod.state("one")?.state.terminated?.reason == "Completed")
            #expect(
                node.runtime.calls.dropFirst() == [
                    .startContainer("one", attempt: 0), .startContainer("two", attempt: 0),
                    .startContainer("web", attempt: 0),
                ])
        }
    }

    @Test func aSidecarRunsBesideTheOthersAndEndsAfterThem() async throws {
        try await TestNode.run { node in
            try await node.create(
                .test(policy: .never) {
                    $0.spec.initContainers = [
                        Container.test("side").with { $0.restartPolicy = .init(rawValue: "Always") }
                    ]
                })
            try await node.api.pod("web") { $0.isReady }
            node.runtime.exit("uid-web", "web", code: 0)
            let pod = try await node.api.pod("web") { $0.status.phase == .succeeded }
            #expect(pod.state("side")?.state.terminated != nil)
            #expect(node.runtime.calls.contains(.stopContainer("side", grace: .seconds(30))))
        }
    }

    @Test func aMissingSecretIsNamedAndTriedAgain() async throws {
        try await TestNode.run { node in
            try await node.create(
                .test {
                    var variable = EnvVar()
                    variable.name = "URL"
                    variable.valueFrom = EnvVarSource()
                    variable.valueFrom?.secretKeyRef = SecretKeySelector()
                    variable.valueFrom?.secretKeyRef?.name = "db-secret"
                    variable.valueFrom?.secretKeyRef?.key = "url"
                    $0.spec.containers[0].env = [variable]
                })
            let pod = try await node.api.pod("web") {
                $0.state("web")?.state.waiting?.reason == "CreateContainerConfigError"
            }
            #expect(pod.state("web")?.state.waiting?.message == "secret \"db-secret\" not found")
            var secret = Secret()
            secret.metadata.name = "db-secret"
            secret.metadata.namespace = "default"
            _ = try await node.client.create(secret)
            await node.clock.sleeper(for: .seconds(1))
            node.clock.advance(by: .seconds(1))
            try await node.api.pod("web") {
                $0.state("web")?.state.waiting?.message == "couldn't find key url in Secret default/db-secret"
            }
            secret.data["url"] = .init("postgres://db".utf8)
            _ = try await node.client.update(secret)
            await node.clock.sleeper(for: .seconds(2))
            node.clock.advance(by: .seconds(2))
            try await node.api.pod("web") { $0.isReady }
            #expect(
                node.runtime.configuration(of: "web")?.environment == [
                    EnvironmentVariable(name: "URL", value: "postgres://db")
                ])
        }
    }

    @Test func aMissingImageBacksOff() async throws {
        try await TestNode.run { node in
            try await node.create(.test { $0.spec.containers[0].image = "nowhere:1" })
            let first = try await node.api.pod("web") { $0.state("web")?.state.waiting?.reason == "ErrImagePull" }
            let message = first.state("web")?.state.waiting?.message ?? ""
            #expect(message.contains("nowhere:1") && message.contains("/var/lib/minikube-lite/images"))
            await node.clock.sleeper(for: .seconds(1))
            node.clock.advance(by: .seconds(1))
            try await node.api.pod("web") { $0.state("web")?.state.waiting?.reason == "ImagePullBackOff" }
            #expect(await node.api.events("BackOff").first?.message == "Back-off pulling image \"nowhere:1\"")
            node.runtime.add(image: "nowhere:1")
            await node.clock.sleeper(for: .seconds(9))
            node.clock.advance(by: .seconds(9))
            try await node.api.pod("web") { $0.isReady }
        }
    }

    @Test func aFailedSandboxIsTriedAgain() async throws {
        try await TestNode.run { node in
            node.runtime.fail(
                "sandbox", RuntimeError(.sandbox, step: "bridge", object: "mkl0", message: "no bridge mkl0"))
            try await node.create(.test())
            let event = await node.api.events("FailedCreatePodSandBox")
            #expect(event.first?.message == "Failed to create pod sandbox: no bridge mkl0")
            await node.clock.sleeper(for: .seconds(1))
            node.clock.advance(by: .seconds(1))
            try await node.api.pod("web") { $0.isReady }
        }
    }

    @Test func aLostSandboxIsMadeAnew() async throws {
        try await TestNode.run { node in
            try await node.create(.test())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.loseSandbox("uid-web")
            let pod = try await node.api.pod("web") { $0.isReady && $0.state("web")?.restartCount == 1 }
            #expect(pod.state("web")?.lastState.terminated?.reason == "ContainerStatusUnknown")
            #expect(
                node.runtime.calls.suffix(3) == [
                    .removeSandbox("uid-web"), .startSandbox("uid-web"), .startContainer("web", attempt: 1),
                ])
            #expect(
                await node.api.events("SandboxChanged").first?.message
                    == "Pod sandbox changed, it will be killed and re-created.")
        }
    }

    @Test func limitsThatCannotBeEnforcedAreRefused() async throws {
        let runtime = FakeRuntime(controllers: ["cpu"])
        let limited = Pod.test { $0.spec.containers[0].resources.limits = ["memory": "64Mi"] }
        try await TestNode.run(runtime: runtime) { node in
            try await node.create(limited)
            let pod = try await node.api.pod("web") { $0.condition(.init(rawValue: "LimitsEnforced")) != nil }
            #expect(pod.status.phase == .pending)
            let message = pod.state("web")?.state.waiting?.message ?? ""
            #expect(message.contains("controller memory is bound to cgroup v1"))
            #expect(message.contains("--cgroup-enforcement=best-effort"))
            #expect(await node.api.events("UnenforceableLimits").count == 1)
            #expect(node.runtime.calls.isEmpty)
        }
    }

    @Test func bestEffortRunsThemAndSaysSo() async throws {
        let runtime = FakeRuntime(controllers: [])
        try await TestNode.run(runtime: runtime, configure: { $0.bestEffortLimits = true }) { node in
            try await node.create(.test { $0.spec.containers[0].resources.limits = ["memory": "64Mi"] })
            let pod = try await node.api.pod("web") { $0.isReady }
            #expect(pod.condition(.init(rawValue: "LimitsEnforced"))?.status == .false)
            await node.api.events("UnenforceableLimits")
        }
    }

    @Test func aPodWithoutRoomIsRejected() async throws {
        try await TestNode.run { node in
            try await node.create(.test { $0.spec.containers[0].resources.requests = ["cpu": "5"] })
            let pod = try await node.api.pod("web") { $0.status.phase == .failed }
            #expect(pod.status.reason == "OutOfcpu")
            #expect(
                pod.status.message
                    == "Pod was rejected: Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000"
            )
        }
    }

    @Test func activeDeadlineEndsThePod() async throws {
        try await TestNode.run { node in
            try await node.create(.test { $0.spec.activeDeadlineSeconds = 5 })
            try await node.api.pod("web") { $0.isReady }
            await node.clock.sleeper(for: .seconds(5))
            node.clock.advance(by: .seconds(5))
            let pod = try await node.api.pod("web") { $0.state("web")?.state.terminated != nil }
            #expect(pod.status.phase == .failed)
            #expect(pod.status.reason == "DeadlineExceeded")
        }
    }
}
