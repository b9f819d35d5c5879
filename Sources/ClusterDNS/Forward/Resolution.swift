/// What came of asking others: records, or why there are none.
struct Resolution: Sendable, Hashable {
    /// Seconds that an answer is kept at most.
    static let maximumLifetime: UInt32 = 3600
    /// Seconds that the absence of a name or of a type is kept at most: people wait for names to appear.
    static let maximumNegativeLifetime: UInt32 = 30
    /// Seconds that a failure is kept (RFC 9520 section 3.2), so that a client that repeats itself does not wait again.
    static let failureLifetime: UInt32 = 1

    var code = ResponseCode.noError
    var answers: [ResourceRecord] = []
    var authorities: [ResourceRecord] = []
    var additionals: [ResourceRecord] = []
    /// AD, as the upstream said it.
    var isAuthentic = false

    static let failure = Resolution(code: .serverFailure)

    init(code: ResponseCode) { self.code = code }

    init(_ message: Message) {
        code = message.code
        answers = message.answers
        authorities = message.authorities
        additionals = message.additionals
        isAuthentic = message.header.authenticData
    }

    /// Seconds that this may be kept as the answer to questions of a type; 0: not at all.
    ///
    /// Where there is nothing, the zone's SOA says how long that holds; without one nobody knows (RFC 2308 section 5).
    func lifetime(_ type: RecordType) -> UInt32 {
        let ofAnswers = answers.map { Self.seconds($0.ttl) }.min()
        switch code {
        case .noError where answers.contains { $0.type == type }:
            return min(ofAnswers ?? 0, Self.maximumLifetime)
        case .noError, .nameError:
            guard let authority = authorities.first(where: { $0.type == .soa }), let minimum = authority.minimum else {
                return 0
            }
            return min(
                ofAnswers ?? .max, Self.seconds(authority.ttl), Self.seconds(minimum), Self.maximumNegativeLifetime)
        case .serverFailure: return Self.failureLifetime
        default: return 0
        }
    }

    /// The same after some seconds in a cache.
    func aged(by seconds: UInt32) -> Resolution {
        if seconds == 0 { return self }
        var aged = self
        func age(_ records: inout [ResourceRecord]) {
            for index in records.indices { records[index].ttl -= min(seconds, records[index].ttl) }
        }
        age(&aged.answers)
        age(&aged.authorities)
        age(&aged.additionals)
        return aged
    }

    /// With the highest bit set it counts as 0 (RFC 2181 section 8).
    private static func seconds(_ ttl: UInt32) -> UInt32 { ttl > UInt32(Int32.max) ? 0 : ttl }

    /// About how many bytes it has on the wire, without compression.
    var size: Int {
        (answers + authorities + additionals).reduce(0) { $0 + $1.name.wire.count + 10 + $1.data.count }
    }
}
