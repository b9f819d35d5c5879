import InternetAddress
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The sockets that queries arrive at: UDP and TCP on each address, all with the same port.
struct ListeningSockets: Sendable {
    /// Connections that are open at once, on all addresses together.
    static let maximumConnections = 512
    static let idle = TimeAmount.seconds(10)
    /// Ports that are tried where a free one is wanted: one that is free for UDP may be taken for TCP.
    private static let maximumTries = 16

    let port: UInt16
    private let channels: [any Channel]
    private let connections: OpenConnections

    /// Listens on the port, or on any free one where another program has it on one of the addresses. 0 is any, too.
    /// Throws `IOError` where no port is free, or the machine has no such family.
    /// - Parameter idle: when a connection without queries is closed.
    static func open(
        _ addresses: [IPAddress], port: UInt16, on group: any EventLoopGroup, idle: TimeAmount = idle,
        maximumConnections: Int = maximumConnections, responder: Responder
    ) async throws -> ListeningSockets {
        var wanted = port
        var last: IOError?
        for _ in 0..<maximumTries {
            do {
                let connections = OpenConnections(limit: maximumConnections)
                return try await open(addresses, exactly: wanted, on: group, idle, connections, responder)
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                wanted = 0
                last = error
            }
        }
        throw last ?? IOError(errnoCode: EADDRINUSE, reason: "bind")
    }

    private static func open(
        _ addresses: [IPAddress], exactly port: UInt16, on group: any EventLoopGroup, _ idle: TimeAmount,
        _ connections: OpenConnections, _ responder: Responder
    ) async throws -> ListeningSockets {
        var channels: [any Channel] = []
        var port = port
        do {
            for address in addresses {
                let datagrams = try await datagrams(group, responder).channelOption(Self.freeBind(address), value: 1)
                    .bind(to: SocketAddress(ipAddress: address.description, port: Int(port))).get()
                channels.append(datagrams)
                port = UInt16(datagrams.localAddress?.port ?? 0)
                let streams = try await streams(group, responder, idle, connections)
                    .serverChannelOption(Self.freeBind(address), value: 1)
                    .bind(to: SocketAddress(ipAddress: address.description, port: Int(port))).get()
                channels.append(streams)
            }
        } catch {
            for channel in channels { try? await channel.close() }
            throw error
        }
        return ListeningSockets(port: port, channels: channels, connections: connections)
    }

    /// Ends listening and all connections.
    func close() async {
        for channel in channels { try? await channel.close() }
        for channel in connections.all { try? await channel.close() }
    }

    /// Lets an address be listened on that is not there yet, or on a link that is not up (ip(7)): pods come later.
    private static func freeBind(_ address: IPAddress) -> ChannelOptions.Types.SocketOption {
        switch address.family {
        case .v4: ChannelOptions.Types.SocketOption(level: .ip, name: .init(rawValue: IP_FREEBIND))
        case .v6: ChannelOptions.Types.SocketOption(level: .ipv6, name: .init(rawValue: IPV6_FREEBIND))
        }
    }

    private static func datagrams(_ group: any EventLoopGroup, _ responder: Responder) -> DatagramBootstrap {
        // Many packets for one system call; a query has far less than a kilobyte.
        let messages = 32
        return DatagramBootstrap(group: group)
            .channelOption(.datagramVectorReadMessageCount, value: messages)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: messages * 1024))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramHandler(responder))
                }
            }
    }

    private static func streams(
        _ group: any EventLoopGroup, _ responder: Responder, _ idle: TimeAmount, _ connections: OpenConnections
    ) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            // Connections of before a restart that are in TIME_WAIT.
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                guard connections.add(channel) else { return channel.close() }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(StreamHandler(responder, idle: idle))
                }
            }
    }
}

/// The connections that are open, and no more than are allowed.
private final class OpenConnections: Sendable {
    private let limit: Int
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    init(limit: Int) { self.limit = limit }

    var all: [any Channel] { channels.withLock { Array($0.values) } }

    /// Returns false where there are too many.
    func add(_ channel: any Channel) -> Bool {
        let id = ObjectIdentifier(channel)
        let isAllowed = channels.withLock { channels in
            guard channels.count < limit else { return false }
            channels[id] = channel
            return true
        }
        guard isAllowed else { return false }
        channel.closeFuture.whenComplete { [self] _ in _ = channels.withLock { $0.removeValue(forKey: id) } }
        return true
    }
}
