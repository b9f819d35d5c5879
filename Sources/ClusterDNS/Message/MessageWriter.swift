/// Writes a message with compressed names, within a limit of bytes.
///
/// Names are compressed only where they are the same byte for byte, so that the case of each is kept.
struct MessageWriter {
    /// An OPT record without options.
    private static let optionBytes = 11

    private var bytes: [UInt8] = []
    /// Where a name, or the rest of one, was written.
    private var places: [ArraySlice<UInt8>: UInt16] = [:]
    /// The owner of the last record, which the next one has as a rule.
    private var lastOwner: (wire: [UInt8], place: UInt16)?

    private init() {}

    /// The message in at most `limit` bytes (512 or more). What does not fit is left out; TC says so, but not of
    /// additional records, which nobody needs (RFC 2181 section 9).
    static func write(_ message: Message, limit: Int = Int(UInt16.max)) -> [UInt8] {
        var writer = MessageWriter()
        return writer.write(message, limit: limit)
    }

    private mutating func write(_ message: Message, limit: Int) -> [UInt8] {
        bytes.reserveCapacity(min(limit, 512))
        bytes.append(contentsOf: repeatElement(0, count: MessageHeader.bytes))
        if let question = message.question {
            name(question.name)
            number(question.type.rawValue)
            number(question.questionClass)
        }
        let limit = limit - (message.extended == nil ? 0 : Self.optionBytes)
        var header = message.header
        header.code = message.code.rawValue
        var counts: [UInt16] = [0, 0, 0]
        let sections = [message.answers, message.authorities, message.additionals]
        writing: for (section, records) in sections.enumerated() {
            for record in records {
                let start = bytes.count
                self.record(record)
                if bytes.count > limit {
                    // Names that were noted beyond this place are not looked up any more: it is the end.
                    bytes.removeLast(bytes.count - start)
                    header.isTruncated = header.isTruncated || section < 2
                    break writing
                }
                counts[section] += 1
            }
        }
        if let extended = message.extended {
            bytes.append(0)
            number(RecordType.opt.rawValue)
            number(extended.payloadSize)
            bytes.append(UInt8(truncatingIfNeeded: message.code.rawValue >> 4))
            bytes.append(extended.version)
            number(extended.dnssecOK ? 0x8000 : 0)
            number(0)
            counts[2] += 1
        }
        for (index, value) in ([header.id, header.flags, message.question == nil ? 0 : 1] + counts).enumerated() {
            bytes[2 * index] = UInt8(value >> 8)
            bytes[2 * index + 1] = UInt8(value & 0xff)
        }
        return bytes
    }

    private mutating func record(_ record: ResourceRecord) {
        if let lastOwner, lastOwner.wire == record.name.wire {
            number(0xc000 | lastOwner.place)
        } else {
            let place = bytes.count
            name(record.name)
            if place <= 0x3fff, record.name.wire.count > 1 {
                lastOwner = (record.name.wire, places[record.name.wire[...]] ?? UInt16(place))
            }
        }
        number(record.type.rawValue)
        number(record.recordClass)
        number(UInt16(record.ttl >> 16))
        number(UInt16(record.ttl & 0xffff))
        let length = bytes.count
        number(0)
        if let layout = RecordLayout.of(record.type), layout.mayCompress {
            data(record.data, layout)
        } else {
            bytes += record.data
        }
        let count = bytes.count - length - 2
        bytes[length] = UInt8(truncatingIfNeeded: count >> 8)
        bytes[length + 1] = UInt8(truncatingIfNeeded: count)
    }

    private mutating func data(_ data: [UInt8], _ layout: RecordLayout) {
        var at = 0
        for field in layout.fields {
            switch field {
            case .name: at = name(in: data, at: at)
            case .bytes(let count):
                bytes += data[at..<(at + count)]
                at += count
            // No type that may be compressed has these.
            case .string, .rest: break
            }
        }
    }

    /// Writes the name that begins somewhere in a record's data; returns where it ends.
    private mutating func name(in data: [UInt8], at start: Int) -> Int {
        var end = start
        while data[end] != 0 { end += Int(data[end]) + 1 }
        name(DomainName(wire: Array(data[start...end])))
        return end + 1
    }

    private mutating func name(_ name: DomainName) {
        var at = 0
        while name.wire[at] != 0 {
            let rest = name.wire[at...]
            if let place = places[rest] { return number(0xc000 | place) }
            if bytes.count <= 0x3fff { places[rest] = UInt16(bytes.count) }
            let length = Int(name.wire[at])
            bytes += name.wire[at...(at + length)]
            at += length + 1
        }
        bytes.append(0)
    }

    private mutating func number(_ value: UInt16) {
        bytes.append(UInt8(value >> 8))
        bytes.append(UInt8(value & 0xff))
    }
}
