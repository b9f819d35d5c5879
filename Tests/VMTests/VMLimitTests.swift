import Foundation
import LinuxKernel
import Logging
import Testing

@testable import PodRuntime

/// Set by scripts/test-vm in the machine that it boots.
private let inVirtualMachine = ProcessInfo.processInfo.environment["MINIKUBE_LITE_VM"] == "1"

/// One image: the payload, a static program, and nothing else.
private struct PayloadImage: LayerProvider {
    let directory: String
    let info = ImageInfo(
        references: ["payload:latest"], id: "sha256:payload", digest: "sha256:payload", size: 0, created: 0,
        configuration: ImageConfiguration(entrypoint: ["/payload"]))

    func resolve(_ reference: String) async throws -> ImageInfo? { reference == "payload" ? info : nil }
    func list() async throws -> [ImageInfo] { [info] }
    var location: String { directory }
    func layers(of image: ImageInfo) throws -> [String] { [directory] }
}

/// A node with strict enforcement in a virtual machine, where all controllers of cgroup v2 are there.
private struct LimitedNode {
    let runtime: PodRuntime
    let directory: String

    static func with(_ number: Int, _ body: (LimitedNode) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "mlvm\(number)"
        let image = directory + "/image"
        try FileAccess.makeDirectories(image)
        let binaries = FileAccess.split(try FileAccess.linkTarget("/proc/self/exe")).directory
        try FileManager.default.copyItem(atPath: binaries + "/payload", toPath: image + "/payload")
        let mount = try #require(try CgroupMount.find().unified)
        var logger = Logger(label: "vm")
        logger.logLevel = .error
        let runtime = try await PodRuntime(
            configuration: RuntimeConfiguration(
                runDirectory: directory + "/run", dataDirectory: directory + "/data",
                cgroupParent: "\(mount)/mlvm\(number)", bridge: "mlvm\(number)", podCIDR: "10.170.\(number).0/24",
                bestEffort: false, shimExecutable: binaries + "/pod-shim",
                unpackerExecutable: binaries + "/image-unpacker"),
            images: PayloadImage(directory: image), logger: logger)
        let node = LimitedNode(runtime: runtime, directory: directory)
        let result: Result<Void, any Error>
        do { result = .success(try await body(node)) } catch { result = .failure(error) }
        for status in try await runtime.recover() { try await runtime.removeSandbox(status.id, removeLogs: true) }
        try await runtime.tearDown()
        #expect(!FileAccess.exists("\(mount)/mlvm\(number)"))
        try FileAccess.removeTree(directory)
        try result.get()
    }

    /// Starts a pod with one container.
    func start(
        _ arguments: [String], limits: CgroupResources, podLimits: CgroupResources = CgroupResources()
    ) async throws {
        _ = try await runtime.startSandbox(
            SandboxConfiguration(
                id: "a", name: "a", namespace: "vm", hostname: "a", qos: .burstable, resources: podLimits,
                logDirectory: directory + "/logs"))
        _ = try await runtime.startContainer(
            ContainerConfiguration(name: "main", attempt: 0, image: "payload", args: arguments, resources: limits),
            in: "a")
    }

    var cgroup: String { "\(runtime.host.cgroups.directory(of: .burstable))/poda/main-0" }

    func exit() async throws -> ContainerExit {
        let sandbox = try #require(runtime.find("a"))
        #expect(await sandbox.waitForExit(ContainerKey(name: "main", attempt: 0), upTo: .seconds(120)))
        return try #require(await runtime.status(of: "a")?.containers.first?.exit)
    }

    /// The log's first line that begins with a word, when it is there.
    func line(_ word: String) async throws -> String {
        let path = try #require(await runtime.status(of: "a")?.containers.first?.logPath)
        for try await piece in try LogReader().read(path: path, options: LogOptions(follow: true), until: Self.never) {
            for line in String(decoding: piece, as: UTF8.self).split(separator: "\n") where line.hasPrefix(word) {
                return String(line)
            }
        }
        return ""
    }

    private static func never() async { try? await Task.sleep(for: .seconds(120)) }
}

/// Real limits of cgroup v2, seen from a container that runs into them.
@Suite(
    .serialized, .timeLimit(.minutes(10)),
    .enabled(if: inVirtualMachine, "needs the controllers of cgroup v2: run by scripts/test-vm in a virtual machine"))
