import KubernetesAPI
import PodRuntime
import Testing

@testable import NodeAgent

@Suite struct NodeAllocatableTests {
    private let capacity: [String: Quantity] = [
        "cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi",
    ]

    private let translation = CgroupTranslation(options: LimitOptions(), host: CgroupTranslation.Host())

    private func options(_ change: (inout PressureOptions) -> Void = { _ in }) -> PressureOptions {
        var options = PressureOptions()
        change(&options)
        return options
    }

    @Test func `capacity less reservations and hard thresholds`() {
        let division = NodeAllocatable(
            capacity: capacity, pids: 32768,
            options: options {
                $0.systemReserved = ["cpu": "500m", "memory": "1Gi", "ephemeral-storage": "10Gi", "pid": "1000"]
                $0.kubeReserved = ["cpu": "250m", "memory": "512Mi"]
            })
        #expect(
            division.allocatable == [
                "cpu": "3250m", "memory": "6556Mi", "pods": "110", "ephemeral-storage": "80Gi",
            ])
        // The limit of all pods is above what is allocatable: in between they are evicted.
        #expect(division.limits["memory"] == "6656Mi")
        #expect(division.limits["pid"] == "31768")
        #expect(division.problems.isEmpty)
        let cgroup = division.cgroup(translation)
        #expect(cgroup.memoryMax == 6656 << 20)
        #expect(cgroup.pidsMax == 31768)
        #expect(cgroup.cpuWeight == 127)
        #expect(cgroup.memorySwapMax == .max)
    }

    @Test func `the defaults`() {
        let division = NodeAllocatable(capacity: capacity, pids: nil, options: options())
        #expect(division.allocatable["cpu"] == "4")
        #expect(division.allocatable["memory"] == "7836Mi")
        #expect(division.allocatable["ephemeral-storage"] == "90Gi")
        #expect(division.cgroup(translation).pidsMax == nil)
    }

    @Test func `soft thresholds withhold nothing`() {
        let division = NodeAllocatable(
            capacity: capacity, pids: nil,
            options: options {
                $0.systemReserved = [:]
                $0.thresholds = [
                    EvictionThreshold(.memoryAvailable, .quantity("2Gi"), gracePeriod: .seconds(60))
                ]
            })
        #expect(division.allocatable["memory"] == "8Gi")
    }

    @Test func `huge pages are no memory any more`() {
        var capacity = capacity
        capacity["hugepages-2Mi"] = "1Gi"
        capacity["hugepages-1Gi"] = "2Gi"
        let division = NodeAllocatable(capacity: capacity, pids: nil, options: options { $0.systemReserved = [:] })
        #expect(division.allocatable["memory"] == "5020Mi")
        #expect(division.limits["memory"] == "5Gi")
        #expect(division.cgroup(translation).hugePages == ["2MB": 1 << 30, "1GB": 2 << 30])
    }

    @Test func `more than there is cannot be reserved`() {
        let division = NodeAllocatable(
            capacity: capacity, pids: 1000,
            options: options {
                $0.systemReserved = ["memory": "8Gi", "cpu": "4", "pid": "1001"]
            })
        #expect(division.allocatable["memory"] == "0")
        #expect(
            division.problems == [
                "memory: 8Gi reserved and 100Mi kept free by --eviction-hard are more than the node's 8Gi",
                "pid: 1001 reserved and 0 kept free by --eviction-hard are more than the node's 1k",
            ])
    }

    @Test func `what is not enforced is said with its reason`() {
        let missing = HostCapabilities(
            controllers: ["cpu"], missing: ["memory": "bound to v1", "io": "not built"], memoryBytes: 1, cpuCount: 1,
            kernelRelease: "6.1", bootID: "b")
        #expect(
            NodeFacts.unenforced(missing, bestEffort: true)
                == "cgroup v2 controllers missing: io, memory; such limits are not enforced. io: not built; "
                + "memory: bound to v1")
        #expect(NodeFacts.unenforced(missing, bestEffort: false)?.contains("pods with such limits are refused") == true)
        var all = missing
        all.missing = [:]
        #expect(NodeFacts.unenforced(all, bestEffort: false) == nil)
    }
}
