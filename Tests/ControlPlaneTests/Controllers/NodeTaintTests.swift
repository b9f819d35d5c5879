import KubernetesAPI
import Testing

@testable import ControlPlane

/// Nodes that should get no pods carry a taint that says why.
@Suite struct NodeTaintTests {
    private func taints(
        _ conditions: [(NodeConditionType, ConditionStatus)], unschedulable: Bool = false, present: [String] = []
    ) -> [String] {
        var node = Sample.node()
        node.status.conditions = conditions.map { type, status in
            var condition = NodeCondition()
            condition.type = type
            condition.status = status
            return condition
        }
        node.spec.unschedulable = unschedulable
        node.spec.taints = present.map { key in
            var taint = Taint()
            taint.key = key
            taint.effect = .noSchedule
            return taint
        }
        return NodeHealth.taints(node, now: Timestamp(seconds: 5)).map { "\($0.key):\($0.effect.rawValue)" }
    }

    @Test func conditionsBecomeTaints() {
        let well: [(NodeConditionType, ConditionStatus)] = [(.ready, .true), (.memoryPressure, .false)]
        #expect(taints(well).isEmpty)
        #expect(taints([]) == ["node.kubernetes.io/not-ready:NoSchedule"])
        #expect(taints([(.ready, .unknown)]) == ["node.kubernetes.io/unreachable:NoSchedule"])
        #expect(
            taints([(.ready, .true), (.memoryPressure, .true), (.diskPressure, .true), (.pidPressure, .true)]) == [
                "node.kubernetes.io/memory-pressure:NoSchedule", "node.kubernetes.io/disk-pressure:NoSchedule",
                "node.kubernetes.io/pid-pressure:NoSchedule",
            ])
        #expect(taints(well, unschedulable: true) == ["node.kubernetes.io/unschedulable:NoSchedule"])
    }

    @Test func theyGoWithTheConditionAndOthersStay() {
        #expect(
            taints(
                [(.ready, .true), (.memoryPressure, .false)],
                present: ["node.kubernetes.io/memory-pressure", "node.kubernetes.io/unschedulable", "mine"])
                == ["mine:NoSchedule"])
        #expect(
            taints([(.ready, .true), (.diskPressure, .true)], present: ["node.kubernetes.io/disk-pressure"])
                == ["node.kubernetes.io/disk-pressure:NoSchedule"])
    }
}

@Suite(.timeLimit(.minutes(1))) struct PressureSchedulingTests {
    @Test func aNodeUnderPressureTakesOnlyWhatToleratesIt() async throws {
        let clock = ManualClock()
        try await ControllerTestbed.run(time: clock.timeSource) { cluster in
            func setPressure(_ status: ConditionStatus) async throws {
                var node = try await cluster.client.get(Node.self, "node")
                node.status.conditions.removeAll { $0.type == .memoryPressure }
                var condition = NodeCondition()
                condition.type = .memoryPressure
                condition.status = status
                node.status.conditions.append(condition)
                _ = try await cluster.client.updateStatus(node)
            }
            try await setPressure(.true)
            try await cluster.api.until("tainted") {
                $0.one(Node.self, "node", "")?.spec.taints.contains { $0.key == "node.kubernetes.io/memory-pressure" }
                    ?? false
            }
            _ = try await cluster.client.create(Sample.pod("light"))
            var tolerant = Sample.pod("tolerant")
            var toleration = Toleration()
            toleration.key = "node.kubernetes.io/memory-pressure"
            toleration.operator = .exists
            tolerant.spec.tolerations = [toleration]
            _ = try await cluster.client.create(tolerant)
            try await cluster.api.until("bound") { $0.one(Pod.self, "tolerant")?.spec.nodeName == "node" }
            try await cluster.api.until("told") { snapshot in
                snapshot.one(Pod.self, "light")?.status.conditions.contains {
                    $0.message
                        == "0/1 nodes are available: 1 node(s) had untolerated taint(s). preemption: "
                        + "0/1 nodes are available: 1 Preemption is not helpful for scheduling."
                } ?? false
            }
            try await setPressure(.false)
            try await cluster.api.until("untainted") { $0.one(Node.self, "node", "")?.spec.taints.isEmpty ?? false }
            clock.advance(by: .seconds(2))
            try await cluster.api.until("bound") { $0.one(Pod.self, "light")?.spec.nodeName == "node" }
        }
    }
}
