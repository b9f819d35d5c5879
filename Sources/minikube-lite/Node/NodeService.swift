import ControlPlane
import Foundation
import KubernetesAPI
import LinuxKernel
import Logging
import NodeAgent
import PodRuntime
import ServiceLifecycle

/// The whole node in this process: control plane, node agent and pod runtime.
struct NodeService {
    let options: NodeOptions

    /// Runs until SIGTERM or SIGINT: then the API stops, the controllers, and at last the agent. Pods stay.
    func run() async throws {
        let logger = Logger(label: "minikube-lite")
        let layout = options.layout
        try makeFolders(layout)
        let lock = try await AgentLock.take(layout)
        let cgroupParent = try options.cgroupPath()
        let nodeName = options.effectiveNodeName
        let bestEffort = options.cgroupEnforcement == .bestEffort
        try NodeRecord(
            cgroupParent: cgroupParent, bridge: options.bridgeName, podCIDR: options.podCidr, nodeName: nodeName,
            server: options.server, bestEffort: bestEffort, version: Version.current,
            startedAt: Int64(Date().timeIntervalSince1970)
        ).write(layout)

        let controlPlane = try await ControlPlane(
            configuration: ControlPlaneConfiguration(
                dataDirectory: layout.data, listenHost: options.listen, listenPort: options.port, nodeName: nodeName,
                adminKubeconfigPath: layout.adminKubeconfig),
            logger: logger)
        // The group stops its services in the reverse of this order.
        var configuration = ServiceGroupConfiguration(
            services: [controlPlane], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        let group = ServiceGroup(configuration: configuration)
        defer { withExtendedLifetime(lock) {} }
        try await group.run()
    }

    private func makeFolders(_ layout: NodeLayout) throws {
        for path in [layout.run, layout.data] { try FileAccess.makeDirectories(path, mode: 0o700) }
        for path in [layout.logs, layout.etc, layout.manifests] { try FileAccess.makeDirectories(path, mode: 0o755) }
    }
}

/// The programs that stand beside this one.
enum Companion {
    /// The absolute path; throws where it is not there.
    static func path(of name: String) throws -> String {
        let own = try FileAccess.linkTarget("/proc/self/exe")
        let path = "\(FileAccess.parent(of: own))/\(name)"
        guard FileAccess.exists(path) else {
            throw CommandFailure("error: \(name) is not beside this program (\(path)): install both, or run \"make build\"")
        }
        return path
    }
}
