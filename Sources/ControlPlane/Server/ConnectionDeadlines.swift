import NIOCore
import NIOHTTPTypes

/// A request whose body does not arrive in time.
struct RequestTooSlow: Error, Sendable {}

/// Bounds how long one client may keep a connection busy: with a request that trickles in, or with an answer, above all
/// a watch, that it does not read. What waits for a slow client is memory and a descriptor, of which there are so many.
///
/// Stands behind the HTTP codec. A connection without a request is the idle time's (`RequestLimits.idleTime`).
final class ConnectionDeadlines: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    /// Between the refusal of a slow request and the end of its connection.
    private static let grace = TimeAmount.seconds(5)

    private let limits: ConnectionLimits
    private var reading: Scheduled<Void>?
    private var writing: Scheduled<Void>?

    init(_ limits: ConnectionLimits) { self.limits = limits }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: startReading(context)
        case .body: break
        case .end:
            reading?.cancel()
            reading = nil
        }
        context.fireChannelRead(data)
    }

    private func startReading(_ context: ChannelHandlerContext) {
        reading?.cancel()
        reading = schedule(context, in: TimeAmount(limits.requestTime)) { handler, context in
            // Who reads the body is told, and answers.
            context.fireErrorCaught(RequestTooSlow())
            handler.reading = handler.schedule(context, in: Self.grace) { $1.close(promise: nil) }
        }
    }

    /// Not writable: what was written last waits for the client.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        writing?.cancel()
        writing =
            context.channel.isWritable
            ? nil : schedule(context, in: TimeAmount(limits.stallTime)) { $1.close(promise: nil) }
        context.fireChannelWritabilityChanged()
    }

    private func schedule(
        _ context: ChannelHandlerContext, in time: TimeAmount,
        _ action: @escaping (ConnectionDeadlines, ChannelHandlerContext) -> Void
    ) -> Scheduled<Void> {
        context.eventLoop.assumeIsolated().scheduleTask(in: time) { action(self, context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { cancel() }

    private func cancel() {
        reading?.cancel()
        writing?.cancel()
        (reading, writing) = (nil, nil)
    }
}
