import NIOCore

/// Answers the queries of a connection, in the order in which the answers are there (RFC 7766 section 7).
///
/// A client gets no more memory than a few queries and answers need: while too many are unanswered, or it does not read
/// its answers, nothing is read from it.
final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Bytes of a query: a name and an OPT record are far less.
    private static let maximumQuery = 4096
    private static let maximumOutstanding = 64

    private let responder: Responder
    private let idle: TimeAmount
    private var frames = MessageFrames(maximum: maximumQuery)
    private var outstanding = 0
    private var timer: Scheduled<Void>?
    private var isPaused = false
    private var hasEnded = false

    /// - Parameter idle: a connection without a whole query for so long is closed.
    init(_ responder: Responder, idle: TimeAmount) {
        self.responder = responder
        self.idle = idle
    }

    func channelActive(context: ChannelHandlerContext) { restartTimer(context) }

    func channelInactive(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        frames.append(unwrapInboundIn(data))
        work(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    /// Answers what was read, and stops reading while the client has too much under way.
    private func work(_ context: ChannelHandlerContext) {
        do {
            while !isFull(context), let packet = try frames.next() {
                restartTimer(context)
                answer(context, packet)
            }
        } catch {
            return context.close(promise: nil)
        }
        guard isFull(context) != isPaused else { return }
        isPaused.toggle()
        context.channel.setOption(.autoRead, value: !isPaused).whenFailure { _ in }
    }

    private func isFull(_ context: ChannelHandlerContext) -> Bool {
        outstanding >= Self.maximumOutstanding || !context.channel.isWritable
    }

    private func answer(_ context: ChannelHandlerContext, _ packet: [UInt8]) {
        switch responder.respond(to: packet, over: .stream, on: context.eventLoop) {
        case .reply(let reply): write(context, reply)
        case .later(let reply):
            outstanding += 1
            reply.assumeIsolated().whenSuccess { [self] reply in
                outstanding -= 1
                write(context, reply)
                context.flush()
                work(context)
                closeIfDone(context)
            }
        // What cannot be answered makes what follows it doubtful.
        case .silence: context.close(promise: nil)
        }
    }

    private func write(_ context: ChannelHandlerContext, _ reply: [UInt8]) {
        var frame = context.channel.allocator.buffer(capacity: reply.count + 2)
        frame.writeInteger(UInt16(reply.count))
        frame.writeBytes(reply)
        context.write(wrapOutboundOut(frame), promise: nil)
    }

    private func restartTimer(_ context: ChannelHandlerContext) {
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: idle) { context.close(promise: nil) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            work(context)
            context.flush()
            closeIfDone(context)
        }
    }

    /// A client that has sent all it wants still reads its answers.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        hasEnded = true
        closeIfDone(context)
    }

    private func closeIfDone(_ context: ChannelHandlerContext) {
        guard hasEnded, outstanding == 0, !isPaused else { return }
        // Behind the answers that are on their way.
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
