import Foundation
import NodeHarness
import Testing

/// A node that runs short of memory.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: VirtualMachine.isHere, VirtualMachine.reason))
struct VMPressureTests {
    /// `memory.available` as the node sees it (docs/limits.md), MiB.
    private func availableMemory() throws -> Int {
        let meminfo = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8)
        let parts = ["MemFree:", "Inactive(file):", "SReclaimable:"]
        return meminfo.split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            guard words.count > 1, parts.contains(String(words[0])) else { return sum }
            return sum + (Int(words[1]) ?? 0) / 1024
        }
    }

    @Test func underMemoryPressureThePodThatTakesMoreThanItAskedForIsEvicted() async throws {
        // What the node itself will take is not known before it runs: it and the small pod stay above the threshold, and
        // the large one gets below it.
        let threshold = try availableMemory() - 600
        try await Node.with(["--eviction-hard", "memory.available<\(threshold)Mi"]) { node in
            let small = ["memory": "64Mi", "cpu": "100m"]
            try await node.run(LimitedPod("modest", ["touch", "32"], limits: small, requests: small))
            try await node.pod("modest") { $0.isRunning }
            try await node.run(LimitedPod("greedy", ["touch", "800"]))
            let evicted = try await node.pod("greedy") { $0.phase == "Failed" }
            #expect(evicted.status["reason"] as? String == "Evicted")
            let message = try #require(evicted.status["message"] as? String)
            #expect(
                message.hasPrefix(
                    "The node was low on resource: memory. Threshold quantity: \(threshold)Mi, available: "),
                "\(message)")
            #expect(message.contains("Container main was using "), "\(message)")
            #expect(evicted.condition("DisruptionTarget")?["reason"] as? String == "TerminationByKubelet")
            #expect(try await node.pod("modest") { _ in true }.isRunning)
            // The node says so, and takes no more of the kind for now.
            let condition = try await node.kubectl(
                "get", "node", "e2e", "-o", "jsonpath={.status.conditions[?(@.type=='MemoryPressure')].status}")
            #expect(condition.output == "True", "\(condition)")
            try await node.eventually("the node is tainted") {
                let taints = try await node.kubectl("get", "node", "e2e", "-o", "jsonpath={.spec.taints}")
                return (taints.output.contains("node.kubernetes.io/memory-pressure"), taints.description)
            }
        }
    }
}
