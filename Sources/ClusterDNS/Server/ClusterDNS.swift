import InternetAddress
public import KubernetesAPI
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// Answers DNS queries of pods: the cluster's names from what the API says of services, all others from the host's
/// resolvers.
///
/// It listens as soon as it runs, but says SERVFAIL of the cluster's names, and is in nobody's endpoints, until it has
/// heard of everything that there is.
public final class ClusterDNS: ServiceLifecycle.Service {
    private let configuration: ClusterDNSConfiguration
    private let names: ZoneNames
    private let client: APIClient
    private let time: TimeSource
    private let logger: Logger

    /// - Parameter client: lists and watches Services, EndpointSlices and Namespaces, and writes the EndpointSlices of
    ///   `kube-system/kube-dns`.
    /// Throws `ClusterDomainError`.
    public init(
        configuration: ClusterDNSConfiguration, client: APIClient, time: TimeSource = .system, logger: Logger
    ) throws {
        guard let names = ZoneNames(domain: configuration.clusterDomain) else {
            throw ClusterDomainError(domain: configuration.clusterDomain)
        }
        self.configuration = configuration
        self.names = names
        self.client = client
        self.time = time
        self.logger = logger
    }

    /// Serves until it is cancelled or a graceful shutdown begins.
    public func run() async throws {
        // One thread answers, so that no flood of queries takes more than one core.
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        await cancelWhenGracefulShutdown { [self] in await serve(on: loops) }
        try await loops.shutdownGracefully()
    }

    private func serve(on loops: MultiThreadedEventLoopGroup) async {
        let zone = SharedZone(
            ClusterZone(
                names: names, serverAddresses: configuration.serviceAddresses, ownRanges: configuration.ownRanges,
                serial: UInt32(truncatingIfNeeded: time.now.seconds)))
        let forwarder = Forwarder(
            upstreams: upstreams, cacheCapacity: configuration.cacheCapacity,
            exchange: UpstreamExchange(group: loops), time: time, logger: logger)
        if upstreams.isEmpty {
            logger.warning("the host names no DNS server: only the cluster's names are answered")
        }
        guard let sockets = await listen(on: loops, Responder(zone: zone, forwarder: forwarder)) else { return }
        logger.info("DNS listens", metadata: ["port": "\(sockets.port)"])
        let publisher = ServicePublisher(
            client: client, addresses: configuration.listenAddresses, port: sockets.port, time: time, logger: logger)
        await withDiscardingTaskGroup { group in
            group.addTask { await forwarder.run() }
            group.addTask { [self] in await follow(KubernetesAPI.Service.self) { zone.take($0) } }
            group.addTask { [self] in await follow(Namespace.self) { zone.take($0) } }
            group.addTask { [self] in
                await follow(EndpointSlice.self) { event in
                    zone.take(event)
                    switch event {
                    case .added(let slice), .modified(let slice): publisher.check(slice, isDeleted: false)
                    case .deleted(let slice): publisher.check(slice, isDeleted: true)
                    case .synced: break
                    }
                }
            }
            group.addTask {
                guard (try? await zone.waitUntilSynced()) != nil else { return }
                await publisher.run()
            }
        }
        await sockets.close()
    }

    private func follow<Object: KubernetesObject>(
        _ type: Object.Type, _ take: @escaping @Sendable (ReflectorEvent<Object>) -> Void
    ) async {
        let reflector = Reflector(type, client: client, time: time) { [logger] error in
            logger.warning("objects not followed", metadata: ["type": "\(type)", "error": "\(error)"])
        }
        await reflector.run { take($0) }
    }

    /// Those that are not this responder: the host may have been told to ask it.
    private var upstreams: [ClusterDNSConfiguration.Upstream] {
        configuration.upstreams.filter { upstream in
            !configuration.serviceAddresses.contains(upstream.address)
                && !configuration.listenAddresses.contains(upstream.address)
        }
    }

    /// The node goes on without DNS, which comes as soon as it can. Nil where the task was cancelled.
    private func listen(on loops: any EventLoopGroup, _ responder: Responder) async -> ListeningSockets? {
        var delay = Duration.seconds(1)
        while !Task.isCancelled {
            do {
                return try await ListeningSockets.open(
                    configuration.listenAddresses, port: configuration.listenPort, on: loops, responder: responder)
            } catch {
                logger.error("DNS cannot listen", metadata: ["error": "\(error)"])
            }
            try? await time.sleep(for: delay)
            delay = min(delay * 2, .seconds(30))
        }
        return nil
    }
}

/// A domain that names of services cannot be made of.
public struct ClusterDomainError: Error, Sendable, CustomStringConvertible {
    public let domain: String

    public var description: String { "\"\(domain)\" is no domain for names of services: use one like cluster.local" }
}
