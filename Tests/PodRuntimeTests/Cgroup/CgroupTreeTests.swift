import Foundation
import Testing

// Foundation has a type of that name, too.
import enum PodRuntime.QualityOfService

@testable import PodRuntime

@Suite struct CgroupTreeTests {
    let directory = try! TemporaryDirectory()  // a test without a temporary directory cannot run

    func tree(controllers: Set<String> = ["cpu", "memory", "pids"], missing: [String: String] = [:]) throws
        -> CgroupTree
    {
        try CgroupTree.test(directory, controllers: controllers, missing: missing)
    }

    @Test func preparationEnablesControllersDownToThePods() throws {
        try tree().prepare()
        for path in ["", "slice/", "slice/mkl/", "slice/mkl/burstable/", "slice/mkl/besteffort/"] {
            #expect(directory.read(path + "cgroup.subtree_control") == "+cpu +memory +pids")
        }
        #expect(directory.read("slice/mkl-system/cgroup.subtree_control") == nil)
    }

    @Test func controllersThatAreEnabledAreNotWrittenAgain() throws {
        try directory.write("cgroup.subtree_control", "cpu io memory\n")
        try tree().prepare()
        #expect(directory.read("cgroup.subtree_control")?.hasPrefix("+pids") == true)
    }

    @Test(arguments: [
        (QualityOfService.guaranteed, "slice/mkl/poda"), (.burstable, "slice/mkl/burstable/poda"),
        (.bestEffort, "slice/mkl/besteffort/poda"),
    ])
    func podsStandWhereTheKubeletPutsThem(qos: QualityOfService, place: String) throws {
        let tree = try tree()
        try tree.prepare()
        let path = try tree.makePod(id: "a", qos: qos, resources: CgroupResources(), bestEffort: false)
        #expect(path == directory.path + "/" + place)
        #expect(directory.read(place + "/cgroup.subtree_control") == "+cpu +memory +pids")
        #expect(try tree.pods() == ["a": path])
    }

    @Test func aContainerGetsItsLimitsAndNoControllersBelow() throws {
        let tree = try tree()
        try tree.prepare()
        let pod = try tree.makePod(id: "a", qos: .burstable, resources: CgroupResources(), bestEffort: false)
        let handle = try tree.makeContainer(
            podPath: pod, name: "web", attempt: 3,
            resources: CgroupResources(
                cpuQuota: 50_000, cpuPeriod: 100_000, cpuWeight: 79, memoryMax: 64 << 20, pidsMax: 32, oomGroup: true),
            bestEffort: false)
        let place = "slice/mkl/burstable/poda/web-3/"
        #expect(handle.path == directory.path + "/" + place.dropLast())
        #expect(directory.read(place + "cpu.max") == "50000 100000")
        #expect(directory.read(place + "cpu.weight") == "79")
        #expect(directory.read(place + "memory.max") == "67108864")
        #expect(directory.read(place + "memory.swap.max") == "0")
        #expect(directory.read(place + "memory.oom.group") == "1")
        #expect(directory.read(place + "pids.max") == "32")
        #expect(directory.read(place + "cgroup.subtree_control") == nil)
    }

    @Test func anAttemptThatIsThereAlreadyIsAnError() throws {
        let tree = try tree()
        try tree.prepare()
        let pod = try tree.makePod(id: "a", qos: .guaranteed, resources: CgroupResources(), bestEffort: false)
        func make() throws {
            _ = try tree.makeContainer(
                podPath: pod, name: "c", attempt: 0, resources: CgroupResources(), bestEffort: false)
        }
        try make()
        let error = #expect(throws: RuntimeError.self) { try make() }
        #expect(error?.kind == .alreadyExists)
    }

