import Foundation
import InternetAddress
import LinuxKernel
import Logging
import Testing

@testable import PodRuntime

/// Images for tests: each is one directory, or several layers.
struct TestImages: LayerProvider {
    var images: [String: (info: ImageInfo, layers: [String])]

    func resolve(_ reference: String) async throws -> ImageInfo? { images[reference]?.info }
    func list() async throws -> [ImageInfo] { images.values.map(\.info) }
    var location: String { "the test's images" }
    func layers(of image: ImageInfo) throws -> [String] {
        images.values.first { $0.info.id == image.id }?.layers ?? []
    }
}

/// One node instance with names of its own, and a check that nothing of it is left in the end.
struct TestNode {
    let runtime: PodRuntime
    let configuration: RuntimeConfiguration
    let directory: String
    let images: TestImages

    /// Directory of the binaries that this package has built.
    static var binaries: String {
        // The test bundle is an executable beside them.
        let path = (try? FileAccess.linkTarget("/proc/self/exe")) ?? ""
        return FileAccess.split(path).directory
    }

    static func configuration(directory: String, number: Int) throws -> RuntimeConfiguration {
        let mount = try #require(try CgroupMount.find().unified)
        return RuntimeConfiguration(
            runDirectory: directory + "/run", dataDirectory: directory + "/data",
            cgroupParent: "\(mount)/mlkernel\(getpid())-\(number)", bridge: "mlk\(getpid() % 100_000)n\(number)",
            podCIDRs: [try #require(IPRange("10.\(60 + number).\(getpid() % 250).0/24"))], bestEffort: true,
            shimExecutable: binaries + "/pod-shim", unpackerExecutable: binaries + "/image-unpacker")
    }

    static func makeImages(_ directory: String) throws -> TestImages {
        let base = directory + "/image/base"
        for folder in ["bin", "etc", "tmp", "home", "var"] { try FileAccess.makeDirectories("\(base)/\(folder)") }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: base + "/bin/busybox")
        for name in [
            "sh", "cat", "echo", "sleep", "ls", "true", "false", "id", "kill", "touch", "mount", "mknod", "hostname",
            "stat", "head", "dd", "ps", "wget", "nc", "ip", "env", "pwd", "seq", "ping", "mkdir", "grep", "readlink",
        ] {
            try FileManager.default.createSymbolicLink(atPath: "\(base)/bin/\(name)", withDestinationPath: "busybox")
        }
        try "root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:web:/home/web:/bin/sh\n".write(
            toFile: base + "/etc/passwd", atomically: false, encoding: .utf8)
        try "root:x:0:\nweb:x:1001:\nextra:x:2000:web\n".write(
            toFile: base + "/etc/group", atomically: false, encoding: .utf8)
        // A link that leads to nothing, as images of systemd distributions have it.
        try FileManager.default.createSymbolicLink(
            atPath: base + "/etc/resolv.conf", withDestinationPath: "../run/systemd/resolve/stub-resolv.conf")
        try "not a program".write(toFile: base + "/bin/notexecutable", atomically: false, encoding: .utf8)
        let script = base + "/bin/nointerpreter"
        try "#!/nowhere/sh\n".write(toFile: script, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)

        let top = directory + "/image/top"
        try FileAccess.makeDirectories(top + "/etc")
        try "upper layer".write(toFile: top + "/etc/layer", atomically: false, encoding: .utf8)

        func image(_ name: String, _ configuration: ImageConfiguration) -> ImageInfo {
            ImageInfo(
                references: [name], id: "sha256:\(name)", digest: "sha256:\(name)", size: 0, created: 0,
                configuration: configuration)
        }
        return TestImages(images: [
            "busybox": (
                image("busybox", ImageConfiguration(cmd: ["sh"], env: ["PATH=/bin", "FROM_IMAGE=yes"])), [base]
            ),
            "layered": (
                image("layered", ImageConfiguration(cmd: ["sh"], env: ["PATH=/bin"], user: "web")), [top, base]
            ),
        ])
    }

