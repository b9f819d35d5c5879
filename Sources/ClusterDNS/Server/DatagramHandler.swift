import NIOCore

/// Answers datagrams.
final class DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private let responder: Responder

    init(_ responder: Responder) { self.responder = responder }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let packet = Array(envelope.data.readableBytesView)
        switch responder.respond(to: packet, over: .datagram, on: context.eventLoop) {
        case .reply(let reply): write(context, reply, to: envelope.remoteAddress)
        case .later(let reply):
            reply.assumeIsolated().whenSuccess { [self] reply in
                write(context, reply, to: envelope.remoteAddress)
                context.flush()
            }
        case .silence: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    /// A reply that the socket has no room for is lost, as any datagram may be.
    private func write(_ context: ChannelHandlerContext, _ reply: [UInt8], to address: SocketAddress) {
        guard context.channel.isWritable else { return }
        let envelope = AddressedEnvelope(remoteAddress: address, data: context.channel.allocator.buffer(bytes: reply))
        context.write(wrapOutboundOut(envelope), promise: nil)
    }

    /// One packet that could not be read or written says nothing about the next.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