    @Test func aLimitThatCannotBeEnforcedIsRefusedWithItsRemedy() throws {
        let tree = try tree(controllers: ["cpu"], missing: ["memory": "the memory controller is bound to cgroup v1"])
        try tree.prepare()
        let error = #expect(throws: RuntimeError.self) {
            try tree.makePod(
                id: "a", qos: .guaranteed, resources: CgroupResources(cpuQuota: 5000, memoryMax: 4096),
                bestEffort: false)
        }
        #expect(error?.kind == .unenforceable)
        #expect(
            error?.message == "memory.max 4096 cannot be enforced: the memory controller is bound to cgroup v1")
        #expect(try tree.pods().isEmpty)
    }

    @Test func bestEffortLeavesOutWhatCannotBeEnforced() throws {
        let tree = try tree(controllers: ["cpu"], missing: ["memory": "gone"])
        try tree.prepare()
        let resources = CgroupResources(cpuQuota: 5000, memoryMax: 4096)
        _ = try tree.makePod(id: "a", qos: .guaranteed, resources: resources, bestEffort: true)
        #expect(directory.read("slice/mkl/poda/cpu.max") == "5000 100000")
        #expect(directory.read("slice/mkl/poda/memory.max") == nil)
        #expect(
            tree.capabilities.unenforced(resources).map(\.description) == ["memory.max 4096 cannot be enforced: gone"])
    }

    @Test func aWeightAloneIsNoLimit() throws {
        #expect(try tree(controllers: []).capabilities.unenforced(CgroupResources(cpuWeight: 1)).isEmpty)
    }

    @Test(arguments: ["", "a/b", "..", ".", "a\nb"])
    func namesThatAreNoPathComponentAreRefused(name: String) throws {
        let tree = try tree()
        try tree.prepare()
        #expect(throws: RuntimeError.self) {
            try tree.makePod(id: name, qos: .guaranteed, resources: CgroupResources(), bestEffort: false)
        }
    }

    @Test func theParentHasToBeBelowTheMount() {
        #expect(throws: RuntimeError.self) {
            try CgroupTree(parent: "/elsewhere/mkl", root: directory.path, capabilities: .test())
        }
        #expect(throws: RuntimeError.self) {
            try CgroupTree(parent: directory.path + "/../mkl", root: directory.path, capabilities: .test())
        }
    }

    @Test func oomKillsAreReadFromMemoryEvents() throws {
        try directory.write("c/memory.events", "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n")
        let tree = try tree()
        #expect(tree.oomKills(directory.path + "/c") == 2)
        #expect(tree.memoryEvents(directory.path + "/c")?.oomGroupKill == 1)
        #expect(tree.oomKills(directory.path + "/none") == 0)
    }
}

extension HostCapabilities {
    static func test(controllers: Set<String> = [], missing: [String: String] = [:]) -> HostCapabilities {
        HostCapabilities(
            controllers: controllers, missing: missing, memoryBytes: 1 << 30, cpuCount: 2, kernelRelease: "6.1.0",
            bootID: "boot", hugePages: [HugePages(name: "2MB", pageBytes: 2 << 20, pages: 0)])
    }
}

extension CgroupTree {
    static func test(
        _ directory: TemporaryDirectory, controllers: Set<String>, missing: [String: String] = [:]
    ) throws -> CgroupTree {
        try CgroupTree(
            parent: directory.path + "/slice/mkl", root: directory.path,
            capabilities: .test(controllers: controllers, missing: missing), creationFlags: O_CREAT | O_TRUNC)
    }
}

@Suite struct HostDetectionTests {
    static let hybrid = """
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
        """

    @Test func theHybridMountIsFound() {
        let mount = CgroupMount.parse(Self.hybrid)
        #expect(mount.unified == "/sys/fs/cgroup/unified")
        #expect(mount.legacy == ["cpu": "/sys/fs/cgroup/cpu", "memory": "/sys/fs/cgroup/memory"])
    }

    @Test func theUnifiedMountWinsOverBindsOfIt() {
        let mount = CgroupMount.parse(
            """
            50 23 0:26 / /srv/pod\\040a/sys/fs/cgroup ro - cgroup2 cgroup2 rw
            29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
            """)
        #expect(mount == CgroupMount(unified: "/sys/fs/cgroup"))
        #expect(CgroupMount.unescape("/srv/pod\\040a") == "/srv/pod a")
    }

    @Test func eachMissingControllerHasItsReasonAndRemedy() {
        let (controllers, missing) = HostCapabilities.assess(
            mount: CgroupMount.parse(Self.hybrid), offered: "hugetlb",
            kernelTable: "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t1\t1\nmemory\t4\t1\t1\npids\t8\t1\t1\n"
        )
        #expect(controllers == ["hugetlb"])
        #expect(missing["cpu"]?.hasPrefix("the cpu controller is bound to cgroup v1 at /sys/fs/cgroup/cpu") == true)
        #expect(missing["memory"]?.contains("systemd.unified_cgroup_hierarchy=1") == true)
        #expect(missing["pids"]?.contains("hierarchy 8") == true)
    }

