import InternetAddress
import NIOCore
import NIOPosix

enum UpstreamError: Error, Sendable, Hashable {
    case timedOut
    /// The other side ended the connection, or sent what is no answer.
    case closed
}

/// One question to one server: a datagram, and a connection where the answer did not fit.
///
/// Each question has a socket of its own, connected and so with a random port that the kernel chose, and a random
/// identifier: who cannot see the packets has to guess both. What does not answer this question is not looked at.
struct UpstreamExchange: Sendable {
    let group: any EventLoopGroup

    /// - Parameter query: with its identifier.
    func ask(
        _ query: Message, of upstream: ClusterDNSConfiguration.Upstream, within time: Duration
    ) async throws -> Message {
        let deadline = NIODeadline.now() + TimeAmount(time)
        let address = try SocketAddress(ipAddress: upstream.address.description, port: Int(upstream.port))
        let packet = ByteBuffer(bytes: MessageWriter.write(query))
        let reply = try await exchange(packet, deadline) { loop, promise in
            DatagramBootstrap(group: loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramReply(query, promise))
                }
            }.connect(to: address)
        }
        guard reply.header.isTruncated else { return reply }
        var framed = ByteBuffer(integer: UInt16(packet.readableBytes))
        framed.writeImmutableBuffer(packet)
        return try await exchange(framed, deadline) { loop, promise in
            ClientBootstrap(group: loop).connectTimeout(TimeAmount(time)).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(StreamReply(query, promise))
                }
            }.connect(to: address)
        }
    }

    private func exchange(
        _ packet: ByteBuffer, _ deadline: NIODeadline,
        connect: (any EventLoop, EventLoopPromise<Message>) -> EventLoopFuture<any Channel>
    ) async throws -> Message {
        let loop = group.next()
        let promise = loop.makePromise(of: Message.self)
        let timer = loop.scheduleTask(deadline: deadline) { promise.fail(UpstreamError.timedOut) }
        let channel: any Channel
        do {
            channel = try await connect(loop, promise).get()
        } catch {
            timer.cancel()
            promise.fail(error)
            throw error
        }
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        return try await withTaskCancellationHandler {
            channel.writeAndFlush(packet).cascadeFailure(to: promise)
            return try await promise.futureResult.get()
        } onCancel: {
            // The handler's `channelInactive` ends the wait.
            channel.close(promise: nil)
        }
    }

    /// The reply to a query in a packet; nil where the packet is something else.
    static func reply(to query: Message, in packet: [UInt8]) -> Message? {
        guard let header = MessageHeader(packet), header.isResponse, header.operation == 0, header.id == query.header.id
        else { return nil }
        // What is cut off need not be a whole message, and is not used but for its question.
        if header.isTruncated {
            guard let question = try? MessageReader.question(packet), question == query.question else { return nil }
            return Message(header: header, question: question)
        }
        guard let message = try? MessageReader.read(packet) else { return nil }
        // A server that did not understand the query need not repeat it.
        let needsNone = message.question == nil && [.formatError, .notImplemented].contains(message.code)
        return message.question == query.question || needsNone ? message : nil
    }
}

/// Waits for the datagram that answers a query.
private final class DatagramReply: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let query: Message
    private let promise: EventLoopPromise<Message>

    init(_ query: Message, _ promise: EventLoopPromise<Message>) {
        self.query = query
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let packet = Array(unwrapInboundIn(data).data.readableBytesView)
        if let reply = UpstreamExchange.reply(to: query, in: packet) { promise.succeed(reply) }
    }

    /// That nobody listens there is an error of the next read.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(UpstreamError.closed) }
}

/// Waits for the first message of a connection.
private final class StreamReply: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let query: Message
    private let promise: EventLoopPromise<Message>
    private var frames = MessageFrames(maximum: Int(UInt16.max))

    init(_ query: Message, _ promise: EventLoopPromise<Message>) {
        self.query = query
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        frames.append(unwrapInboundIn(data))
        guard let packet = try? frames.next() else { return }
        guard let reply = UpstreamExchange.reply(to: query, in: packet), !reply.header.isTruncated else {
            return promise.fail(UpstreamError.closed)
        }
        promise.succeed(reply)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { promise.fail(error) }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(UpstreamError.closed) }
}
