import KubernetesAPI
import Testing

@testable import NodeAgent

@Suite struct EvictionMessageTests {
    private let mebibyte: Int64 = 1 << 20

    private var signals: [EvictionSignal: SignalObservation] {
        [
            .memoryAvailable: SignalObservation(available: 50 * mebibyte, capacity: 2048 * mebibyte),
            .nodefsAvailable: SignalObservation(available: 99 * mebibyte, capacity: 1000 * mebibyte),
            .pidAvailable: SignalObservation(available: 99, capacity: 32768),
        ]
    }

    private func message(
        _ resource: EvictionResource, _ threshold: EvictionThreshold, _ usage: PodUsage?,
        _ change: (inout Pod) -> Void = { _ in }
    ) -> String {
        EvictionMessage.nodeLow(
            on: resource, candidate: EvictionCandidate(pod: .test(containers: ["main", "side"], change), usage: usage),
            due: [threshold], signals: signals)
    }

    @Test func `memory, with the containers that use more than they request`() {
        var usage = PodUsage(memory: 300 * mebibyte)
        usage.containers = ["main": .init(memory: 200 * mebibyte), "side": .init(memory: 10 * mebibyte)]
        let text = message(.memory, EvictionThreshold(.memoryAvailable, .quantity("100Mi")), usage) {
            $0.spec.containers[1].resources.requests["memory"] = "64Mi"
        }
        #expect(
            text
                == "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
                + "Container main was using 200Mi, request is 0, has larger consumption of memory. ")
    }

    @Test func `a share is told as what it comes to`() {
        var usage = PodUsage(storage: 300 * mebibyte)
        usage.containers = ["main": .init(storage: 1025), "side": .init(storage: 1024)]
        let text = message(.ephemeralStorage, EvictionThreshold(.nodefsAvailable, .share(0.1)), usage) {
            $0.spec.containers[1].resources.requests["ephemeral-storage"] = "1Ki"
        }
        #expect(
            text
                == "The node was low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: 99Mi. "
                + "Container main was using 1025, request is 0, has larger consumption of ephemeral-storage. ")
    }

    @Test func `process numbers, and a pod of which nothing is known`() {
        let threshold = EvictionThreshold(.pidAvailable, .quantity("100"))
        #expect(
            message(.pids, threshold, PodUsage(processes: 7))
                == "The node was low on resource: pids. Threshold quantity: 100, available: 99. ")
        #expect(
            message(.pids, threshold, nil)
                == "The node was low on resource: pids. Threshold quantity: 100, available: 99. ")
    }

    @Test func `admission`() {
        #expect(EvictionMessage.conditions([.memoryPressure]) == "The node had condition: [MemoryPressure]. ")
        #expect(
            EvictionMessage.conditions([.memoryPressure, .diskPressure])
                == "The node had condition: [DiskPressure MemoryPressure]. ")
    }
}

@Suite struct LocalStorageLimitsTests {
    private let mebibyte: Int64 = 1 << 20

    private func emptyDir(_ name: String, _ limit: Quantity?, medium: String = "") -> Volume {
        var volume = Volume()
        volume.name = name
        volume.emptyDir = EmptyDirVolumeSource()
        volume.emptyDir?.sizeLimit = limit
        volume.emptyDir?.medium = StorageMedium(rawValue: medium)
        return volume
    }

    @Test func `a pod without such limits is not measured`() {
        #expect(LocalStorageLimits(Pod.test().spec) == nil)
        let spec = Pod.test { pod in
            pod.spec.volumes = [emptyDir("a", nil), emptyDir("b", "1Mi", medium: "Memory")]
            pod.spec.containers[0].resources.limits = ["memory": "1Gi"]
        }.spec
        #expect(LocalStorageLimits(spec) == nil)
    }

    @Test func `an emptyDir`() throws {
        let limits = try #require(LocalStorageLimits(Pod.test { $0.spec.volumes = [emptyDir("v", "1Mi")] }.spec))
        #expect(limits.violation(PodUsage(volumes: ["v": mebibyte])) == nil)
        #expect(
            limits.violation(PodUsage(volumes: ["v": mebibyte + 1]))
                == "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ")
    }

    @Test func `a container, and the pod as the sum of its containers`() throws {
        let spec = Pod.test(containers: ["a", "b"]) { pod in
            pod.spec.containers[0].resources.limits = ["ephemeral-storage": "10Mi"]
            pod.spec.containers[1].resources.limits = ["ephemeral-storage": "1Gi"]
        }.spec
        let limits = try #require(LocalStorageLimits(spec))
        #expect(limits.violation(PodUsage(storage: 900 * mebibyte, containers: ["a": .init(storage: mebibyte)])) == nil)
        #expect(
            limits.violation(PodUsage(storage: 11 * mebibyte, containers: ["a": .init(storage: 11 * mebibyte)]))
                == "Container a exceeded its local ephemeral storage limit \"10Mi\". ")
        // Volumes count for the pod.
        #expect(
            limits.violation(PodUsage(storage: 1035 * mebibyte, containers: ["a": .init(storage: 0)]))
                == "Pod ephemeral local storage usage exceeds the total limit of containers 1034Mi. ")
    }

    @Test func `init containers run before the others, sidecars beside them`() throws {
        let spec = Pod.test { pod in
            pod.spec.containers[0].resources.limits = ["ephemeral-storage": "10Mi"]
            pod.spec.initContainers = [
                Container.test("side").with {
                    $0.restartPolicy = .init(rawValue: "Always")
                    $0.resources.limits = ["ephemeral-storage": "5Mi"]
                },
                Container.test("setup").with { $0.resources.limits = ["ephemeral-storage": "100Mi"] },
            ]
        }.spec
        let limits = try #require(LocalStorageLimits(spec))
        #expect(limits.violation(PodUsage(storage: 105 * mebibyte)) == nil)
        #expect(
            limits.violation(PodUsage(storage: 106 * mebibyte))
                == "Pod ephemeral local storage usage exceeds the total limit of containers 105Mi. ")
    }

    @Test func `logs of earlier attempts go first`() {
        #expect(
            OldLogs.old(["0.log", "1.log", "1.log.20260102-030405", "2.log", "2.log.20260102-030405", "notes.txt"])
                == ["0.log", "1.log", "1.log.20260102-030405"])
        #expect(OldLogs.old(["0.log"]).isEmpty)
        #expect(OldLogs.old([]).isEmpty)
    }
}