    @Test func theIOControllerIsFoundUnderItsOldName() {
        let mount = CgroupMount(unified: "/sys/fs/cgroup/unified", legacy: ["blkio": "/sys/fs/cgroup/blkio"])
        let missing = HostCapabilities.assess(mount: mount, offered: "", kernelTable: "").missing
        #expect(missing["io"]?.hasPrefix("the io controller is bound to cgroup v1 at /sys/fs/cgroup/blkio") == true)
    }

    @Test func controllersThatNothingIsWrittenForAreNotTold() {
        let mount = CgroupMount(unified: "/sys/fs/cgroup")
        let controllers = HostCapabilities.assess(mount: mount, offered: "cpu rdma misc", kernelTable: "").controllers
        #expect(controllers == ["cpu"])
    }

    @Test func hugePagesAreNamedAsTheCgroupFilesAre() throws {
        let directory = try TemporaryDirectory()
        try directory.write("hugepages-1048576kB/nr_hugepages", "1\n")
        try directory.write("hugepages-2048kB/nr_hugepages", "16\n")
        try directory.write("hugepages-64kB/nr_hugepages", "0\n")
        #expect(
            HostCapabilities.hugePages(directory.path) == [
                HostCapabilities.HugePages(name: "64KB", pageBytes: 64 << 10, pages: 0),
                HostCapabilities.HugePages(name: "2MB", pageBytes: 2 << 20, pages: 16),
                HostCapabilities.HugePages(name: "1GB", pageBytes: 1 << 30, pages: 1),
            ])
        #expect(HostCapabilities.swapTotal("MemTotal: 4 kB\nSwapTotal:       2048 kB\n") == 2 << 20)
    }

    @Test func aDisabledControllerAndAMissingMountAreToldApart() {
        let table = "memory\t0\t1\t0\n"
        let disabled = HostCapabilities.assess(
            mount: CgroupMount(unified: "/sys/fs/cgroup"), offered: "cpu pids", kernelTable: table)
        #expect(disabled.missing.keys.sorted() == ["cpuset", "hugetlb", "io", "memory"])
        #expect(disabled.missing["memory"]?.contains("cgroup_disable=memory") == true)
        let unmounted = HostCapabilities.assess(mount: CgroupMount(unified: nil), offered: "", kernelTable: table)
        #expect(unmounted.missing.keys.sorted() == ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"])
        #expect(unmounted.missing["cpu"]?.contains("mount -t cgroup2") == true)
    }
}

/// On this host's own cgroup2 mount.
@Suite(.serialized, .enabled(if: isRoot, "needs root"))
struct CgroupPrivilegedTests {
    @Test func processesAreKilledAndTheTreeRemoved() throws {
        let root = try #require(CgroupMount.find().unified)
        let tree = try CgroupTree(parent: root + "/mkl-runtime-test-\(getpid())")
        defer { try? tree.removeAll() }
        try tree.prepare()
        let pod = try tree.makePod(id: "a", qos: .burstable, resources: CgroupResources(), bestEffort: true)
        let container = try tree.makeContainer(
            podPath: pod, name: "c", attempt: 0, resources: CgroupResources(memoryMax: 1 << 30), bestEffort: true)
        let child = try tree.makeChild(of: container.path, name: "exec-1")

        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "echo $$ > \(child.path)/cgroup.procs; sleep 1000 & exec sleep 1000"]
        try process.run()
        // Populated when the shell has moved itself.
        let clock = ContinuousClock()
        let start = clock.now
        while try tree.processes(child.path).isEmpty, clock.now - start < .seconds(10) { usleep(1000) }
        #expect(try !tree.waitUnpopulated(pod, deadline: .milliseconds(20)))

        try tree.kill(pod)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        #expect(try tree.waitUnpopulated(pod, deadline: .seconds(5)))
        try tree.removeTree(pod)
        #expect(try tree.pods().isEmpty)
        try tree.removeTree(pod)
        try tree.removeAll()
        #expect(!FileManager.default.fileExists(atPath: tree.parent))
        #expect(!FileManager.default.fileExists(atPath: tree.system))
    }
}
