import KubernetesAPI
import Testing

@testable import NodeAgent

@Suite struct EvictionRankingTests {
    private static let mebibyte: Int64 = 1 << 20

    private func candidate(
        _ name: String, priority: Int32 = 0, memory: Int64? = nil, request: String? = nil, storage: Int64? = nil,
        inodes: Int64? = nil, processes: Int64? = nil, isKnown: Bool = true
    ) -> EvictionCandidate {
        let pod = Pod.test(name) { pod in
            pod.spec.priority = priority
            if let request {
                pod.spec.containers[0].resources.requests = [
                    "memory": Quantity(request), "ephemeral-storage": Quantity(request),
                ]
            }
        }
        let usage = PodUsage(
            memory: memory.map { $0 * Self.mebibyte }, processes: processes,
            storage: storage.map { $0 * Self.mebibyte },
            inodes: inodes)
        return EvictionCandidate(pod: pod, usage: isKnown ? usage : nil)
    }

    private func order(_ resource: EvictionResource, _ candidates: EvictionCandidate...) -> [String] {
        // Whatever order they come in.
        let orders = [candidates, candidates.reversed()].map { candidates in
            EvictionRanking.order(candidates, for: resource).map(\.pod.metadata.name)
        }
        #expect(orders[0] == orders[1])
        return orders[0]
    }

    @Test func `memory: who exceeds requests, then priority, then the excess`() {
        #expect(
            order(
                .memory, candidate("within", memory: 900, request: "1Gi"),
                candidate("little", memory: 20, request: "10Mi"),
                candidate("much", memory: 500, request: "100Mi"), candidate("besteffort", memory: 450),
                candidate("precious", priority: 1000, memory: 900), candidate("cheap", priority: -10, memory: 1))
                == ["cheap", "besteffort", "much", "little", "precious", "within"])
    }

    @Test func `of those within their requests the lowest priority is first, then the closest to it`() {
        #expect(
            order(
                .memory, candidate("far", memory: 10, request: "100Mi"),
                candidate("near", memory: 90, request: "100Mi"),
                candidate("low", priority: -1, memory: 1, request: "100Mi"),
                candidate("exact", memory: 100, request: "100Mi")) == ["low", "exact", "near", "far"])
    }

    @Test func `a pod of which nothing is known goes first`() {
        #expect(
            order(.memory, candidate("big", memory: 999), candidate("unknown", isKnown: false)) == ["unknown", "big"])
        // On a host that tells of no pod, priority decides.
        #expect(order(.memory, candidate("a", priority: 5), candidate("b", priority: 1)) == ["b", "a"])
    }

    @Test func `storage and inodes, likewise`() {
        #expect(
            order(
                .ephemeralStorage, candidate("within", request: "1Gi", storage: 500), candidate("over", storage: 100),
                candidate("precious", priority: 9, storage: 900)) == ["over", "precious", "within"])
        #expect(
            order(.inodes, candidate("few", request: "1Gi", inodes: 10), candidate("many", inodes: 1000))
                == ["many", "few"])
    }

    @Test func `process numbers: priority, then the count`() {
        #expect(
            order(
                .pids, candidate("few", processes: 3), candidate("bomb", processes: 3000),
                candidate("precious", priority: 1, processes: 9000)) == ["bomb", "few", "precious"])
    }

    @Test(
        arguments: [
            (nil, "", [:], false), (1_999_999_999, "", [:], false), (2_000_000_000, "", [:], true),
            (nil, "system-node-critical", [:], true), (nil, "system-cluster-critical", [:], true),
            (0, "", ["kubernetes.io/config.source": "file"], true),
            (0, "", ["kubernetes.io/config.source": "api"], false),
            (0, "", ["kubernetes.io/config.mirror": "x"], true),
        ] as [(Int32?, String, [String: String], Bool)])
    func `critical pods are those of the system and static ones`(
        _ priority: Int32?, _ className: String, _ annotations: [String: String], _ isCritical: Bool
    ) {
        let pod = Pod.test { pod in
            pod.spec.priority = priority
            pod.spec.priorityClassName = className
            pod.metadata.annotations = annotations
        }
        #expect(pod.isCritical == isCritical)
    }
}
