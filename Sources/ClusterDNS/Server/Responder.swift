import InternetAddress
import NIOCore

/// From a packet to the packet that answers it: the cluster's names from the zone at once, others from the cache or,
/// later, from upstream.
final class Responder: Sendable {
    /// Bytes of a datagram at most, whatever the client takes: what passes everywhere without fragments.
    static let maximumDatagram: UInt16 = 1232
    /// Bytes of a datagram to a client that does not say (RFC 1035 section 4.2.1).
    private static let plainDatagram: UInt16 = 512

    enum Transport: Sendable {
        case datagram, stream
    }

    enum Outcome {
        case reply([UInt8])
        case later(EventLoopFuture<[UInt8]>)
        /// Nothing is said to what is no query: two servers could go on answering each other.
        case silence
    }

    private let zone: SharedZone
    private let forwarder: Forwarder
    private let metrics: ResponderMetrics

    init(zone: SharedZone, forwarder: Forwarder, metrics: ResponderMetrics = ResponderMetrics()) {
        self.zone = zone
        self.forwarder = forwarder
        self.metrics = metrics
    }

    /// Never waits; what takes longer is a future of `loop`.
    func respond(to packet: [UInt8], over transport: Transport, on loop: any EventLoop) -> Outcome {
        let start = NIODeadline.now()
        guard let header = MessageHeader(packet), !header.isResponse else { return .silence }
        guard header.operation == 0 else { return .reply(refuse(header, .notImplemented, start)) }
        guard let query = try? MessageReader.read(packet), let question = query.question else {
            return .reply(refuse(header, .formatError, start))
        }
        var response = Self.response(to: query)
        if let extended = query.extended, extended.version > 0 {
            response.code = .badVersion
        } else if question.questionClass != ResourceRecord.internet || question.type.isMeta {
            // ANY among them: nobody needs it, and its large answers serve attackers (RFC 8482).
            response.code = .refused
        } else {
            switch zone.answer(question) {
            case .notYet: response.code = .serverFailure
            case .answer(let answer):
                response.header.isAuthoritative = true
                response.code = answer.code
                response.answers = answer.answers
                response.authorities = answer.authorities
                response.additionals = answer.additionals
                if let alias = answer.alias { return complete(response, query, alias, transport, loop, start) }
            case .elsewhere: return complete(response, query, question.name, transport, loop, start)
            }
        }
        return .reply(finish(response, query, transport, start))
    }

    /// Adds what upstream says of a name: the question's, or one that an alias leads to.
    private func complete(
        _ response: Message, _ query: Message, _ name: DomainName, _ transport: Transport, _ loop: any EventLoop,
        _ start: NIODeadline
    ) -> Outcome {
        let key = Forwarder.Key(
            name: name, type: query.question?.type ?? .a, dnssecOK: query.extended?.dnssecOK ?? false,
            checkingDisabled: query.header.checkingDisabled)
        let promise = loop.makePromise(of: [UInt8].self)
        let present = forwarder.resolve(key) { [self] resolution in
            promise.succeed(finish(Self.merge(resolution, into: response, query), query, transport, start))
        }
        guard let present else { return .later(promise.futureResult) }
        let reply = finish(Self.merge(present, into: response, query), query, transport, start)
        // A promise has to be kept, also one that nobody waits for.
        promise.succeed(reply)
        return .reply(reply)
    }

    private static func merge(_ resolution: Resolution, into response: Message, _ query: Message) -> Message {
        var response = response
        if response.answers.isEmpty {
            let wantsToKnow = query.header.authenticData || query.extended?.dnssecOK == true
            response.header.authenticData = resolution.isAuthentic && wantsToKnow
        } else if ![.noError, .nameError].contains(resolution.code) {
            // Where the name behind an alias cannot be had, the alias is said alone, as CoreDNS does.
            return response
        }
        response.code = resolution.code
        response.answers += resolution.answers
        response.authorities = resolution.authorities
        response.additionals = resolution.additionals
        return response
    }

    /// What all responses to a query have in common.
    private static func response(to query: Message) -> Message {
        var response = Message(header: emptyHeader(for: query.header), question: query.question)
        response.header.checkingDisabled = query.header.checkingDisabled
        if let extended = query.extended {
            response.extended = ExtendedDNS(payloadSize: maximumDatagram, dnssecOK: extended.dnssecOK)
        }
        return response
    }

    private static func emptyHeader(for query: MessageHeader) -> MessageHeader {
        var header = MessageHeader(id: query.id)
        header.isResponse = true
        header.operation = query.operation
        header.recursionDesired = query.recursionDesired
        header.recursionAvailable = true
        return header
    }

    /// An answer without the question, which could not be read or is of another kind.
    private func refuse(_ header: MessageHeader, _ code: ResponseCode, _ start: NIODeadline) -> [UInt8] {
        var response = Message(header: Self.emptyHeader(for: header))
        response.code = code
        metrics.record(code, since: start)
        return MessageWriter.write(response)
    }

    private func finish(_ response: Message, _ query: Message, _ transport: Transport, _ start: NIODeadline) -> [UInt8]
    {
        metrics.record(response.code, since: start)
        switch transport {
        case .stream: return MessageWriter.write(response)
        case .datagram:
            let size = query.extended?.payloadSize ?? Self.plainDatagram
            let limit = min(max(size, Self.plainDatagram), Self.maximumDatagram)
            return MessageWriter.write(response, limit: Int(limit))
        }
    }
}
