import ControlPlane
import Foundation
import InternetAddress
import KubernetesAPI
import Logging
import ServiceLifecycle
import Testing

/// A control plane of a test: its own folder, any free port, gone when the test is over.
struct TestCluster {
    let plane: ControlPlane
    let directory: String
    /// Asks the control plane to stop; it does when the test lets go.
    let stop: @Sendable () async -> Void
    var client: APIClient { APIClient(transport: plane.transport) }
    var kubeconfig: String { directory + "/admin.kubeconfig" }
    var server: String { "https://127.0.0.1:\(plane.port)" }

    /// The node that the control plane is told of.
    let nodeName = "minikube-lite"

    static let hasKubectl = ["/usr/bin/kubectl", "/usr/local/bin/kubectl"].contains {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    /// Starts one, runs the test, and stops it.
    ///
    /// - Parameters:
    ///   - serviceRanges: in CIDR notation; the default one where there are none.
    ///   - gateways: addresses that the API listens on besides.
    static func run(
        serviceRanges: [String] = [], nodePorts: ClosedRange<Int>? = nil, gateways: [String] = [],
        _ test: (TestCluster) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(
            "minikube-lite-server-\(UUID().uuidString.prefix(8))"
        ).path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await run(
            in: directory,
            configured: {
                if !serviceRanges.isEmpty { $0.serviceRanges = serviceRanges.compactMap { IPRange($0) } }
                if let nodePorts { $0.nodePorts = nodePorts }
                $0.gateways = gateways.compactMap { IPAddress($0) }
            }, test)
    }

    static func run(
        in directory: String, logger: Logger? = nil,
        configured: (inout ControlPlaneConfiguration) -> Void = { _ in },
        _ test: (TestCluster) async throws -> Void
    ) async throws {
        var quiet = Logger(label: "test")
        quiet.logLevel = .warning
        let logger = logger ?? quiet
        var configuration = ControlPlaneConfiguration(dataDirectory: directory, listenPort: 0)
        configuration.adminKubeconfigPath = directory + "/admin.kubeconfig"
        configured(&configuration)
        let plane = try await ControlPlane(configuration: configuration, logger: logger)
        let group = ServiceGroup(services: [plane], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            do {
                try await plane.waitUntilListening()
                try await test(
                    TestCluster(plane: plane, directory: directory) { await group.triggerGracefulShutdown() })
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    /// The API over TLS, as the administrator.
    func withHTTPS(_ body: (APIClient) async throws -> Void) async throws {
        let transport = try HTTPSTransport(cluster: try Kubeconfig.load(path: kubeconfig))
        do {
            try await body(APIClient(transport: transport))
        } catch {
            try await transport.shutdown()
            throw error
        }
        try await transport.shutdown()
    }

    struct Output {
        var status: Int32
        var out: String
        var err: String
    }

    /// Runs a kubectl with the cluster's kubeconfig, and waits for it.
    func kubectl(_ arguments: [String], input: String = "", binary: String = "kubectl") async throws -> Output {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [binary] + arguments
        process.environment = [
            "PATH": "/usr/bin:/bin:/usr/lib/google-cloud-sdk/bin", "HOME": directory, "KUBECONFIG": kubeconfig,
        ]
        let (out, err, stdin) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = out
        process.standardError = err
        process.standardInput = stdin
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        return await withCheckedContinuation { continuation in
            // Reading blocks, so not on the cooperative pool, which the server needs.
            Thread {
                let output = out.fileHandleForReading.readDataToEndOfFile()
                let errors = err.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(
                    returning: Output(
                        status: process.terminationStatus, out: String(decoding: output, as: UTF8.self),
                        err: String(decoding: errors, as: UTF8.self)))
            }.start()
        }
    }
}
