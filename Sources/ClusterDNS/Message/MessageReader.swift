/// Reads a message from hostile bytes: an error is a value, and the work is bounded by the packet's length. No count of
/// the packet is believed before the bytes are there.
struct MessageReader {
    /// Pointers that one name may have: as many as it has labels at most.
    private static let maximumPointers = 127

    private let bytes: [UInt8]
    private var position = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func read(_ packet: [UInt8]) throws(MessageError) -> Message {
        var reader = MessageReader(packet)
        return try reader.message()
    }

    /// The question alone, of a message that may be cut off behind it.
    static func question(_ packet: [UInt8]) throws(MessageError) -> Question? {
        var reader = MessageReader(packet)
        return try reader.start().question
    }

    private struct Start {
        var header: MessageHeader
        var question: Question?
        /// How many records the other sections say they have.
        var counts: [UInt16]
    }

    private mutating func start() throws(MessageError) -> Start {
        guard let header = MessageHeader(bytes) else { throw .incomplete }
        position = 4
        let questions = try number()
        var start = Start(header: header, counts: [try number(), try number(), try number()])
        guard questions <= 1 else { throw .questionCount }
        if questions == 1 {
            start.question = Question(
                name: try name(), type: RecordType(rawValue: try number()), questionClass: try number())
        }
        return start
    }

    private mutating func message() throws(MessageError) -> Message {
        let start = try start()
        let counts = start.counts
        var message = Message(header: start.header, question: start.question)
        message.answers = try records(counts[0])
        message.authorities = try records(counts[1])
        message.additionals = try records(counts[2])
        guard position == bytes.count else { throw .trailingBytes }
        guard !(message.answers + message.authorities).contains(where: { $0.type == .opt }) else {
            throw .extendedDNS
        }
        message.code = ResponseCode(rawValue: start.header.code)
        let options = message.additionals.filter { $0.type == .opt }
        guard let option = options.first else { return message }
        guard options.count == 1, option.name == .root else { throw .extendedDNS }
        message.additionals.removeAll { $0.type == .opt }
        message.extended = ExtendedDNS(
            payloadSize: option.recordClass, version: UInt8(truncatingIfNeeded: option.ttl >> 16),
            dnssecOK: option.ttl & 0x8000 != 0)
        message.code = ResponseCode(rawValue: UInt16(option.ttl >> 24) << 4 | start.header.code)
        return message
    }

    private mutating func records(_ count: UInt16) throws(MessageError) -> [ResourceRecord] {
        var records: [ResourceRecord] = []
        for _ in 0..<count { records.append(try record()) }
        return records
    }

    private mutating func record() throws(MessageError) -> ResourceRecord {
        let owner = try name()
        let type = RecordType(rawValue: try number())
        let recordClass = try number()
        let ttl = UInt32(try number()) << 16 | UInt32(try number())
        let length = Int(try number())
        let end = position + length
        guard end <= bytes.count else { throw .incomplete }
        let data = try data(of: type, to: end)
        return ResourceRecord(owner, type, recordClass: recordClass, ttl: ttl, data: data)
    }

    /// A record's data with its names written out.
    private mutating func data(of type: RecordType, to end: Int) throws(MessageError) -> [UInt8] {
        guard let layout = RecordLayout.of(type) else { return try take(end - position) }
        var data: [UInt8] = []
        for field in layout.fields {
            switch field {
            case .bytes(let count): data += try take(count, before: end)
            case .name: data += try name().wire
            case .string:
                guard position < end else { throw .recordData }
                data += try take(Int(bytes[position]) + 1, before: end)
            case .rest: data += try take(max(end - position, 0))
            }
        }
        guard position == end, data.count <= UInt16.max else { throw .recordData }
        return data
    }

    private mutating func take(_ count: Int, before end: Int) throws(MessageError) -> ArraySlice<UInt8> {
        guard count <= end - position else { throw .recordData }
        return try slice(count)
    }

    private mutating func take(_ count: Int) throws(MessageError) -> [UInt8] { Array(try slice(count)) }

    private mutating func slice(_ count: Int) throws(MessageError) -> ArraySlice<UInt8> {
        guard count <= bytes.count - position else { throw .incomplete }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    private mutating func number() throws(MessageError) -> UInt16 {
        guard position + 2 <= bytes.count else { throw .incomplete }
        defer { position += 2 }
        return UInt16(bytes[position]) << 8 | UInt16(bytes[position + 1])
    }

    /// A name that may end in a pointer to an earlier place (RFC 1035 section 4.1.4). Each pointer has to lead before
    /// the place that the last one led to, so that there is no loop.
    private mutating func name() throws(MessageError) -> DomainName {
        var wire: [UInt8] = []
        wire.reserveCapacity(48)
        var at = position
        var earliest = position
        var pointers = 0
        while true {
            guard at < bytes.count else { throw .incomplete }
            let length = Int(bytes[at])
            switch length & 0xc0 {
            case 0:
                guard at + length < bytes.count else { throw .incomplete }
                // A byte for the end has to fit, too.
                guard wire.count + length + (length == 0 ? 1 : 2) <= DomainName.maximumBytes else { throw .nameLength }
                wire += bytes[at...(at + length)]
                at += length + 1
                if length == 0 {
                    if pointers == 0 { position = at }
                    return DomainName(wire: wire)
                }
            case 0xc0:
                guard at + 1 < bytes.count else { throw .incomplete }
                let target = (length & 0x3f) << 8 | Int(bytes[at + 1])
                guard target >= MessageHeader.bytes, target < earliest, pointers < Self.maximumPointers else {
                    throw .pointer
                }
                if pointers == 0 { position = at + 2 }
                pointers += 1
                earliest = target
                at = target
            default: throw .labelType
            }
        }
    }
}
