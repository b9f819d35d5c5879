import LinuxKernel
import Testing

@testable import PodRuntime

/// Live updates and statistics, against the kernel's own files and rules.
@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(if: inVirtualMachine, "needs the controllers of cgroup v2: run by scripts/test-vm in a virtual machine"))
struct VMUpdateTests {
    @Test func everyKnobIsSetChangedAndTakenBack() async throws {
        try await LimitedNode.with(21) { node in
            let first = CgroupResources(
                cpuQuota: 40_000, cpuBurst: 20_000, cpuWeight: 50, memoryMin: 1 << 20, memoryLow: 2 << 20,
                memoryHigh: 60 << 20, memoryMax: 64 << 20, pidsMax: 10, oomGroup: true, hugePages: ["2MB": 4 << 20],
                cpus: "1", memoryNodes: "0")
            try await node.start(["run"], limits: first)
            _ = try await node.line("started")
            func expect(_ files: [String: String], _ when: String) throws {
                for (name, text) in files { #expect(try node.file(name) == text, "\(name), \(when)") }
            }
            try expect(
                [
                    "cpu.max": "40000 100000", "cpu.max.burst": "20000", "cpu.weight": "50", "cpu.idle": "0",
                    "memory.min": "\(1 << 20)", "memory.low": "\(2 << 20)", "memory.high": "\(60 << 20)",
                    "memory.max": "\(64 << 20)", "memory.oom.group": "1", "pids.max": "10",
                    "hugetlb.2MB.max": "\(4 << 20)", "cpuset.cpus": "1", "cpuset.cpus.effective": "1",
                    "cpuset.mems": "0",
                ], "as started")
            // Lower quota and burst together, raise memory's bounds together, idle in the weight's place.
            try await node.runtime.updateContainer(
                "main", in: "a",
                resources: CgroupResources(
                    cpuQuota: 10_000, cpuBurst: 5000, cpuIdle: true, memoryMin: 70 << 20, memoryHigh: 90 << 20,
                    memoryMax: 100 << 20, pidsMax: 20, cpus: "0"))
            try expect(
                [
                    "cpu.max": "10000 100000", "cpu.max.burst": "5000", "cpu.idle": "1",
                    "memory.min": "\(70 << 20)", "memory.low": "0", "memory.high": "\(90 << 20)",
                    "memory.max": "\(100 << 20)", "memory.oom.group": "0", "pids.max": "20", "hugetlb.2MB.max": "max",
                    "cpuset.cpus": "0", "cpuset.mems": "0",
                ], "changed")
            try await node.runtime.updateContainer("main", in: "a", resources: CgroupResources())
            try expect(
                [
                    "cpu.max": "max 100000", "cpu.max.burst": "0", "cpu.idle": "0", "cpu.weight": "100",
                    "memory.min": "0", "memory.high": "max", "memory.max": "max", "memory.swap.max": "max",
                    "pids.max": "max", "cpuset.cpus": "0-1", "cpuset.cpus.effective": "0-1",
                ], "taken back")
            #expect(await node.runtime.status(of: "a")?.containers.first?.resources == CgroupResources())
        }
    }

    @Test func whatTheKernelRefusesLeavesAllAsItWas() async throws {
        try await LimitedNode.with(22) { node in
            try await node.start(["run"], limits: CgroupResources(cpuQuota: 20_000, memoryMax: 64 << 20))
            // More burst than quota.
            let error = await #expect(throws: RuntimeError.self) {
                try await node.runtime.updateContainer(
                    "main", in: "a",
                    resources: CgroupResources(cpuQuota: 30_000, cpuBurst: 40_000, memoryMax: 128 << 20))
            }
            #expect(error?.kind == .configuration)
            #expect(error?.message.contains("cpu.max.burst 40000") == true)
            #expect(try node.file("cpu.max") == "20000 100000")
            #expect(try node.file("memory.max") == "\(64 << 20)")
            #expect(await node.runtime.status(of: "a")?.containers.first?.resources?.cpuQuota == 20_000)
        }
    }