struct VMLimitTests {
    @Test func allControllersAreFound() throws {
        let capabilities = try HostCapabilities.detect()
        #expect(capabilities.controllers.isSuperset(of: ["cpu", "memory", "pids"]))
        #expect(capabilities.missing.isEmpty)
    }

    @Test func overMemoryMaxTheContainerIsKilledAndItIsToldWhy() async throws {
        try await LimitedNode.with(1) { node in
            try await node.start(["touch", "64"], limits: CgroupResources(memoryMax: 24 << 20, oomGroup: true))
            let exit = try await node.exit()
            #expect(exit.code == 137)
            #expect(exit.signal == 9)
            #expect(exit.oomKilled)
        }
    }

    @Test func belowMemoryMaxItRuns() async throws {
        try await LimitedNode.with(2) { node in
            try await node.start(["touch", "16"], limits: CgroupResources(memoryMax: 64 << 20))
            #expect(try await node.line("touched") == "touched 16")
            #expect(try FileAccess.readText(node.cgroup + "/memory.max") == "\(64 << 20)")
            #expect(node.runtime.host.cgroups.oomKills(node.cgroup) == 0)
            let current = try #require(node.runtime.host.cgroups.memoryCurrent(node.cgroup))
            #expect(current >= 16 << 20 && current < 64 << 20)
            try await node.runtime.stopContainer("main", in: "a", signal: "SIGKILL", grace: .seconds(1))
            let exit = try await node.exit()
            #expect(exit.code == 137 && !exit.oomKilled)
        }
    }

    @Test func thePodsLimitCountsForItsContainers() async throws {
        try await LimitedNode.with(3) { node in
            try await node.start(
                ["touch", "64"], limits: CgroupResources(), podLimits: CgroupResources(memoryMax: 24 << 20))
            let exit = try await node.exit()
            #expect(exit.code == 137 && exit.oomKilled)
        }
    }

    @Test func overPidsMaxForkFails() async throws {
        try await LimitedNode.with(4) { node in
            try await node.start(["fork", "50"], limits: CgroupResources(pidsMax: 8))
            // The container's first process is the eighth; EAGAIN is 11.
            #expect(try await node.line("forked") == "forked 7 errno 11")
        }
    }

    @Test func overCpuMaxItIsThrottled() async throws {
        try await LimitedNode.with(5) { node in
            try await node.start(
                ["spin", "600"], limits: CgroupResources(cpuQuota: 10_000, cpuPeriod: 100_000, cpuWeight: 17))
            #expect(try FileAccess.readText(node.cgroup + "/cpu.max") == "10000 100000")
            #expect(try FileAccess.readText(node.cgroup + "/cpu.weight") == "17")
            let clock = ContinuousClock()
            let start = clock.now
            var statistics = try #require(node.runtime.host.cgroups.cpuStatistics(node.cgroup))
            while statistics.throttledPeriods < 10, clock.now - start < .seconds(60) {
                try await Task.sleep(for: .milliseconds(100))
                statistics = try #require(node.runtime.host.cgroups.cpuStatistics(node.cgroup))
            }
            #expect(statistics.throttledPeriods >= 10)
            // A tenth of a CPU, and what the kernel's accounting is coarse by.
            #expect(statistics.usageMicroseconds <= statistics.periods * 10_000 * 2)
        }
    }

    @Test func aFreshAttemptStartsWithoutItsPredecessorsKills() async throws {
        try await LimitedNode.with(6) { node in
            try await node.start(["touch", "64"], limits: CgroupResources(memoryMax: 24 << 20))
            #expect(try await node.exit().oomKilled)
            _ = try await node.runtime.startContainer(
                ContainerConfiguration(
                    name: "main", attempt: 1, image: "payload", args: ["exit", "3"],
                    resources: CgroupResources(memoryMax: 24 << 20)), in: "a")
            let sandbox = try #require(node.runtime.find("a"))
            #expect(await sandbox.waitForExit(ContainerKey(name: "main", attempt: 1), upTo: .seconds(60)))
            let second = await node.runtime.status(of: "a")?.containers.last?.exit
            #expect(second?.code == 3)
            #expect(second?.oomKilled == false)
        }
    }
}