    static func make(_ directory: String, number: Int) async throws -> TestNode {
        let configuration = try configuration(directory: directory, number: number)
        let images = try makeImages(directory)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let runtime = try await PodRuntime(configuration: configuration, images: images, logger: logger)
        return TestNode(runtime: runtime, configuration: configuration, directory: directory, images: images)
    }

    /// A node for one test. Whatever the test does, its pods end, and then nothing of the node may be left.
    static func with(_ number: Int, _ body: (TestNode) async throws -> Void) async throws {
        let directory = "/tmp/mlk-\(getpid())-\(number)"
        // Of a test that crashed, whose process had this number.
        try FileAccess.removeTree(directory)
        try FileAccess.makeDirectories(directory)
        let node = try await make(directory, number: number)
        let result: Result<Void, any Error>
        do { result = .success(try await body(node)) } catch { result = .failure(error) }
        try await node.tearDown()
        try result.get()
    }

    /// Takes the node down and checks that it left nothing.
    func tearDown() async throws {
        for id in runtime.known { try await runtime.removeSandbox(id, removeLogs: true) }
        for status in try await runtime.recover() { try await runtime.removeSandbox(status.id, removeLogs: true) }
        #expect(try FileAccess.list(configuration.runDirectory + "/pods").isEmpty)
        #expect(try FileAccess.list(configuration.dataDirectory + "/sandboxes").isEmpty)
        #expect(try runtime.host.cgroups.pods().isEmpty)
        #expect(try runtime.host.cgroups.processes(runtime.host.cgroups.system).isEmpty)
        #expect(!(try FileAccess.readText("/proc/self/mountinfo").contains(directory)))
        try await runtime.tearDown()
        #expect(try InvariantChecker(configuration: configuration).leaks().isEmpty)
        try FileAccess.removeTree(directory)
    }

    func sandbox(_ id: String, _ change: (inout SandboxConfiguration) -> Void = { _ in }) -> SandboxConfiguration {
        var configuration = SandboxConfiguration(
            id: id, name: id, namespace: "test", hostname: "host-\(id)", qos: .bestEffort,
            resolvConf: "nameserver 10.0.0.10\n", logDirectory: directory + "/logs/\(id)")
        change(&configuration)
        return configuration
    }

    func container(
        _ command: [String], name: String = "main", attempt: Int = 0,
        _ change: (inout ContainerConfiguration) -> Void = { _ in }
    ) -> ContainerConfiguration {
        var configuration = ContainerConfiguration(name: name, attempt: attempt, image: "busybox", command: command)
        change(&configuration)
        return configuration
    }

    /// Waits for the end of one attempt.
    func end(of name: String, attempt: Int = 0, in sandbox: String) async throws -> ContainerStatus {
        let found = try #require(runtime.find(sandbox))
        #expect(await found.waitForExit(ContainerKey(name: name, attempt: attempt), upTo: .seconds(20)))
        let status = await found.status.containers.first { $0.name == name && $0.attempt == attempt }
        return try #require(status)
    }

    /// Runs a shell script as a container of a new sandbox; what it printed, and how it ended.
    func run(
        _ script: String, sandbox: SandboxConfiguration? = nil,
        _ change: (inout ContainerConfiguration) -> Void = { _ in }
    ) async throws -> (output: String, exit: ContainerExit) {
        let id = sandbox?.id ?? "run-\(UUID().uuidString.prefix(8).lowercased())"
        _ = try await runtime.startSandbox(sandbox ?? self.sandbox(id))
        _ = try await runtime.startContainer(container(["sh", "-c", script], change), in: id)
        let status = try await end(of: "main", in: id)
        let output = text(of: status)
        try await runtime.removeSandbox(id, removeLogs: true)
        return (output, try #require(status.exit))
    }

    /// A log without its times and tags.
    func text(of status: ContainerStatus) -> String {
        let log = (try? String(contentsOfFile: status.logPath, encoding: .utf8)) ?? ""
        return log.split(separator: "\n", omittingEmptySubsequences: true).map { line in
            line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).last.map(String.init) ?? ""
        }.joined(separator: "\n")
    }
}
