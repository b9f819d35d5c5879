import Foundation
import LinuxKernel
import Testing

@testable import PodRuntime

/// Real limits of cgroup v2, seen from a container that runs into them.
@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(if: inVirtualMachine, "needs the controllers of cgroup v2: run by scripts/test-vm in a virtual machine"))
struct VMLimitTests {
    @Test func allControllersAreFound() throws {
        let capabilities = try HostCapabilities.detect()
        #expect(capabilities.controllers == ["cpu", "memory", "pids", "cpuset", "io", "hugetlb"])
        #expect(capabilities.hasPressure)
        #expect(capabilities.hugePages.map(\.name).contains("2MB"))
        #expect(capabilities.missing.isEmpty)
    }

    @Test func overMemoryMaxTheContainerIsKilledAndItIsToldWhy() async throws {
        try await LimitedNode.with(1) { node in
            try await node.start(["touch", "64"], limits: CgroupResources(memoryMax: 24 << 20, oomGroup: true))
            let exit = try await node.exit()
            #expect(exit.code == 137)
            #expect(exit.signal == 9)
            #expect(exit.oomKilled)
            let oom = try #require(exit.oom)
            #expect(oom.level == .container)
            #expect(oom.limitBytes == 24 << 20)
            // The kernel charges in batches: a little below the limit is as far as it comes.
            #expect((23 << 20)...(24 << 20) ~= oom.usageBytes ?? 0)
            #expect(oom.containerBytes == oom.usageBytes)
            // With memory.oom.group the kernel counts the first victim once more among the group.
            #expect(1...2 ~= oom.kills)
        }
    }

    @Test func belowMemoryMaxItRuns() async throws {
        try await LimitedNode.with(2) { node in
            try await node.start(["touch", "16"], limits: CgroupResources(memoryMax: 64 << 20))
            #expect(try await node.line("touched") == "touched 16")
            #expect(try FileAccess.readText(node.cgroup + "/memory.max") == "\(64 << 20)")
            #expect(node.runtime.host.cgroups.oomKills(node.cgroup) == 0)
            let current = try #require(node.runtime.host.cgroups.memoryCurrent(node.cgroup))
            #expect(current >= 16 << 20 && current < 64 << 20)
            try await node.runtime.stopContainer("main", in: "a", signal: "SIGKILL", grace: .seconds(1))
            let exit = try await node.exit()
            #expect(exit.code == 137 && !exit.oomKilled)
        }
    }

    @Test func thePodsLimitCountsForItsContainers() async throws {
        try await LimitedNode.with(3) { node in
            try await node.start(
                ["touch", "64"], limits: CgroupResources(), podLimits: CgroupResources(memoryMax: 24 << 20))
            let exit = try await node.exit()
            #expect(exit.code == 137 && exit.oomKilled)
            let oom = try #require(exit.oom)
            #expect(oom.level == .pod)
            #expect(oom.limitBytes == 24 << 20)
            #expect((23 << 20)...(24 << 20) ~= oom.usageBytes ?? 0)
        }
    }

    @Test func theLimitOfAllPodsIsTheNodes() async throws {
        try await LimitedNode.with(7) { node in
            try await node.runtime.updateLevel(.guaranteed, resources: CgroupResources(memoryMax: 32 << 20))
            #expect(try FileAccess.readText(node.runtime.host.cgroups.parent + "/memory.max") == "\(32 << 20)")
            try await node.start(["touch", "64"], limits: CgroupResources(memoryMax: 100 << 20))
            let oom = try #require(try await node.exit().oom)
            #expect(oom.level == .node)
            #expect(oom.limitBytes == 32 << 20)
        }
    }

    @Test func aClassOfPodsHasItsOwnShare() async throws {
        try await LimitedNode.with(8) { node in
            let level = node.runtime.host.cgroups.directory(of: .burstable)
            try await node.runtime.updateLevel(
                .burstable, resources: CgroupResources(cpuWeight: 321, memoryLow: 1 << 20))
            #expect(try FileAccess.readText(level + "/cpu.weight") == "321")
            #expect(try FileAccess.readText(level + "/memory.low") == "\(1 << 20)")
            try await node.runtime.updateLevel(.burstable, resources: CgroupResources(cpuWeight: 5))
            #expect(try FileAccess.readText(level + "/cpu.weight") == "5")
            #expect(try FileAccess.readText(level + "/memory.low") == "0")
        }
    }

    @Test func aContainerThatSurvivesAKillIsTold() async throws {
        try await LimitedNode.with(9) { node in
            // Without memory.oom.group only the process is killed that took the most.
            try await node.start(["child", "64"], limits: CgroupResources(memoryMax: 24 << 20))
            var told: OOMKill?
            for await event in node.runtime.events {
                guard case .oomKilled(let sandbox, let container, let kill) = event else { continue }
                #expect(sandbox == "a" && container == "main")
                told = kill
                break
            }
            #expect(told?.level == .container)
            #expect(told?.limitBytes == 24 << 20)
            #expect(told?.kills == 1)
            #expect(try await node.line("child") == "child 9")
            #expect(await node.runtime.status(of: "a")?.containers.first?.exit == nil)
            // Its end, later and by itself, still knows.
            try await node.runtime.stopContainer("main", in: "a", signal: "SIGKILL", grace: .seconds(1))
            #expect(try await node.exit().oom?.kills == 1)
        }
    }

    @Test func overPidsMaxForkFails() async throws {
        try await LimitedNode.with(4) { node in
            try await node.start(["fork", "50"], limits: CgroupResources(pidsMax: 8))
            // The container's first process is the eighth; EAGAIN is 11.
            #expect(try await node.line("forked") == "forked 7 errno 11")
        }
    }

    @Test func overCpuMaxItIsThrottled() async throws {
        try await LimitedNode.with(5) { node in
            try await node.start(
                ["spin", "600"], limits: CgroupResources(cpuQuota: 10_000, cpuPeriod: 100_000, cpuWeight: 17))
            #expect(try FileAccess.readText(node.cgroup + "/cpu.max") == "10000 100000")
            #expect(try FileAccess.readText(node.cgroup + "/cpu.weight") == "17")
            let clock = ContinuousClock()
            let start = clock.now
            var statistics = try #require(node.runtime.host.cgroups.cpuStatistics(node.cgroup))
            while statistics.throttledPeriods < 10, clock.now - start < .seconds(60) {
                try await Task.sleep(for: .milliseconds(100))
                statistics = try #require(node.runtime.host.cgroups.cpuStatistics(node.cgroup))
            }
            #expect(statistics.throttledPeriods >= 10)
            // A tenth of a CPU, and what the kernel's accounting is coarse by.
            #expect(statistics.usageMicroseconds <= statistics.periods * 10_000 * 2)
        }
    }

    @Test func aFreshAttemptStartsWithoutItsPredecessorsKills() async throws {
        try await LimitedNode.with(6) { node in
            try await node.start(["touch", "64"], limits: CgroupResources(memoryMax: 24 << 20))
            #expect(try await node.exit().oomKilled)
            _ = try await node.runtime.startContainer(
                ContainerConfiguration(
                    name: "main", attempt: 1, image: "payload", args: ["exit", "3"],
                    resources: CgroupResources(memoryMax: 24 << 20)), in: "a")
            let sandbox = try #require(node.runtime.find("a"))
            #expect(await sandbox.waitForExit(ContainerKey(name: "main", attempt: 1), upTo: .seconds(60)))
            let second = await node.runtime.status(of: "a")?.containers.last?.exit
            #expect(second?.code == 3)
            #expect(second?.oomKilled == false)
        }
    }
}