    @Test func memoryInUseIsNotTakenAway() async throws {
        try await LimitedNode.with(23) { node in
            try await node.start(["touch", "32"], limits: CgroupResources(memoryMax: 64 << 20))
            _ = try await node.line("touched")
            let error = await #expect(throws: RuntimeError.self) {
                try await node.runtime.updateContainer("main", in: "a", resources: CgroupResources(memoryMax: 16 << 20))
            }
            #expect(error?.kind == .memoryInUse)
            #expect(error?.message.hasPrefix("memory.max \(16 << 20) is below what is in use: ") == true)
            #expect(try node.file("memory.max") == "\(64 << 20)")
            // The pod's own limit has the same rule.
            await #expect(throws: RuntimeError.self) {
                try await node.runtime.updateSandbox("a", resources: CgroupResources(memoryMax: 16 << 20))
            }
            try await node.runtime.updateContainer("main", in: "a", resources: CgroupResources(memoryMax: 40 << 20))
            try await node.runtime.updateSandbox("a", resources: CgroupResources(memoryMax: 44 << 20))
            #expect(try node.file("memory.max") == "\(40 << 20)")
            #expect(try FileAccess.readText(node.pod + "/memory.max") == "\(44 << 20)")
            let status = await node.runtime.status(of: "a")
            #expect(status?.configuration.resources.memoryMax == 44 << 20)
            #expect(status?.containers.first?.exit == nil)
        }
    }

    @Test func pageCacheIsNoUseThatStandsInTheWay() async throws {
        try await LimitedNode.with(24) { node in
            let disk = try await LoopDevice(megabytes: 96, in: node.directory)
            try await node.start(
                ["cache", "/disk/file", "40"], limits: CgroupResources(memoryMax: 80 << 20),
                mounts: [ContainerMount(source: .host(path: disk.mountPoint, subPath: nil), target: "/disk")])
            _ = try await node.line("cached")
            let before = try #require(Int64(try node.file("memory.current")))
            #expect(before > 24 << 20)
            try await node.runtime.updateContainer("main", in: "a", resources: CgroupResources(memoryMax: 16 << 20))
            #expect(try node.file("memory.max") == "\(16 << 20)")
            #expect(try #require(Int64(try node.file("memory.current"))) <= 16 << 20)
            #expect(node.runtime.host.cgroups.oomKills(node.cgroup) == 0)
            try await node.runtime.removeSandbox("a", removeLogs: true)
            try await disk.remove()
        }
    }

    @Test func ioMaxNamesADeviceByItsPathAndIsTakenBack() async throws {
        try await LimitedNode.with(25) { node in
            let disk = try await LoopDevice(megabytes: 32, in: node.directory)
            try await node.start(
                ["run"], limits: CgroupResources(ioMax: [IOLimit(device: disk.device, writeBytes: 1 << 20)]))
            let line = try node.file("io.max")
            #expect(line.hasPrefix("7:") && line.hasSuffix(" rbps=max wbps=1048576 riops=max wiops=max"), "\(line)")
            try await node.runtime.updateContainer(
                "main", in: "a",
                resources: CgroupResources(ioMax: [IOLimit(device: disk.device, readOperations: 50)]))
            #expect(try node.file("io.max").hasSuffix(" rbps=max wbps=max riops=50 wiops=max"))
            try await node.runtime.updateContainer("main", in: "a", resources: CgroupResources())
            #expect(try node.file("io.max").isEmpty)
            try await node.runtime.removeSandbox("a", removeLogs: true)
            try await disk.remove()
        }
    }

    @Test func statisticsAreTheKernelsNumbers() async throws {
        try await LimitedNode.with(26) { node in
            try await node.start(
                ["touch", "16"], limits: CgroupResources(cpuQuota: 50_000, memoryMax: 64 << 20, pidsMax: 9))
            _ = try await node.line("touched")
            #expect(node.runtime.host.sampling.store.open.isEmpty)
            let statistics = try await node.runtime.statistics(of: "a")
            let container = try #require(statistics.containers["main"])
            #expect(container.attempt == 0)
            #expect(container.cgroup.cpu.usageMicroseconds > 0)
            #expect(container.cgroup.memory?.max == 64 << 20)
            #expect(container.cgroup.memory?.high == nil)
            let memory = try #require(container.cgroup.memory)
            #expect(memory.anonymous >= 16 << 20 && memory.anonymous <= memory.current)
            #expect(memory.peak ?? 0 >= memory.current)
            #expect(memory.pageFaults > 4000)
            #expect(memory.workingSet <= memory.current)
            #expect(container.cgroup.pids == PidsStatistics(current: 1, max: 9))
            #expect(container.cgroup.cpuPressure != nil && container.cgroup.ioPressure != nil)
            #expect(statistics.pod.memory?.current ?? 0 >= memory.current)
            #expect(statistics.network?.interface == "eth0")
            #expect(node.runtime.host.sampling.store.open == [node.pod, node.cgroup])

            let whole = try await node.runtime.nodeStatistics()
            #expect(whole.supervisors == 1)
            #expect(whole.pods.memory?.current ?? 0 >= 16 << 20)
            #expect(whole.system.memory?.current ?? 0 > 0)
            #expect(whole.machine.memory.current > whole.pods.memory?.current ?? .max)
            try await node.runtime.removeSandbox("a", removeLogs: true)
            #expect(!node.runtime.host.sampling.store.open.contains(node.pod))
            await #expect(throws: RuntimeError.self) { try await node.runtime.statistics(of: "a") }
        }
    }

    @Test func recoveryKnowsWhatWasUpdatedAndKilled() async throws {
        try await LimitedNode.with(27) { node in
            try await node.start(["run"], limits: CgroupResources(memoryMax: 64 << 20))
            let updated = CgroupResources(cpuWeight: 7, memoryMax: 70 << 20)
            try await node.runtime.updateContainer("main", in: "a", resources: updated)
            try await node.runtime.updateSandbox("a", resources: CgroupResources(memoryMax: 80 << 20))
            let found = try #require(try await node.runtime.recover().first)
            #expect(found.configuration.resources == CgroupResources(memoryMax: 80 << 20))
            #expect(found.containers.first?.resources == updated)
        }
    }
}
