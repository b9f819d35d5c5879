import Foundation
import HummingbirdCore
import HummingbirdTLS
import InternetAddress
public import KubernetesAPI
import LinuxKernel
public import Logging
import NIOCore
import NIOPosix
import NIOSSL
public import ServiceLifecycle

/// The store, the API server and the controllers of one cluster, as one service.
///
/// After `init` the objects are readable and writable through `transport`; `run` serves HTTPS and runs the
/// controllers until the service group shuts down gracefully (the API stops first).
public final class ControlPlane: ServiceLifecycle.Service {
    private let configuration: ControlPlaneConfiguration
    private let logger: Logger
    let service: ObjectService
    private let authority: Authority
    private let server: Credential
    private let administrator: Credential
    private let listening: Listening

    /// Opens the store, makes or renews the certificates, and ensures the system namespaces and roles.
    ///
    /// Throws where the data directory cannot be used; the error says what and why.
    public init(configuration: ControlPlaneConfiguration, logger: Logger) async throws {
        self.configuration = configuration
        self.logger = logger
        try FileAccess.makeDirectories(configuration.dataDirectory, mode: 0o755)
        authority = try Authority(directory: "\(configuration.dataDirectory)/pki")
        server = try authority.credential(
            for: .init(
                fileName: "apiserver", commonName: "kube-apiserver",
                subjectAlternativeNames: Self.serverNames(configuration)))
        administrator = try authority.credential(
            for: .init(fileName: "admin", commonName: "kubernetes-admin", organizations: ["system:masters"]))
        let database = "\(configuration.dataDirectory)/state.db"
        // It holds Secrets. SQLite gives the journal's files the mode of the database's.
        if FileAccess.kind(database) == nil { try FileAccess.replace(database, with: [], mode: 0o600) }
        var stored = Store.Configuration(path: database)
        stored.history = configuration.history
        let store = try await Store.open(stored, logger: logger)
        let now: @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970) }
        let key = try SigningKey.load(directory: "\(configuration.dataDirectory)/pki")
        service = ObjectService(
            store: store, catalogue: .shared, logger: logger, node: NodeServices(nodeName: configuration.nodeName),
            access: AccessControl(
                store: store, key: key, issuer: "https://kubernetes.default.svc.\(configuration.clusterDomain)",
                now: now),
            allocator: ServiceAllocator(
                ranges: configuration.serviceRanges, nodePorts: configuration.nodePorts,
                reserved: ClusterServices.reserved(configuration.serviceRanges)),
            now: now)
        listening = Listening()
        try service.restoreServices()
        try await ensureNamespaces()
        try await ensurePriorityClasses()
        try await BootstrapPolicy(client: APIClient(transport: transport)).reconcile()
        // Here and not only by their controller: pods that start at once are told of them.
        try await clusterServices(port: configuration.listenPort).ensureServices(APIClient(transport: transport))
    }

    private func clusterServices(port: Int) -> ClusterServices {
        ClusterServices(ranges: configuration.serviceRanges, gateways: configuration.gateways, port: port)
    }

    /// Names and addresses that clients may reach the server by.
    private static func serverNames(_ configuration: ControlPlaneConfiguration) -> [String] {
        var names = [
            "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
            "kubernetes.default.svc.\(configuration.clusterDomain)", configuration.nodeName, "127.0.0.1", "::1",
        ]
        // Pods know it by the first address of the services.
        names += ClusterServices.apiAddresses(configuration.serviceRanges).map(\.description)
        names += configuration.gateways.map(\.description)
        if !["0.0.0.0", "::"].contains(configuration.listenHost) { names.append(configuration.listenHost) }
        names += ((try? System.enumerateDevices()) ?? []).compactMap { device in
            // Link-local IPv6 addresses are of no use without their interface.
            guard let address = device.address?.ipAddress, !address.hasPrefix("fe80:") else { return nil }
            return address
        }.sorted()
        var seen: Set<String> = []
        return (names + configuration.extraSubjectAlternativeNames).filter { seen.insert($0).inserted }
    }

    private func ensureNamespaces() async throws {
        let client = APIClient(transport: transport)
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            guard service.store.object("namespaces", ObjectKey(namespace: "", name: name)) == nil else { continue }
            var namespace = Namespace()
            namespace.metadata.name = name
            _ = try await client.create(namespace)
            // Its controller would make it: a pod that is created at once may not wait for that.
            var account = ServiceAccount()
            account.metadata.name = NamespaceDefaultsController.serviceAccount
            account.metadata.namespace = name
            _ = try await client.create(account)
        }
    }

    /// Pods may name them from the first on.
    private func ensurePriorityClasses() async throws {
        let client = APIClient(transport: transport)
        for wanted in SystemPriorityClass.all {
            do {
                _ = try await client.create(wanted)
            } catch let error as APIError where error.isAlreadyExists {
                continue
            }
        }
    }

    /// The API in this process: the same pipeline as over HTTPS, as a member of `system:masters`.
    public var transport: any APITransport { transport(for: "kube-apiserver") }

    /// The same for a part of this process under whose name its writes are booked in `managedFields`, e.g. `kubelet`.
    public func transport(for manager: String) -> any APITransport {
        InMemoryTransport(service: service, user: .thisProcess, manager: manager)
    }

    /// The port that the API listens on; 0 until it does where any port was asked for.
    public var port: Int { listening.port ?? configuration.listenPort }

    /// Waits until the API answers over HTTPS; the administrator's kubeconfig is written by then. Throws what kept
    /// it from listening.
    public func waitUntilListening() async throws { try await listening.wait() }

    /// Says where `GET .../pods/{name}/log` gets its bytes from.
    public func setLogSource(_ source: any PodLogSource) { service.node.logSource = source }

    /// Says who answers for the node that the configuration names: `nodes/{name}/proxy/...` and `metrics.k8s.io`. Until
    /// then no usage is known.
    public func setKubelet(_ kubelet: any KubeletEndpoint) { service.node.kubelet = kubelet }

    /// Serves until the service group shuts down gracefully.
    public func run() async throws {
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [self] in
                    do { try await serve() } catch {
                        listening.fail(error)
                        throw error
                    }
                }
                group.addTask { [self] in try await Self.untilCancelled { try await runControllers() } }
                group.addTask { [store = service.store] in
                    // Bookmarks: so that a watch that sees nothing for long is not too old when it comes again.
                    try await Self.untilCancelled {
                        while true {
                            try await Task.sleep(for: .seconds(55))
                            store.publishProgress()
                        }
                    }
                }
                // The first to end is the server, at shutdown or in failure: the others go with it.
                try await group.next()
                group.cancelAll()
                try await group.waitForAll()
            }
            await service.store.close()
        } catch {
            listening.fail(error)
            await service.store.close()
            throw error
        }
    }

    /// Runs something whose end is its cancellation.
    private static func untilCancelled(_ body: () async throws -> Void) async throws {
        do { try await body() } catch is CancellationError {}
    }

    /// They begin when the API's port is known: its endpoints name it.
    private func runControllers() async throws {
        try await listening.wait()
        let controllers = ControllerSet(
            client: APIClient(transport: transport(for: "kube-controller-manager")), logger: logger,
            rootCertificate: authority.certificate,
            clusterServices: clusterServices(port: port))
        try await controllers.run()
    }

    /// Listens at the address for administrators and then, with the same port, at those for pods. Returns when all have
    /// ended, at shutdown; the failure of one ends the others.
    private func serve() async throws {
        let main = try makeServer(host: configuration.listenHost, port: configuration.listenPort)
        let gateways = configuration.gateways.filter { !isCovered($0) }
        listening.expect(1 + gateways.count)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                try await main.run()
                // It may have ended before it began: nobody is to wait for it any more.
                listening.fail(CancellationError())
            }
            group.addTask { [self] in
                guard !gateways.isEmpty else { return }
                let port = try await listening.firstPort()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for gateway in gateways {
                        let server = try makeServer(host: gateway.description, port: port)
                        group.addTask {
                            do { try await server.run() } catch {
                                throw ListenError(address: gateway, port: port, reason: "\(error)")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            do {
                try await group.waitForAll()
            } catch {
                listening.fail(error)
                throw error
            }
        }
    }

    /// Whether who listens for administrators listens at the address, too.
    private func isCovered(_ gateway: IPAddress) -> Bool {
        switch IPAddress(configuration.listenHost) {
        // A socket for all addresses of IPv6 takes IPv4, too.
        case let host? where host.isUnspecified: host.family == .v6 || host.family == gateway.family
        case let host?: host == gateway
        case nil: false
        }
    }

    private func makeServer(host: String, port: Int) throws -> any ServiceLifecycle.Service {
        let frontend = APIFrontend(
            service: service, documents: APIDocuments(catalogue: .shared),
            health: HealthChecks(checks: checks, version: ServerVersion.json), metrics: RequestMetrics(),
            logger: logger)
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(server.certificate.utf8)).map {
                .certificate($0)
            }, privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(server.key.utf8), format: .pem)))
        tls.minimumTLSVersion = .tlsv12
        tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(authority.certificate.utf8)))
        tls.certificateVerification = .optionalVerification
        tls.applicationProtocols = ["http/1.1"]
        let limits = configuration.connectionLimits
        let connection = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ConnectionDeadlines(limits)],
            idleTimeout: RequestLimits.idleTime)
        let builder = try HTTPServerBuilder.tls(.http1(configuration: connection), tlsConfiguration: tls)
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .notice)
        return try builder.buildServer(
            configuration: ServerConfiguration(
                address: .hostname(host, port: port), backlog: 1024,
                availableConnectionsDelegate: MaximumAvailableConnections(RequestLimits.connections, logger: quiet)),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: quiet,
            responder: { request, writer, channel in
                try await frontend.respond(to: request, writer, on: channel)
            },
            onServerRunning: { [self] channel in
                let port = channel.localAddress?.port ?? port
                logger.info("the API is served", metadata: ["address": "\(host)", "port": "\(port)"])
                guard let port = listening.opened(port) else { return }
                do {
                    try writeKubeconfig(port: port)
                    listening.succeed(port)
                } catch {
                    logger.error("cannot write the kubeconfig", metadata: ["error": "\(error)"])
                    listening.fail(error)
                }
            })
    }

    private var checks: [(name: String, check: @Sendable () -> String?)] {
        let store = service.store
        return [
            ("ping", { nil }),
            ("store", { store.isOpen ? nil : "the store is closed" }),
        ]
    }

    private func writeKubeconfig(port: Int) throws {
        guard let path = configuration.adminKubeconfigPath else { return }
        let isAny = ["0.0.0.0", "::"].contains(configuration.listenHost)
        let host = isAny ? "127.0.0.1" : configuration.listenHost
        let text = AdminKubeconfig.text(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)", authority: authority.certificate,
            client: administrator)
        try AdminKubeconfig.write(text, to: path)
    }
}
