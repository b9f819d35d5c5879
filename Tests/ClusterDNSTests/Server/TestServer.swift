import InternetAddress
import KubernetesAPI
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import ClusterDNS

/// A responder on ports of 127.0.0.1, with the zone of `ZoneFixture` and with upstreams of the test's own.
struct TestServer: Sendable {
    let group: MultiThreadedEventLoopGroup
    let forwarder: Forwarder
    let zone: SharedZone
    let sockets: ListeningSockets
    var port: UInt16 { sockets.port }

    /// Runs a server for as long as `body` takes.
    static func run(
        isSynced: Bool = true, idle: TimeAmount = .seconds(10), maximumConnections: Int = 512,
        limits: Forwarder.Limits = Forwarder.Limits(), cacheCapacity: Int = 100, time: TimeSource = .system,
        upstreams behaviors: [FakeUpstream.Behavior] = [], deadUpstreams: Int = 0,
        _ body: @escaping @Sendable (TestServer, [FakeUpstream]) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var fakes: [FakeUpstream] = []
        for behavior in behaviors { fakes.append(try await FakeUpstream.start(on: group, behavior)) }
        var upstreams: [ClusterDNSConfiguration.Upstream] = []
        // No test listens on this address.
        for number in 0..<deadUpstreams {
            upstreams.append(.init(address: IPAddress(.v4, 0x7f00_004d), port: UInt16(9 + number)))
        }
        let forwarder = Forwarder(
            upstreams: upstreams + fakes.map(\.address), cacheCapacity: cacheCapacity,
            exchange: UpstreamExchange(group: group), limits: limits, time: time, logger: Logger(label: "test"))
        let zone = SharedZone(try ZoneFixture().zone, isSynced: isSynced)
        let sockets = try await ListeningSockets.open(
            [IPAddress(.v4, 0x7f00_0001)], port: 0, on: group, idle: idle, maximumConnections: maximumConnections,
            responder: Responder(zone: zone, forwarder: forwarder))
        let server = TestServer(group: group, forwarder: forwarder, zone: zone, sockets: sockets)
        let upstreamsOfTest = fakes
        let result: Result<Void, any Error> = await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await forwarder.run() }
            let result: Result<Void, any Error>
            do { result = .success(try await body(server, upstreamsOfTest)) } catch { result = .failure(error) }
            tasks.cancelAll()
            return result
        }
        await sockets.close()
        for fake in fakes { await fake.stop() }
        try await group.shutdownGracefully()
        try result.get()
    }

    // MARK: A client

    /// Sends a datagram and returns the first that comes back; nil where none does in time.
    func exchange(_ packet: [UInt8], within time: Duration = .seconds(8)) async throws -> [UInt8]? {
        let loop = group.next()
        let promise = loop.makePromise(of: [UInt8]?.self)
        let timer = loop.scheduleTask(in: TimeAmount(time)) { promise.succeed(nil) }
        let channel = try await DatagramBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(FirstDatagram(promise))
            }
        }.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: Int(port))).get()
        channel.writeAndFlush(ByteBuffer(bytes: packet), promise: nil)
        let reply = try await promise.futureResult.get()
        timer.cancel()
        try await channel.close()
        return reply
    }

    /// Asks over UDP.
    func ask(
        _ name: String, _ type: RecordType = .a, payload: UInt16? = nil, _ change: (inout Message) -> Void = { _ in }
    ) async throws -> Message {
        let reply = try await exchange(MessageWriter.write(try Self.query(name, type, payload: payload, change)))
        return try MessageReader.read(try #require(reply))
    }

    static func query(
        _ name: String, _ type: RecordType = .a, id: UInt16 = 77, payload: UInt16? = nil,
        _ change: (inout Message) -> Void = { _ in }
    ) throws -> Message {
        var query = Message(
            header: MessageHeader(id: id), question: Question(name: try #require(DomainName(name)), type: type))
        query.header.recursionDesired = true
        query.extended = payload.map { ExtendedDNS(payloadSize: $0) }
        change(&query)
        return query
    }

    /// Sends bytes on a connection, and returns the messages that come back until there are `count`, or the server
    /// closes.
    func stream(_ bytes: [UInt8], count: Int, endsInput: Bool = false) async throws -> [[UInt8]] {
        let loop = group.next()
        let promise = loop.makePromise(of: [[UInt8]].self)
        let timer = loop.scheduleTask(in: .seconds(8)) { promise.fail(UpstreamError.timedOut) }
        let channel = try await ClientBootstrap(group: loop).channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FirstFrames(count, promise))
                }
            }.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: Int(port))).get()
        if !bytes.isEmpty { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
        if endsInput { channel.close(mode: .output, promise: nil) }
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        return try await promise.futureResult.get()
    }

    static func frame(_ packet: [UInt8]) -> [UInt8] { [UInt8(packet.count >> 8), UInt8(packet.count & 0xff)] + packet }
}

private final class FirstDatagram: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let promise: EventLoopPromise<[UInt8]?>

    init(_ promise: EventLoopPromise<[UInt8]?>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        promise.succeed(Array(unwrapInboundIn(data).data.readableBytesView))
    }
}

private final class FirstFrames: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let count: Int
    private let promise: EventLoopPromise<[[UInt8]]>
    private var frames = MessageFrames(maximum: 65535)
    private var received: [[UInt8]] = []

    init(_ count: Int, _ promise: EventLoopPromise<[[UInt8]]>) {
        self.count = count
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        frames.append(unwrapInboundIn(data))
        while let frame = try? frames.next() { received.append(frame) }
        if received.count >= count { promise.succeed(received) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { promise.succeed(received) }
    }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(received) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.succeed(received) }
}
