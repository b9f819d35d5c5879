import Foundation
import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

/// Resources of pods that are there are changed in place (KEP-1287), with the fake runtime of 4 CPUs and 8 GiB.
@Suite(.timeLimit(.minutes(1)))
struct ResizeTests {
    private static func pod(
        _ name: String = "web", cpu: String = "500m", memory: String = "1Gi", limits: Bool = true,
        policy: [String: String] = [:], _ change: (inout Pod) -> Void = { _ in }
    ) -> Pod {
        .test(name) {
            $0.metadata.generation = 1
            $0.spec.containers[0].resources = resources(cpu: cpu, memory: memory, limits: limits)
            $0.spec.containers[0].resizePolicy = ["cpu", "memory"].map { resource in
                var entry = ContainerResizePolicy()
                entry.resourceName = ResourceName(rawValue: resource)
                entry.restartPolicy = ResourceResizeRestartPolicy(rawValue: policy[resource] ?? "NotRequired")
                return entry
            }
            change(&$0)
        }
    }

    private static func resources(cpu: String, memory: String, limits: Bool = true) -> ResourceRequirements {
        var resources = ResourceRequirements()
        resources.requests = ["cpu": Quantity(cpu), "memory": Quantity(memory)]
        if limits { resources.limits = ["cpu": Quantity("2"), "memory": Quantity(memory)] }
        return resources
    }

    /// Changes the spec as the resize subresource would.
    private static func resize(
        _ node: TestNode, _ name: String = "web", generation: Int64 = 2, to resources: ResourceRequirements
    ) async throws {
        var pod = try await node.client.get(Pod.self, name, namespace: "default")
        pod.metadata.generation = generation
        pod.spec.containers[0].resources = resources
        _ = try await node.client.update(pod)
    }

    private static func updates(_ node: TestNode) -> [FakeRuntime.Call] {
        node.runtime.calls.filter {
            switch $0 {
            case .updateContainer, .updateSandbox: true
            default: false
            }
        }
    }

