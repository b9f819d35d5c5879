import LinuxKernel
import Testing

@testable import PodRuntime

/// Live updates: which file is written when, and what is left where one is refused.
@Suite struct CgroupUpdateTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run

    private static let all: Set<String> = ["cpu", "memory", "pids", "cpuset", "io", "hugetlb"]

    /// The writes, as `file line`.
    private func changes(
        _ controller: any CgroupController.Type, from old: CgroupResources, to new: CgroupResources
    ) -> [String] {
        controller.changes(from: controller.settings(for: old), to: new).map(\.words)
    }

    @Test func whatGetsLessComesFirstFromTheInsideOut() {
        #expect(
            changes(
                MemoryController.self,
                from: CgroupResources(memoryMin: 10, memoryLow: 20, memoryHigh: 90, memoryMax: 100),
                to: CgroupResources(memoryMin: 5, memoryLow: 8, memoryHigh: 40, memoryMax: 50))
                == ["memory.min 5", "memory.low 8", "memory.high 40", "memory.max 50"])
    }

    @Test func whatGetsMoreComesLastFromTheOutsideIn() {
        #expect(
            changes(
                MemoryController.self, from: CgroupResources(memoryMin: 5, memoryLow: 8, memoryHigh: 40, memoryMax: 50),
                to: CgroupResources(memoryMin: 10, memoryLow: 20, memoryHigh: 90, memoryMax: 100))
                == ["memory.max 100", "memory.high 90", "memory.low 20", "memory.min 10"])
    }

    @Test func boundsAreNotCrossedWhereSomeGrowAndSomeShrink() {
        #expect(
            changes(
                MemoryController.self, from: CgroupResources(memoryMin: 10, memoryHigh: 60, memoryMax: 100),
                to: CgroupResources(memoryMin: 40, memoryHigh: 70, memoryMax: 80))
                == ["memory.max 80", "memory.high 70", "memory.min 40"])
    }

    @Test func whatIsNoLongerSaidGoesBackToTheDefault() {
        #expect(
            changes(
                MemoryController.self,
                from: CgroupResources(
                    memoryMin: 1, memoryLow: 2, memoryHigh: 3, memoryMax: 4, memorySwapHigh: 5, oomGroup: true),
                to: CgroupResources())
                == [
                    "memory.oom.group 0", "memory.min 0", "memory.low 0", "memory.max max", "memory.high max",
                    "memory.swap.max max", "memory.swap.high max",
                ])
        #expect(
            changes(
                CpuController.self, from: CgroupResources(cpuQuota: 5000, cpuBurst: 100, cpuWeight: 7),
                to: CgroupResources()) == ["cpu.max.burst 0", "cpu.weight 100", "cpu.max max 100000"])
        #expect(
            changes(PidsController.self, from: CgroupResources(pidsMax: 3), to: CgroupResources()) == ["pids.max max"])
        #expect(
            changes(CpusetController.self, from: CgroupResources(cpus: "1"), to: CgroupResources()) == [
                "cpuset.cpus \n"
            ])
        #expect(
            changes(
                IOController.self, from: CgroupResources(ioMax: [IOLimit(device: "8:0", readBytes: 1)], ioWeight: 5),
                to: CgroupResources(ioMax: [IOLimit(device: "8:16", readBytes: 1)]))
                == [
                    "io.max 8:0 rbps=max wbps=max riops=max wiops=max", "io.weight default 100",
                    "io.max 8:16 rbps=1 wbps=max riops=max wiops=max",
                ])
    }

    @Test func aBurstIsNeverAboveItsQuota() {
        let small = CgroupResources(cpuQuota: 10_000, cpuBurst: 5000)
        let large = CgroupResources(cpuQuota: 40_000, cpuBurst: 20_000)
        #expect(changes(CpuController.self, from: small, to: large) == ["cpu.max 40000 100000", "cpu.max.burst 20000"])
        #expect(changes(CpuController.self, from: large, to: small) == ["cpu.max.burst 5000", "cpu.max 10000 100000"])
    }

    @Test func aWeightIsWrittenOnlyWhileTheGroupIsNotIdle() {
        let idle = CgroupResources(cpuIdle: true)
        let weighted = CgroupResources(cpuWeight: 500)
        #expect(changes(CpuController.self, from: weighted, to: idle) == ["cpu.idle 1"])
        #expect(changes(CpuController.self, from: idle, to: weighted) == ["cpu.idle 0", "cpu.weight 500"])
    }

    // MARK: Files

    private func pod(_ resources: CgroupResources) throws -> (CgroupTree, path: String) {
        let tree = try CgroupTree.test(directory, controllers: Self.all)
        try tree.prepare()
        return (tree, try tree.makePod(id: "a", qos: .burstable, resources: resources, bestEffort: false))
    }

    private func file(_ name: String) -> String? { directory.read("slice/mkl/burstable/poda/\(name)") }

    @Test func allControllersHaveTheirFiles() throws {
        let (tree, path) = try pod(
            CgroupResources(
                cpuQuota: 20_000, cpuPeriod: 50_000, cpuBurst: 1000, cpuWeight: 3, memoryHigh: 8192, memoryMax: 16384,
                pidsMax: 9, hugePages: ["2MB": 2 << 20], cpus: "0", memoryNodes: "0",
                ioMax: [IOLimit(device: "8:0", writeOperations: 7)], ioWeight: 50))
        #expect(directory.read("slice/mkl/cgroup.subtree_control") == "+cpu +memory +pids +cpuset +io +hugetlb")
        #expect(file("cpu.max") == "20000 50000")
        #expect(file("cpu.max.burst") == "1000")
        #expect(file("cpu.weight") == "3")
        #expect(file("memory.high") == "8192")
        #expect(file("memory.max") == "16384")
        #expect(file("memory.swap.max") == "0")
        #expect(file("pids.max") == "9")
        #expect(file("hugetlb.2MB.max") == "2097152")
        #expect(file("cpuset.cpus") == "0")
        #expect(file("cpuset.mems") == "0")
        #expect(file("io.max") == "8:0 rbps=max wbps=max riops=max wiops=7")
        #expect(file("io.weight") == "default 50")

        try tree.update(path, to: CgroupResources(cpuWeight: 4, memoryMax: 32768), bestEffort: false)
        #expect(file("cpu.max") == "max 100000")
        #expect(file("cpu.max.burst") == "0")
        #expect(file("cpu.weight") == "4")
        #expect(file("memory.high") == "max")
        #expect(file("memory.max") == "32768")
        #expect(file("pids.max") == "max")
        #expect(file("hugetlb.2MB.max") == "max")
        #expect(file("cpuset.cpus") == "\n")
        #expect(file("io.max") == "8:0 rbps=max wbps=max riops=max wiops=max")
        #expect(file("io.weight") == "default 100")
    }

    @Test func aFailureTakesBackWhatWasWritten() throws {
        let (tree, path) = try pod(CgroupResources(cpuQuota: 20_000, memoryHigh: 4096, memoryMax: 8192, pidsMax: 5))
        // A directory in the place of the file cannot be written.
        try FileAccess.remove(path + "/pids.max")
        try FileAccess.makeDirectory(path + "/pids.max")
        #expect(throws: RuntimeError.self) {
            try tree.update(
                path, to: CgroupResources(cpuQuota: 40_000, memoryHigh: 2048, memoryMax: 16384, pidsMax: 6),
                bestEffort: false)
        }
        #expect(file("cpu.max") == "20000 100000")
        #expect(file("memory.high") == "4096")
        #expect(file("memory.max") == "8192")
    }

    @Test func memoryInUseIsNotTakenAway() throws {
        let (tree, path) = try pod(CgroupResources(cpuWeight: 7, memoryMax: 1 << 20))
        try directory.write("slice/mkl/burstable/poda/memory.current", "900000\n")
        try directory.write("slice/mkl/burstable/poda/memory.stat", "inactive_file 100000\nactive_file 1\n")
        let error = #expect(throws: RuntimeError.self) {
            try tree.update(path, to: CgroupResources(cpuWeight: 9, memoryMax: 500_000), bestEffort: false)
        }
        #expect(error?.kind == .memoryInUse)
        #expect(error?.message == "memory.max 500000 is below what is in use: 900000 bytes")
        #expect(file("memory.max") == "\(1 << 20)")
        #expect(file("cpu.weight") == "7")
        // Nothing was reclaimed either: it would not have been enough.
        #expect(file("memory.reclaim") == nil)
        try tree.update(path, to: CgroupResources(memoryMax: 900_000), bestEffort: false)
        #expect(file("memory.max") == "900000")
    }

    @Test func pageCacheIsGivenBackFirst() throws {
        let (tree, path) = try pod(CgroupResources(memoryMax: 1 << 20))
        try directory.write("slice/mkl/burstable/poda/memory.current", "900000\n")
        try directory.write("slice/mkl/burstable/poda/memory.stat", "inactive_file 300000\nactive_file 200000\n")
        // No kernel reclaims here, so it stays as it is; but it was asked to.
        let error = #expect(throws: RuntimeError.self) {
            try tree.update(path, to: CgroupResources(memoryMax: 500_000), bestEffort: false)
        }
        #expect(error?.kind == .memoryInUse)
        #expect(file("memory.reclaim") == "400000")
    }

    @Test func cpusThatAreNotThereAreRefused() throws {
        let tree = try CgroupTree.test(directory, controllers: Self.all)
        try tree.prepare()
        try directory.write("slice/mkl/burstable/cpuset.cpus.effective", "0-1\n")
        let error = #expect(throws: RuntimeError.self) {
            try tree.makePod(id: "b", qos: .burstable, resources: CgroupResources(cpus: "1-3"), bestEffort: false)
        }
        #expect(error?.kind == .configuration)
        #expect(error?.message == "cpuset.cpus 1-3: 2-3 cannot be had, only 0-1")
        #expect(try tree.pods().isEmpty)
    }

    @Test func aCgroupThatIsGoneIsNotFound() throws {
        let tree = try CgroupTree.test(directory, controllers: Self.all)
        let error = #expect(throws: RuntimeError.self) {
            try tree.update(directory.path + "/none", to: CgroupResources(cpuWeight: 1), bestEffort: false)
        }
        #expect(error?.kind == .notFound)
    }

    @Test func factsOfAnEarlierVersionCanBeRead() throws {
        let path = directory.path + "/facts"
        try directory.write("facts", #"{"cpuPeriod": 100000, "cpuWeight": 5, "memoryMax": 77, "oomGroup": true}"#)
        #expect(
            try Facts.read(CgroupResources.self, from: path)
                == CgroupResources(cpuWeight: 5, memoryMax: 77, oomGroup: true))
    }
}
