import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

/// What the node promises to whom, without a worker.
struct LedgerTests {
    private static func ledger() -> NodeLedger {
        NodeLedger(
            admission: NodeAdmission(allocatable: ["cpu": "4", "memory": "8Gi", "pods": "10"], labels: [:]),
            translation: CgroupTranslation(options: LimitOptions(), host: TranslationTests.host))
    }

    private static func pod(_ name: String, cpu: String, priority: Int32 = 0, guaranteed: Bool = false) -> Pod {
        .test(name) {
            $0.spec.priority = priority
            $0.spec.containers[0].resources.requests = ["cpu": Quantity(cpu), "memory": "1Mi"]
            if guaranteed { $0.spec.containers[0].resources.limits = ["cpu": Quantity(cpu), "memory": "1Mi"] }
        }
    }

    private static func granted(_ inbox: PodInbox) -> [PodAllocation] {
        inbox.take().compactMap { if case .resizeGranted(let allocation) = $0 { allocation } else { nil } }
    }

    @Test func aShrunkPodCountsUntilItsContainersHaveShrunk() {
        let ledger = Self.ledger()
        #expect(ledger.admit(Self.pod("a", cpu: "3"), isKnown: false) == nil)
        #expect(ledger.admit(Self.pod("b", cpu: "1"), isKnown: false) == nil)
        #expect(ledger.resize(Self.pod("a", cpu: "1")) == .granted)
        #expect(
            ledger.resize(Self.pod("b", cpu: "2"))
                == .deferred(
                    message: "Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000"))
        let inbox = PodInbox()
        ledger.attach(inbox, to: "uid-b")
        ledger.settle("uid-a")
        #expect(Self.granted(inbox) == [PodAllocation(Self.pod("b", cpu: "2").spec)])
        // It has been given: nothing more comes.
        ledger.release("uid-a")
        #expect(Self.granted(inbox).isEmpty)
    }

    @Test func theOrderOfThoseWhoWait() {
        let ledger = Self.ledger()
        _ = ledger.admit(Self.pod("big", cpu: "2"), isKnown: false)
        let waiting: [(String, Int32, Bool)] = [
            ("early", 0, false), ("late", 0, false), ("classy", 0, true), ("first", 100, false),
        ]
        var inboxes: [String: PodInbox] = [:]
        for (name, priority, guaranteed) in waiting {
            _ = ledger.admit(Self.pod(name, cpu: "500m", priority: priority, guaranteed: guaranteed), isKnown: false)
            let inbox = PodInbox()
            ledger.attach(inbox, to: "uid-\(name)")
            inboxes[name] = inbox
        }
        for (name, priority, guaranteed) in waiting {
            let wanted = Self.pod(name, cpu: "1200m", priority: priority, guaranteed: guaranteed)
            guard case .deferred = ledger.resize(wanted) else {
                #expect(Bool(false), "\(name) does not wait")
                return
            }
        }
        // Room for two of the four: 2000m are free, each asks for 700m more.
        ledger.release("uid-big")
        let given = inboxes.filter { !Self.granted($0.value).isEmpty }.map(\.key).sorted()
        #expect(given == ["classy", "first"])
        // 1200m are free again, enough for one of the others and a half.
        _ = ledger.admit(Self.pod("newcomer", cpu: "500m"), isKnown: false)
        ledger.release("uid-classy")
        #expect(inboxes.filter { !Self.granted($0.value).isEmpty }.map(\.key) == ["early"])
    }

    @Test func aResizeThatIsTakenBackWaitsNoMore() {
        let ledger = Self.ledger()
        _ = ledger.admit(Self.pod("a", cpu: "3"), isKnown: false)
        _ = ledger.admit(Self.pod("b", cpu: "1"), isKnown: false)
        let inbox = PodInbox()
        ledger.attach(inbox, to: "uid-b")
        _ = ledger.resize(Self.pod("b", cpu: "2"))
        ledger.withdraw("uid-b")
        ledger.release("uid-a")
        #expect(Self.granted(inbox).isEmpty)
    }

    @Test func memoryIsNamedBeforeCPU() {
        let ledger = Self.ledger()
        _ = ledger.admit(Self.pod("a", cpu: "1"), isKnown: false)
        var wanted = Self.pod("a", cpu: "5")
        wanted.spec.containers[0].resources.requests["memory"] = "9Gi"
        #expect(
            ledger.resize(wanted)
                == .infeasible(
                    message: "Node didn't have enough capacity: memory, requested: 9663676416, capacity: 8589934592"))
    }

    // MARK: Order of changes

    @Test func betweenTwoValuesThePodHasTheLooserOfEach() {
        let small = CgroupResources(
            cpuQuota: 50_000, cpuWeight: 10, memoryHigh: 5, memoryMax: 10, memorySwapMax: 0, pidsMax: 7)
        let large = CgroupResources(cpuQuota: 100_000, cpuWeight: 20, memoryMax: 20, memorySwapMax: 5, pidsMax: 9)
        let between = CgroupResources(
            cpuQuota: 100_000, cpuWeight: 20, memoryMax: 20, memorySwapMax: 5, pidsMax: 9)
        #expect(small.loosened(towards: large) == between)
        var down = between
        down.cpuWeight = 10
        #expect(large.loosened(towards: small) == down)
        // No limit is looser than any.
        #expect(CgroupResources().loosened(towards: small).memoryMax == nil)
        #expect(CgroupResources().loosened(towards: small).cpuQuota == nil)
        #expect(small.isTighter(than: large) && !large.isTighter(than: small))
        #expect(small.isTighter(than: CgroupResources()) && !CgroupResources().isTighter(than: small))
    }

    // MARK: On disk

    @Test func anAllocationIsReadBack() throws {
        var pod = Self.pod("a", cpu: "1", guaranteed: true)
        pod.spec.resources = ResourceRequirements()
        pod.spec.resources?.limits = ["cpu": "2"]
        pod.spec.initContainers = [.test("i")]
        let allocation = PodAllocation(pod.spec)
        #expect(PodAllocation(text: allocation.text) == allocation)
        #expect(allocation.applied(to: pod).spec.resources?.limits == ["cpu": "2"])
        #expect(PodAllocation(text: "{") == nil)
        let store = AllocationStore(directory: "/nonexistent")
        #expect(throws: RuntimeError.self) { try store.write(allocation, of: "../x") }
        #expect(store.all().allocations.isEmpty)
    }
}
