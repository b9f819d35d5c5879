import Foundation
import KubernetesAPI
import LinuxKernel
import PodRuntime
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1))) final class DiskUsageTests {
    private let root = FileManager.default.temporaryDirectory
        .appendingPathComponent("minikube-lite-disk-\(UUID().uuidString)").path
    private let clock = ManualClock()
    private let runtime = FakeRuntime()

    deinit { try? FileManager.default.removeItem(atPath: root) }

    private var disk: DiskUsage {
        var configuration = NodeConfiguration(
            nodeName: "node", dataDirectory: root + "/data", runDirectory: root + "/run", podCIDRs: [])
        configuration.logDirectory = root + "/log"
        return DiskUsage(configuration: configuration, runtime: runtime, time: clock.time)
    }

    private func write(_ path: String, bytes: Int) throws {
        let file = root + "/" + path
        try FileAccess.makeDirectories(FileAccess.split(file).directory)
        try Data(repeating: 1, count: bytes).write(to: URL(fileURLWithPath: file))
    }

    private var pod: Pod {
        var pod = SampleRound.pod()
        var cache = Volume()
        cache.name = "cache"
        cache.emptyDir = EmptyDirVolumeSource()
        var memory = Volume()
        memory.name = "memory"
        memory.emptyDir = EmptyDirVolumeSource()
        memory.emptyDir?.medium = StorageMedium(rawValue: "Memory")
        var host = Volume()
        host.name = "host"
        host.hostPath = HostPathVolumeSource()
        host.hostPath?.path = root
        pod.spec.volumes = [cache, memory, host]
        return pod
    }

    @Test func `writable layer, logs and volumes are found where they are`() async throws {
        runtime.put(SampleRound.sandbox(pod))
        try write("data/sandboxes/uid-web/containers/web-2/upper/file", bytes: 100_000)
        try write("data/sandboxes/uid-web/containers/web-1/upper/old", bytes: 900_000)
        try write("log/default_web_uid-web/web/0.log", bytes: 10_000)
        try write("log/default_web_uid-web/web/2.log", bytes: 10_000)
        try write("data/volumes/uid-web/cache/file", bytes: 50_000)
        try write("run/volumes/uid-web/memory/file", bytes: 20_000)
        let usage = await disk.usage(of: pod, maxAge: .zero)
        let web = try #require(usage.containers["web"])
        #expect(try #require(web.writableLayer).inodes == 2)
        #expect((100_000...120_000).contains(try #require(web.writableLayer).bytes))
        #expect((20_000...40_000).contains(try #require(web.logs).bytes))
        #expect(usage.volumes.keys.sorted() == ["cache", "memory"])
        let sum = try web.total.bytes + #require(usage.volumes["cache"]).usage.bytes
        #expect(usage.ephemeralStorage.bytes == sum)
    }

    @Test func `a figure is used again while it is young, and measured anew then`() async throws {
        let disk = disk
        try write("tree/a", bytes: 4096)
        let first = try #require(await disk.usage(of: root + "/tree", maxAge: .seconds(30)))
        try write("tree/b", bytes: 4096)
        clock.advance(by: .seconds(29))
        #expect(await disk.usage(of: root + "/tree", maxAge: .seconds(30)) == first)
        // Longer than 20 times what the walk has cost.
        clock.advance(by: .seconds(31))
        #expect(await disk.usage(of: root + "/tree", maxAge: .seconds(30))?.inodes == first.inodes + 1)
        #expect(await disk.usage(of: root + "/nothing", maxAge: .zero) == nil)
    }
}
