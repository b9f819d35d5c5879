/// The identifier and the flags of a message (RFC 1035 section 4.1.1, RFC 4035 section 3).
struct MessageHeader: Sendable, Hashable {
    static let bytes = 12

    var id: UInt16
    /// As on the wire.
    var flags: UInt16

    init(id: UInt16, flags: UInt16 = 0) {
        self.id = id
        self.flags = flags
    }

    /// Nil where there are fewer bytes than a header has. Says nothing about what follows it.
    init?(_ packet: [UInt8]) {
        guard packet.count >= Self.bytes else { return nil }
        id = UInt16(packet[0]) << 8 | UInt16(packet[1])
        flags = UInt16(packet[2]) << 8 | UInt16(packet[3])
    }

    private subscript(bit: UInt16) -> Bool {
        get { flags & bit != 0 }
        set { flags = newValue ? flags | bit : flags & ~bit }
    }

    var isResponse: Bool {
        get { self[0x8000] }
        set { self[0x8000] = newValue }
    }
    /// 0 is a query.
    var operation: UInt16 {
        get { flags >> 11 & 0xf }
        set { flags = flags & ~0x7800 | (newValue & 0xf) << 11 }
    }
    var isAuthoritative: Bool {
        get { self[0x0400] }
        set { self[0x0400] = newValue }
    }
    var isTruncated: Bool {
        get { self[0x0200] }
        set { self[0x0200] = newValue }
    }
    var recursionDesired: Bool {
        get { self[0x0100] }
        set { self[0x0100] = newValue }
    }
    var recursionAvailable: Bool {
        get { self[0x0080] }
        set { self[0x0080] = newValue }
    }
    /// AD: of a response, that DNSSEC proved it; of a query, that the client wants to know (RFC 6840 section 5.7).
    var authenticData: Bool {
        get { self[0x0020] }
        set { self[0x0020] = newValue }
    }
    /// CD: the client checks signatures itself.
    var checkingDisabled: Bool {
        get { self[0x0010] }
        set { self[0x0010] = newValue }
    }
    /// The lower four bits of the response code.
    var code: UInt16 {
        get { flags & 0xf }
        set { flags = flags & ~0xf | newValue & 0xf }
    }
}

struct Question: Sendable, Hashable {
    var name: DomainName
    var type: RecordType
    var questionClass: UInt16 = ResourceRecord.internet
}

/// What an OPT record says (RFC 6891). Options are not kept: none of them is implemented, and they go from hop to hop.
struct ExtendedDNS: Sendable, Hashable {
    /// The datagrams that its sender takes, in bytes.
    var payloadSize: UInt16
    /// 0 is the only one there is.
    var version: UInt8 = 0
    /// DO: the client wants DNSSEC's records.
    var dnssecOK = false
}

/// A query or a response. At most one question: nobody sends more (RFC 9619).
struct Message: Sendable, Hashable {
    var header: MessageHeader
    var question: Question?
    var answers: [ResourceRecord] = []
    var authorities: [ResourceRecord] = []
    /// Without the OPT record.
    var additionals: [ResourceRecord] = []
    var extended: ExtendedDNS?
    var code = ResponseCode.noError

    init(header: MessageHeader, question: Question? = nil) {
        self.header = header
        self.question = question
    }
}

/// Why bytes are no message.
enum MessageError: Error, Sendable, Hashable {
    /// The bytes end before the message does: counts or lengths that lie.
    case incomplete
    case labelType
    case nameLength
    /// A compression pointer that does not lead to an earlier place, or one of too many.
    case pointer
    case questionCount
    /// The data of a record are longer or shorter than its type has them.
    case recordData
    /// More than one OPT, or one outside of the additional section or with a name.
    case extendedDNS
    case trailingBytes
}
