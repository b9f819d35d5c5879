import Testing

@testable import PodRuntime

/// What each controller writes for a set of resources: the kernel's file formats (admin-guide/cgroup-v2) as a table.
@Suite struct ControllerTests {
    private func lines(_ controller: any CgroupController.Type, _ resources: CgroupResources) -> [String] {
        controller.settings(for: resources).map(\.words)
    }

    @Test(arguments: [
        (CgroupResources(), []),
        (CgroupResources(cpuQuota: 50_000, cpuWeight: 79), ["cpu.weight 79", "cpu.max 50000 100000"]),
        (CgroupResources(cpuQuota: 10, cpuPeriod: 1000), ["cpu.max 1000 1000"]),
        (CgroupResources(cpuQuota: .max), []),
        (CgroupResources(cpuWeight: 0), ["cpu.weight 1"]),
        (CgroupResources(cpuWeight: 20_000), ["cpu.weight 10000"]),
        (CgroupResources(cpuWeight: 100), []),
        (CgroupResources(cpuQuota: 20_000, cpuBurst: 5000), ["cpu.max.burst 5000", "cpu.max 20000 100000"]),
        (CgroupResources(cpuWeight: 50, cpuIdle: true), ["cpu.idle 1"]),
        (CgroupResources(cpuWeight: 50, cpuIdle: false), ["cpu.weight 50"]),
    ])
    func cpu(resources: CgroupResources, expected: [String]) {
        #expect(lines(CpuController.self, resources) == expected)
    }

    @Test(arguments: [
        (CgroupResources(), []),
        (
            CgroupResources(memoryMax: 4096, oomGroup: true),
            ["memory.oom.group 1", "memory.swap.max 0", "memory.max 4096"]
        ),
        (CgroupResources(memoryMax: 4096, memorySwapMax: 8192), ["memory.swap.max 8192", "memory.max 4096"]),
        // Swap without a bound is said explicitly.
        (CgroupResources(memoryMax: 4096, memorySwapMax: .max), ["memory.max 4096"]),
        (CgroupResources(memoryMax: .max), []),
        (CgroupResources(memorySwapMax: 0), ["memory.swap.max 0"]),
        (
            CgroupResources(memoryMin: 1, memoryLow: 2, memoryHigh: 3, memoryMax: 4, memorySwapHigh: 5),
            [
                "memory.swap.high 5", "memory.swap.max 0", "memory.min 1", "memory.low 2", "memory.high 3",
                "memory.max 4",
            ]
        ),
    ])
    func memory(resources: CgroupResources, expected: [String]) {
        #expect(lines(MemoryController.self, resources) == expected)
    }

    @Test(arguments: [
        (CgroupResources(ioWeight: 100), []),
        (CgroupResources(ioWeight: 250), ["io.weight default 250"]),
        (
            CgroupResources(ioMax: [IOLimit(device: "8:16", writeBytes: 1 << 20)]),
            ["io.max 8:16 rbps=max wbps=1048576 riops=max wiops=max"]
        ),
        (
            CgroupResources(ioMax: [
                IOLimit(device: "8:0", readBytes: 1, readOperations: 2, writeOperations: 3), IOLimit(device: "7:1"),
            ]),
            ["io.max 8:0 rbps=1 wbps=max riops=2 wiops=3", "io.max 7:1 rbps=max wbps=max riops=max wiops=max"]
        ),
    ])
    func io(resources: CgroupResources, expected: [String]) {
        #expect(lines(IOController.self, resources) == expected)
    }

    @Test func pidsHugePagesAndCPUs() {
        #expect(lines(PidsController.self, CgroupResources(pidsMax: 5)) == ["pids.max 5"])
        #expect(lines(PidsController.self, CgroupResources(pidsMax: .max)).isEmpty)
        #expect(
            lines(HugetlbController.self, CgroupResources(hugePages: ["2MB": 4 << 20, "1GB": 0]))
                == ["hugetlb.1GB.max 0", "hugetlb.2MB.max 4194304"])
        #expect(
            lines(CpusetController.self, CgroupResources(cpus: "0-1", memoryNodes: "0"))
                == ["cpuset.cpus 0-1", "cpuset.mems 0"])
        #expect(lines(CpusetController.self, CgroupResources(cpus: "")).isEmpty)
    }

    @Test func sharesAreNoLimitsAndAllElseIs() {
        let shares = CgroupResources(cpuWeight: 5, memorySwapMax: 0, oomGroup: true)
        #expect(HostCapabilities.test().unenforced(shares).isEmpty)
        let limits = CgroupResources(
            cpuQuota: 5000, cpuBurst: 1, cpuIdle: true, memoryMin: 1, memoryLow: 1, memoryHigh: 1, memoryMax: 1,
            memorySwapMax: 1, memorySwapHigh: 1, pidsMax: 1, hugePages: ["2MB": 0], cpus: "0", memoryNodes: "0",
            ioMax: [IOLimit(device: "8:0")], ioWeight: 1)
        let files = HostCapabilities.test().unenforced(limits).map { $0.setting.prefix { $0 != " " } }
        #expect(
            Set(files) == [
                "cpu.idle", "cpu.max.burst", "cpu.max", "memory.min", "memory.low", "memory.high", "memory.max",
                "memory.swap.max", "memory.swap.high", "pids.max", "hugetlb.2MB.max", "cpuset.cpus", "cpuset.mems",
                "io.max", "io.weight",
            ])
    }

    @Test func aFileThatThisKernelLacksIsSaid() {
        var host = HostCapabilities.test(controllers: ["io"])
        host.missingFiles = ["io.weight": "this kernel has no io.weight"]
        #expect(
            host.unenforced(CgroupResources(ioWeight: 5)).map(\.description)
                == ["io.weight default 5 cannot be enforced: this kernel has no io.weight"])
        #expect(host.unenforced(CgroupResources(ioMax: [IOLimit(device: "8:0")])).isEmpty)
    }

    @Test(arguments: [
        ("8", "name a device as major:minor or by its path"), ("8:x", "name a device as major:minor or by its path"),
        ("/none", "no such file or directory"), ("/dev/null", "not a block device"), ("/proc", "not a block device"),
    ])
    func devicesThatAreNoneAreRefused(device: String, why: String) {
        let error = #expect(throws: RuntimeError.self) { try IOController.resolve([IOLimit(device: device)]) }
        #expect(error?.kind == .configuration)
        #expect(error?.message == "io.max \(device): \(why)")
    }

    @Test func aDeviceMayBeNamedOnce() {
        let error = #expect(throws: RuntimeError.self) {
            try IOController.resolve([IOLimit(device: "8:0"), IOLimit(device: "08:0")])
        }
        #expect(error?.message == "io.max 08:0: device 8:0 is named twice")
    }

    @Test(
        arguments: [
            ("0", [0]), ("0-2", [0, 1, 2]), ("0-1,3", [0, 1, 3]), ("3,1", [1, 3]), ("", []), ("a", nil), ("1-", nil),
            ("2-1", nil), ("0,", nil), ("-1", nil), ("0-9999", nil),
        ] as [(String, [Int]?)])
    func lists(text: String, numbers: [Int]?) {
        #expect(NumberList(text)?.numbers == numbers.map(Set.init))
    }

    @Test func listsAreWrittenInRanges() {
        #expect("\(NumberList([3, 0, 1, 2, 7, 9, 10]))" == "0-3,7,9-10")
        #expect("\(NumberList([]))".isEmpty)
    }
}
