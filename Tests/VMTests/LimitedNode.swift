import Foundation
import InternetAddress
import LinuxKernel
import Logging
import Testing

@testable import PodRuntime

/// Set by scripts/test-vm in the machine that it boots.
let inVirtualMachine = ProcessInfo.processInfo.environment["MINIKUBE_LITE_VM"] == "1"

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
struct LimitedNode {
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
                cgroupParent: "\(mount)/mlvm\(number)", bridge: "mlvm\(number)",
                podCIDRs: [try #require(IPRange("10.170.\(number).0/24"))],
                bestEffort: false, shimExecutable: binaries + "/pod-shim",
                unpackerExecutable: binaries + "/image-unpacker"),
            images: PayloadImage(directory: image), logger: logger)
        let node = LimitedNode(runtime: runtime, directory: directory)
        let result: Result<Void, any Error>
        do { result = .success(try await body(node)) } catch { result = .failure(error) }
        for status in try await runtime.recover() { try await runtime.removeSandbox(status.id, removeLogs: true) }
        try await runtime.tearDown()
        #expect(!FileAccess.exists("\(mount)/mlvm\(number)"))
        // What the body could not do counts, and not what it left.
        try result.get()
        try FileAccess.removeTree(directory)
    }

    /// Starts a pod with one container.
    func start(
        _ arguments: [String], limits: CgroupResources, podLimits: CgroupResources = CgroupResources(),
        mounts: [ContainerMount] = []
    ) async throws {
        _ = try await runtime.startSandbox(
            SandboxConfiguration(
                id: "a", name: "a", namespace: "vm", hostname: "a", qos: .burstable, resources: podLimits,
                logDirectory: directory + "/logs"))
        _ = try await runtime.startContainer(
            ContainerConfiguration(
                name: "main", attempt: 0, image: "payload", args: arguments, mounts: mounts, resources: limits),
            in: "a")
    }

    var pod: String { "\(runtime.host.cgroups.directory(of: .burstable))/poda" }
    var cgroup: String { pod + "/main-0" }

    /// A file of the container's cgroup.
    func file(_ name: String) throws -> String { try FileAccess.readText("\(cgroup)/\(name)") }

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
