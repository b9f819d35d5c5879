import KubernetesAPI
import Testing

@testable import NodeAgent

struct CPUSetTests {
    @Test(arguments: [("", ""), ("0", "0"), ("0-3,8", "0-3,8"), ("3,2,1,0", "0-3"), ("5-5", "5"), ("0,2,4", "0,2,4")])
    func lists(text: String, shortest: String) { #expect(CPUSet(text)?.description == shortest) }

    @Test(arguments: ["a", "1-", "-1", "3-1", "0,,1", "0-99999", "1-2-3", " 1", "+1"])
    func noLists(text: String) { #expect(CPUSet(text) == nil) }
}

struct CPUTopologyTests {
    /// Two sockets of two cores with two threads each: 0 and 4, 1 and 5, 2 and 6, 3 and 7.
    static let eight = CPUTopology(online: "0-7") { cpu, file in
        file == "core_id" ? "\(cpu % 4 % 2)" : "\(cpu % 4 / 2)"
    }

    @Test func coresOfTheMachine() {
        #expect(Self.eight.cores == [[0, 4], [1, 5], [2, 6], [3, 7]])
        #expect(CPUTopology(online: "0-1") { _, _ in "" }.cores == [[0], [1]])
    }

    @Test(arguments: [
        (2, "0-7", "0,4"), (4, "0-7", "0-1,4-5"), (3, "0-7", "0-1,4"), (1, "1-7", "4"), (2, "1-7", "1,5"),
        (3, "2-7", "2,4,6"), (8, "0-7", "0-7"), (2, "4-5", "4-5"),
    ])
    func wholeCoresFirst(count: Int, free: String, chosen: String) throws {
        #expect(Self.eight.choose(count, from: try #require(CPUSet(free)))?.description == chosen)
    }

    @Test func tooFew() { #expect(Self.eight.choose(3, from: CPUSet([1, 2])) == nil) }
}

struct CPUManagerTests {
    private static func pod(_ name: String, _ cpus: [String], inits: [String] = [], memory: String = "1Gi") -> Pod {
        Pod.test(name, containers: cpus.indices.map { "c\($0)" }) {
            func set(_ container: inout Container, _ cpu: String) {
                container.resources.limits = ["cpu": Quantity(cpu), "memory": Quantity(memory)]
                container.resources.requests = container.resources.limits
            }
            for (index, cpu) in cpus.enumerated() { set(&$0.spec.containers[index], cpu) }
            $0.spec.initContainers = inits.enumerated().map { index, cpu in
                Container.test("i\(index)").with { set(&$0, cpu) }
            }
        }
    }

    private static var manager: CPUManager { CPUManager(topology: CPUTopologyTests.eight, reserved: CPUSet([0])) }

    @Test func wholeCPUsAreGivenAndTheRestIsShared() throws {
        var manager = Self.manager
        try manager.assign(Self.pod("a", ["2", "500m"]))
        #expect(manager.assignment(of: "c0", in: "uid-a").cpus.description == "1,5")
        #expect(manager.assignment(of: "c0", in: "uid-a").isExclusive)
        #expect(
            manager.assignment(of: "c1", in: "uid-a") == CPUAssignment(cpus: CPUSet("0,2-4,6-7")!, isExclusive: false))
        manager.release("uid-a")
        #expect(manager.shared.description == "0-7")
    }

    @Test func reservedCPUsAreNeverGiven() throws {
        var manager = Self.manager
        #expect(throws: CPUManager.Shortage(requested: 8, available: 7)) { try manager.assign(Self.pod("a", ["8"])) }
        try manager.assign(Self.pod("a", ["7"]))
        #expect(manager.shared.description == "0")
    }

    @Test func aPodGetsAllOrNothing() throws {
        var manager = Self.manager
        #expect(throws: CPUManager.Shortage.self) { try manager.assign(Self.pod("a", ["4", "4"])) }
        #expect(manager.shared.count == 8)
    }

    @Test func initContainersLeaveTheirsToTheOthers() throws {
        var manager = Self.manager
        try manager.assign(Self.pod("a", ["2", "1"], inits: ["3"]))
        let own = try #require(manager.assignments["uid-a"])
        #expect(own["c0"]!.union(own["c1"]!) == own["i0"])
        #expect(manager.shared.count == 5)
    }

    @Test func onlyGuaranteedPodsWithWholeCPUs() throws {
        var manager = Self.manager
        var burstable = Self.pod("a", ["2"])
        burstable.spec.containers[0].resources.requests["memory"] = "1Mi"
        try manager.assign(burstable)
        try manager.assign(Self.pod("b", ["1500m"]))
        try manager.assign(.test("c"))
        #expect(manager.assignments.isEmpty)
    }

    @Test func whatContainersRunOnIsTakenAfterARestart() throws {
        var manager = Self.manager
        manager.restore(Self.pod("a", ["2", "1"]), present: ["c0": "3,7", "c1": "0-7"])
        #expect(manager.assignment(of: "c0", in: "uid-a").cpus.description == "3,7")
        // A share is no assignment; the container gets its own with the next admission.
        #expect(!manager.assignment(of: "c1", in: "uid-a").isExclusive)
        try manager.assign(Self.pod("a", ["2", "1"]))
        #expect(manager.assignment(of: "c0", in: "uid-a").cpus.description == "3,7")
        #expect(manager.assignment(of: "c1", in: "uid-a").cpus.count == 1)
        // Nobody takes what another has.
        manager.restore(Self.pod("b", ["2"]), present: ["c0": "3,7"])
        #expect(manager.assignments["uid-b"] == nil)
    }
}
