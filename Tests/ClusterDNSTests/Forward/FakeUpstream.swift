import Foundation
import InternetAddress
import NIOCore
import NIOPosix
import Synchronization

@testable import ClusterDNS

/// A name server on a port of 127.0.0.1 that does what a test says, and counts what it is asked.
final class FakeUpstream: Sendable {
    /// What is sent for a query: any number of datagrams, or messages of a connection.
    typealias Behavior = @Sendable (_ query: Message, _ overStream: Bool) -> [[UInt8]]

    let address: ClusterDNSConfiguration.Upstream
    private let channels: [any Channel]
    private let seen: Seen

    /// The queries that came, in order.
    var queries: [Message] { seen.queries.withLock { $0 } }

    private final class Seen: Sendable {
        let queries = Mutex<[Message]>([])
    }

    static func start(on group: any EventLoopGroup, _ behavior: @escaping Behavior) async throws -> FakeUpstream {
        // A port that is free for datagrams may be taken for connections.
        for _ in 0..<16 {
            do {
                return try await start(once: group, behavior)
            } catch let error as IOError where error.errnoCode == EADDRINUSE {}
        }
        return try await start(once: group, behavior)
    }

    private static func start(
        once group: any EventLoopGroup, _ behavior: @escaping Behavior
    ) async throws -> FakeUpstream {
        let seen = Seen()
        let datagrams = try await DatagramBootstrap(group: group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Datagrams(seen, behavior))
            }
        }.bind(host: "127.0.0.1", port: 0).get()
        do {
            let port = datagrams.localAddress?.port ?? 0
            let streams = try await ServerBootstrap(group: group).childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Streams(seen, behavior))
                }
            }.bind(host: "127.0.0.1", port: port).get()
            return FakeUpstream([datagrams, streams], UInt16(port), seen)
        } catch {
            try await datagrams.close()
            throw error
        }
    }

    private init(_ channels: [any Channel], _ port: UInt16, _ seen: Seen) {
        self.channels = channels
        self.seen = seen
        address = .init(address: IPAddress(.v4, 0x7f00_0001), port: port)
    }

    func stop() async { for channel in channels { try? await channel.close() } }

    private final class Datagrams: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let seen: Seen
        private let behavior: Behavior

        init(_ seen: Seen, _ behavior: @escaping Behavior) {
            self.seen = seen
            self.behavior = behavior
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            guard let query = try? MessageReader.read(Array(envelope.data.readableBytesView)) else { return }
            seen.queries.withLock { $0.append(query) }
            for reply in behavior(query, false) {
                let data = ByteBuffer(bytes: reply)
                context.writeAndFlush(
                    NIOAny(AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: data)), promise: nil)
            }
        }
    }

    private final class Streams: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let seen: Seen
        private let behavior: Behavior
        private var frames = MessageFrames(maximum: 65535)

        init(_ seen: Seen, _ behavior: @escaping Behavior) {
            self.seen = seen
            self.behavior = behavior
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            frames.append(unwrapInboundIn(data))
            while let packet = try? frames.next(), let query = try? MessageReader.read(packet) {
                seen.queries.withLock { $0.append(query) }
                for reply in behavior(query, true) {
                    var frame = ByteBuffer(integer: UInt16(reply.count))
                    frame.writeBytes(reply)
                    context.writeAndFlush(NIOAny(frame), promise: nil)
                }
            }
        }
    }
}

extension Message {
    /// A response to this query.
    func answered(
        _ records: [ResourceRecord] = [], code: ResponseCode = .noError, authorities: [ResourceRecord] = [],
        _ change: (inout Message) -> Void = { _ in }
    ) -> [UInt8] {
        var response = Message(header: header, question: question)
        response.header.isResponse = true
        response.header.recursionAvailable = true
        response.header.authenticData = false
        response.answers = records
        response.authorities = authorities
        response.code = code
        response.extended = extended.map { _ in ExtendedDNS(payloadSize: 4096) }
        change(&response)
        return MessageWriter.write(response)
    }

    /// A response with one address for the question.
    func answered(_ address: String, ttl: UInt32 = 60, _ change: (inout Message) -> Void = { _ in }) -> [UInt8] {
        guard let name = question?.name, let address = IPAddress(address) else { return [] }
        return answered([ResourceRecord(name, address: address, ttl: ttl)], change)
    }
}