    @Test func upPodFirst() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            try await Self.resize(node, to: Self.resources(cpu: "1", memory: "2Gi"))
            let pod = try await node.api.pod("web") {
                $0.state("web")?.resources?.limits["memory"] == "2Gi" && $0.condition(.podResizeInProgress) == nil
            }
            #expect(pod.state("web")?.allocatedResources == ["cpu": "1", "memory": "2Gi"])
            #expect(pod.state("web")?.restartCount == 0)
            let calls = Self.updates(node)
            guard case .updateSandbox(_, let first)? = calls.first, case .updateContainer(_, let second)? = calls.last
            else { return #expect(Bool(false), "\(calls)") }
            #expect(calls.count == 2 && first.memoryMax == 2 << 30 && second.memoryMax == 2 << 30)
            #expect(first.cpuWeight == 39 && second.cpuWeight == 39 && second.cpuQuota == 200_000)
            let started = await node.api.events("ResizeStarted")
            #expect(
                started.first?.message
                    == #"Pod resize started: {"containers":[{"name":"web","resources":{"limits":{"cpu":"2","#
                    + #""memory":"2Gi"},"requests":{"cpu":"1","memory":"2Gi"}}}],"generation":2}"#)
            let completed = await node.api.events("ResizeCompleted")
            #expect(completed.first?.message.hasPrefix("Pod resize completed: {") == true)
        }
    }

    @Test func downPodLast() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod(memory: "2Gi"))
            try await node.api.pod("web") { $0.isReady }
            try await Self.resize(node, to: Self.resources(cpu: "500m", memory: "1Gi"))
            try await node.api.pod("web") { $0.state("web")?.resources?.limits["memory"] == "1Gi" }
            let calls = Self.updates(node)
            guard case .updateContainer(_, let first)? = calls.first, case .updateSandbox(_, let second)? = calls.last
            else { return #expect(Bool(false), "\(calls)") }
            #expect(calls.count == 2 && first.memoryMax == 1 << 30 && second.memoryMax == 1 << 30)
        }
    }

    @Test func memoryInUseIsToldAndTriedAgain() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod(memory: "2Gi"))
            try await node.api.pod("web") { $0.isReady }
            let problem = RuntimeError(
                .memoryInUse, step: "memory.max", object: "web",
                message:
                    "memory.max 1073741824 is below what is in use: 1500000000 bytes")
            node.runtime.fail("update web", problem)
            node.runtime.fail("update web", problem)
            try await Self.resize(node, to: Self.resources(cpu: "500m", memory: "1Gi"))
            let pod = try await node.api.pod("web") { $0.condition(.podResizeInProgress)?.reason == "Error" }
            let condition = try #require(pod.condition(.podResizeInProgress))
            #expect(
                condition.message
                    == "cannot decrease memory limits: container \"web\": memory.max 1073741824 is below what is in "
                    + "use: 1500000000 bytes")
            #expect(condition.observedGeneration == 2)
            // What counts is what it has.
            #expect(pod.state("web")?.resources?.limits["memory"] == "2Gi")
            #expect(pod.state("web")?.allocatedResources["memory"] == "1Gi")
            await node.clock.sleeper(for: .seconds(1))
            node.clock.advance(by: .seconds(1))
            await node.clock.sleeper(for: .seconds(2))
            node.clock.advance(by: .seconds(2))
            let after = try await node.api.pod("web") { $0.condition(.podResizeInProgress) == nil }
            #expect(after.state("web")?.resources?.limits["memory"] == "1Gi")
            #expect(after.state("web")?.restartCount == 0)
            // Told once, though it failed twice.
            #expect(await node.api.events("ResizeError").first?.series == nil)
        }
    }

    @Test func aContainerIsRestartedWhereItsPolicySaysSo() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod(policy: ["memory": "RestartContainer"]))
            try await node.api.pod("web") { $0.isReady }
            // CPU does not restart it.
            try await Self.resize(node, to: Self.resources(cpu: "1", memory: "1Gi"))
            try await node.api.pod("web") { $0.state("web")?.resources?.requests["cpu"] == "1" }
            try await Self.resize(node, generation: 3, to: Self.resources(cpu: "1", memory: "512Mi"))
            let pod = try await node.api.pod("web") {
                $0.state("web")?.restartCount == 1 && $0.isReady && $0.condition(.podResizeInProgress) == nil
            }
            #expect(pod.state("web")?.resources?.limits["memory"] == "512Mi")
            #expect(node.runtime.configuration(of: "web")?.resources.memoryMax == 512 << 20)
            #expect(await node.api.events("Killing").first?.message == "Container web resize requires restart")
            #expect(node.runtime.sandboxes["uid-web"]?.configuration.resources.memoryMax == 512 << 20)
            // No crash: the next end has no back-off.
            node.runtime.exit("uid-web", "web", code: 1)
            try await node.api.pod("web") { $0.state("web")?.restartCount == 2 && $0.isReady }
        }
    }

    @Test func whatNeverFitsIsInfeasible() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            try await Self.resize(node, to: Self.resources(cpu: "1000", memory: "1Gi", limits: false))
            let pod = try await node.api.pod("web") { $0.condition(.podResizePending) != nil }
            let condition = try #require(pod.condition(.podResizePending))
            #expect(condition.reason == "Infeasible" && condition.status == .true && condition.observedGeneration == 2)
            #expect(condition.message == "Node didn't have enough capacity: cpu, requested: 1000000, capacity: 4000")
            #expect(pod.state("web")?.resources?.requests["cpu"] == "500m")
            #expect(
                await node.api.events("ResizeInfeasible").first?.message.hasPrefix("Pod resize Infeasible: {") == true)
            #expect(Self.updates(node).isEmpty)
            // Taken back: nothing is pending.
            try await Self.resize(node, generation: 3, to: Self.resources(cpu: "500m", memory: "1Gi"))
            try await node.api.pod("web") { $0.condition(.podResizePending) == nil }
            #expect(Self.updates(node).isEmpty)
        }
    }

    @Test func whatWaitsIsDoneWhenAnotherPodEnds() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod(cpu: "1"))
            try await node.api.pod("web") { $0.isReady }
            try await node.create(Self.pod("other", cpu: "2"))
            try await node.api.pod("other") { $0.isReady }
            try await Self.resize(node, to: Self.resources(cpu: "3", memory: "1Gi", limits: false))
            let pod = try await node.api.pod("web") { $0.condition(.podResizePending) != nil }
            #expect(pod.condition(.podResizePending)?.reason == "Deferred")
            #expect(
                pod.condition(.podResizePending)?.message
                    == "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000")
            _ = await node.api.events("ResizeDeferred")
            try await node.delete("other")
            let after = try await node.api.pod("web") { $0.state("web")?.resources?.requests["cpu"] == "3" }
            #expect(after.condition(.podResizePending) == nil)
        }
    }

    @Test func whatWaitsIsDoneWhenAnotherPodShrinks() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod(cpu: "1"))
            try await node.create(Self.pod("other", cpu: "2"))
            try await node.api.pod("web") { $0.isReady }
            try await node.api.pod("other") { $0.isReady }
            try await Self.resize(node, to: Self.resources(cpu: "3", memory: "1Gi", limits: false))
            try await node.api.pod("web") { $0.condition(.podResizePending) != nil }
            try await Self.resize(node, "other", to: Self.resources(cpu: "500m", memory: "1Gi"))
            try await node.api.pod("web") { $0.state("web")?.resources?.requests["cpu"] == "3" }
        }
    }

    @Test func anAgentThatIsRestartedKnowsWhatWasAllocated() async throws {
        let api = MemoryTransport()
        let clock = ManualClock()
        let first = FakeRuntime { clock.time.preciseNow.microseconds * 1000 }
        let problem = RuntimeError(.memoryInUse, step: "memory.max", object: "web", message: "in use")
        for _ in 0..<3 { first.fail("update web", problem) }
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("resize-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await TestNode.run(api: api, clock: clock, runtime: first, directory: folder) { node in
            try await node.create(Self.pod(memory: "2Gi"))
            try await node.api.pod("web") { $0.isReady }
            try await Self.resize(node, to: Self.resources(cpu: "500m", memory: "1Gi"))
            try await node.api.pod("web") { $0.condition(.podResizeInProgress)?.reason == "Error" }
            // Another one that is not allocated.
            try await Self.resize(node, generation: 3, to: Self.resources(cpu: "500m", memory: "100Gi", limits: false))
            try await node.api.pod("web") { $0.condition(.podResizePending) != nil }
        }
        clock.advance(by: .seconds(1))
        let second = FakeRuntime { clock.time.preciseNow.microseconds * 1000 }
        for sandbox in first.sandboxes.values { second.put(sandbox) }
        try await TestNode.run(api: api, clock: clock, runtime: second, directory: folder) { node in
            let pod = try await node.api.pod("web") { $0.state("web")?.resources?.limits["memory"] == "1Gi" }
            #expect(pod.condition(.podResizePending)?.reason == "Infeasible")
            #expect(second.sandboxes["uid-web"]?.containers.last?.resources?.memoryMax == 1 << 30)
            #expect(second.sandboxes["uid-web"]?.configuration.resources.memoryMax == 1 << 30)
        }
    }

    @Test func anAnnotationChangesTheCgroupOfARunningContainer() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            var pod = try await node.client.get(Pod.self, "web", namespace: "default")
            pod.metadata.annotations["web.cgroup.minikube-lite/memory.high"] = "900Mi"
            _ = try await node.client.update(pod)
            await node.runtime.wait { calls in
                calls.contains {
                    if case .updateContainer("web", let resources) = $0 {
                        resources.memoryHigh == 900 << 20
                    } else {
                        false
                    }
                }
            }
            #expect(Self.updates(node).count == 1)
        }
    }

    @Test func filesOfTheDownwardAPIFollow() async throws {
        try await TestNode.run { node in
            try await node.create(
                Self.pod {
                    var variable = EnvVar()
                    variable.name = "LIMIT"
                    variable.valueFrom = EnvVarSource()
                    variable.valueFrom?.resourceFieldRef = ResourceFieldSelector()
                    variable.valueFrom?.resourceFieldRef?.resource = "limits.memory"
                    $0.spec.containers[0].env = [variable]
                })
            try await node.api.pod("web") { $0.isReady }
            #expect(node.runtime.configuration(of: "web")?.environment.last?.value == "1073741824")
            // One that is allocated counts at the next start, one that waits does not.
            try await Self.resize(node, to: Self.resources(cpu: "500m", memory: "2Gi"))
            try await node.api.pod("web") { $0.state("web")?.resources?.limits["memory"] == "2Gi" }
            try await Self.resize(node, generation: 3, to: Self.resources(cpu: "500m", memory: "100Gi"))
            try await node.api.pod("web") { $0.condition(.podResizePending) != nil }
            node.runtime.exit("uid-web", "web", code: 1)
            try await node.api.pod("web") { $0.state("web")?.restartCount == 1 && $0.isReady }
            #expect(node.runtime.configuration(of: "web")?.environment.last?.value == "2147483648")
            #expect(node.runtime.configuration(of: "web")?.resources.memoryMax == 2 << 30)
        }
    }

    // MARK: CPUs

    @Test func exclusiveCPUsMakeTheOthersMove() async throws {
        try await TestNode.run(
            runtime: FakeRuntime(controllers: ["cpu", "memory", "cpuset"]),
            configure: {
                $0.limits.cpuManagerPolicy = .static
                $0.limits.reservedCPUs = CPUSet([0])
            },
            topology: CPUTopology(cores: [[0], [1], [2], [3]])
        ) { node in
            try await node.create(.test("shared"))
            try await node.api.pod("shared") { $0.isReady }
            #expect(node.runtime.configuration(of: "web")?.resources.cpus == "0-3")
            let guaranteed = Self.pod {
                $0.spec.containers[0].resources.limits = ["cpu": "2", "memory": "1Gi"]
                $0.spec.containers[0].resources.requests = $0.spec.containers[0].resources.limits
            }
            try await node.create(guaranteed)
            try await node.api.pod("web") { $0.isReady }
            #expect(node.runtime.configuration(of: "web")?.resources.cpus == "1-2")
            #expect(node.runtime.configuration(of: "web")?.resources.cpuQuota == nil)
            await node.runtime.wait { calls in
                calls.contains { if case .updateContainer("web", let new) = $0 { new.cpus == "0,3" } else { false } }
            }
            // Its CPUs stay what they are.
            var resources = ResourceRequirements()
            resources.limits = ["cpu": "1", "memory": "1Gi"]
            resources.requests = resources.limits
            try await Self.resize(node, to: resources)
            let refused = try await node.api.pod("web") { $0.condition(.podResizePending) != nil }
            #expect(
                refused.condition(.podResizePending)?.message
                    == "Resize is infeasible for Guaranteed Pods alongside CPU Manager policy \"static\"")
            // Nobody gets what is not there.
            var second = guaranteed
            second.metadata.name = "second"
            second.metadata.uid = "uid-second"
            try await node.create(second)
            let failed = try await node.api.pod("second") { $0.status.phase == .failed }
            #expect(failed.status.reason == "UnexpectedAdmissionError")
            try await node.delete("web")
            await node.runtime.wait { calls in
                calls.contains { if case .updateContainer("web", let new) = $0 { new.cpus == "0-3" } else { false } }
            }
        }
    }

    @Test func theClassesWeighWhatTheirPodsRequest() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod(cpu: "1", limits: false))
            await node.runtime.wait(for: .updateLevel(.burstable, CgroupResources(cpuWeight: 39)))
            #expect(node.runtime.levels[.bestEffort] == CgroupResources(cpuWeight: 1))
            try await node.delete("web")
            await node.runtime.wait { calls in
                calls.last { if case .updateLevel(.burstable, _) = $0 { true } else { false } }
                    == .updateLevel(.burstable, CgroupResources(cpuWeight: 1))
            }
        }
    }

    // MARK: OOM

    @Test func anOutOfMemoryKillIsToldWithItsNumbers() async throws {
        try await TestNode.run { node in
            try await node.create(Self.pod())
            try await node.api.pod("web") { $0.isReady }
            node.runtime.oomKill(
                "uid-web", "web",
                OOMKill(level: .container, limitBytes: 64 << 20, usageBytes: 64 << 20, kills: 2))
            #expect(
                await node.api.events("OOMKilling").first?.message
                    == "Memory cgroup out of memory: container web reached its own memory limit (memory.max "
                    + "67108864 = 64Mi, 67108864 = 64Mi used); 2 processes killed, the container goes on")
            node.runtime.exit(
                "uid-web", "web", code: 137, oomKilled: true,
                oom: OOMKill(
                    level: .pod, limitBytes: 128 << 20, usageBytes: 134_217_000, containerBytes: 1 << 20, kills: 1))
            let pod = try await node.api.pod("web") { $0.state("web")?.restartCount == 1 }
            #expect(pod.state("web")?.lastState.terminated?.reason == "OOMKilled")
            #expect(pod.state("web")?.lastState.terminated?.exitCode == 137)
            let messages = await node.api.events("OOMKilling", atLeast: 2).map(\.message)
            #expect(
                messages.contains(
                    "Memory cgroup out of memory: container web reached the memory limit of its pod (memory.max "
                        + "134217728 = 128Mi, 134217000 used by the pod, 1048576 = 1Mi by the container); "
                        + "it was killed"))
        }
    }

    // MARK: Hosts that cannot enforce

    @Test func everyLimitThatWouldBeSilentIsNamed() async throws {
        let pod = Self.pod { $0.metadata.annotations["web.cgroup.minikube-lite/memory.high"] = "512Mi" }
        try await TestNode.run(runtime: FakeRuntime(controllers: ["cpu"])) { node in
            try await node.create(pod)
            let event = await node.api.events("UnenforceableLimits").first
            #expect(event?.message.contains("memory.max 1073741824 of the pod") == true)
            #expect(event?.message.contains("memory.max 1073741824 of container web") == true)
            #expect(event?.message.contains("bound to cgroup v1; use --cgroup-enforcement=best-effort") == true)
            let waiting = try await node.api.pod("web") { $0.condition(limitsEnforced) != nil }
            #expect(waiting.condition(limitsEnforced)?.status == .false)
            #expect(node.runtime.calls.isEmpty)
        }
        try await TestNode.run(
            runtime: FakeRuntime(controllers: ["cpu"]), configure: { $0.bestEffortLimits = true }
        ) { node in
            try await node.create(pod)
            let running = try await node.api.pod("web") { $0.isReady }
            #expect(
                running.condition(limitsEnforced)?.message.hasPrefix(
                    "running without enforcement: this host cannot enforce memory.max") == true)
        }
    }

    private var limitsEnforced: PodConditionType { PodConditionType(rawValue: "LimitsEnforced") }
}
