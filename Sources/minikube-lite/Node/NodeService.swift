import ClusterDNS
import ControlPlane
import Foundation
import InternetAddress
import KubernetesAPI
import LinuxKernel
import Logging
import NIOCore
import NodeAgent
import PodRuntime
import ServiceLifecycle

/// The whole node in this process: control plane, node agent and pod runtime.
struct NodeService {
    let options: NodeOptions

    /// Runs until SIGTERM or SIGINT: then the API stops, the controllers, and at last the agent. Pods stay.
    func run() async throws {
        let logger = Logger(label: "minikube-lite")
        Heap.limitArenas(ProcessInfo.processInfo.activeProcessorCount)
        // Containers have it from here, as they have containerd's.
        try DescriptorLimit.raise()
        MetricsRegistry.install()
        let layout = options.layout
        try makeFolders(layout)
        let lock = try await AgentLock.take(layout)
        let cgroupParent = try options.cgroupPath()
        let nodeName = options.effectiveNodeName
        let bestEffort = options.cgroupEnforcement == .bestEffort
        try NodeRecord(
            cgroupParent: cgroupParent, bridge: options.bridgeName, podCIDRs: options.network.podRanges,
            serviceRanges: options.network.serviceRanges, nodeName: nodeName, server: options.server,
            bestEffort: bestEffort, version: Version.current,
            startedAt: Int64(Date().timeIntervalSince1970)
        ).write(layout)

        let unpacker = try Companion.path(of: "image-unpacker")
        let images = try ImageStore(directory: "\(layout.data)/images", unpackerExecutable: unpacker)
        let runtime = try await PodRuntime(
            configuration: RuntimeConfiguration(
                runDirectory: layout.run, dataDirectory: layout.data, cgroupParent: cgroupParent,
                bridge: options.bridgeName, podCIDRs: options.network.podRanges,
                serviceRanges: options.network.serviceRanges, bestEffort: bestEffort,
                shimExecutable: try Companion.path(of: "pod-shim"), unpackerExecutable: unpacker),
            images: images, logger: logger)
        for (controller, remedy) in runtime.capabilities.missing.sorted(by: { $0.key < $1.key }) {
            logger.warning(
                "limits of a controller cannot be enforced: \(remedy)", metadata: ["controller": "\(controller)"])
        }

        var plane = ControlPlaneConfiguration(
            dataDirectory: layout.data, listenHost: options.listen, listenPort: options.port, nodeName: nodeName,
            adminKubeconfigPath: layout.adminKubeconfig)
        plane.serviceRanges = options.network.serviceRanges
        plane.nodePorts = options.network.nodePorts
        plane.gateways = runtime.gateways
        plane.clusterDomain = options.network.clusterDomain
        let controlPlane = try await ControlPlane(configuration: plane, logger: logger)
        var node = NodeConfiguration(
            nodeName: nodeName, dataDirectory: layout.data, runDirectory: layout.run, logDirectory: layout.logs,
            podCIDRs: options.network.podRanges)
        if let mount = try CgroupMount.find().unified, cgroupParent.hasPrefix(mount + "/") {
            node.cgroupParent = String(cgroupParent.dropFirst(mount.count))
        }
        node.clusterDomain = options.network.clusterDomain
        node.resolverFile = options.network.resolvConf
        node.clusterDNS = nameServers.map(\.description)
        node.sysctls = options.network.sysctls ?? SysctlAllowlist()
        node.ignoredDevices = [options.bridgeName]
        node.bestEffortLimits = bestEffort
        node.limits = options.limits.options
        if let problem = node.limits.problemOnThisMachine() { throw CommandFailure("error: \(problem)") }
        node.pressure = options.pressure.options
        // Given to nobody, they are not there for the scheduler either: they count in the place of other reservations of
        // cpu (the kubelet's reservedSystemCPUs).
        if !node.limits.reservedCPUs.isEmpty {
            node.pressure.systemReserved["cpu"] = Quantity(Int64(node.limits.reservedCPUs.count))
            node.pressure.kubeReserved["cpu"] = nil
        }
        node.cgroupPath = cgroupParent
        node.crashBackoffCap = .seconds(DurationText.seconds(options.crashBackoffMax) ?? 300)
        node.runtimeVersion = Version.current
        let dns = try ClusterDNS(
            configuration: dnsConfiguration(listenAddresses: runtime.gateways),
            client: APIClient(transport: controlPlane.transport(for: "kubelet")), logger: logger)
        let agent = NodeAgent(
            client: APIClient(transport: controlPlane.transport(for: "kubelet")), runtime: runtime,
            routing: runtime.routing,
            configuration: node, logger: logger)
        controlPlane.setLogSource(agent)
        controlPlane.setKubelet(agent)

        // The group stops its services in the reverse of this order.
        var configuration = ServiceGroupConfiguration(
            services: [HeapKeeper(logger: logger), dns, agent, controlPlane],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        let group = ServiceGroup(configuration: configuration)
        defer { withExtendedLifetime(lock) {} }
        do {
            try await group.run()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw CommandFailure(
                "error: another program listens on \(options.listen):\(options.port); choose another port with --port")
        }
    }

    /// The addresses of the Service `kube-dns`: the tenth of each range.
    private var nameServers: [IPAddress] { options.network.serviceRanges.compactMap { $0.address(at: 10) } }

    private func dnsConfiguration(listenAddresses: [IPAddress]) -> ClusterDNSConfiguration {
        ClusterDNSConfiguration(
            listenAddresses: listenAddresses, clusterDomain: options.network.clusterDomain,
            serviceAddresses: nameServers, ownRanges: options.network.podRanges + options.network.serviceRanges,
            upstreams: ClusterDNSConfiguration.Upstream.parse(
                resolverFile: (try? FileAccess.readText(options.network.resolvConf)) ?? ""))
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
            throw CommandFailure(
                "error: \(name) is not beside this program (\(path)): install both, or run \"make build\"")
        }
        return path
    }
}
