import InternetAddress
import Testing

@testable import ClusterDNS

@Suite struct DomainNames {
    @Test(arguments: [
        ("web.default.svc.cluster.local", "web.default.svc.cluster.local."), ("Web.", "Web."), (".", "."), ("", "."),
        ("_http._tcp.web", "_http._tcp.web."),
    ])
    func `text becomes a name`(text: String, description: String) throws {
        #expect(try #require(DomainName(text)).description == description)
    }

    @Test(arguments: [
        "a..b", ".a", "a..", String(repeating: "a", count: 64) + ".b",
        Array(repeating: "abcdefg", count: 32).joined(separator: "."),
    ])
    func `what is no name is none`(text: String) { #expect(DomainName(text) == nil) }

    @Test func `the longest label and the longest name`() throws {
        let label = String(repeating: "a", count: 63)
        let name = try #require(
            DomainName([label, label, label, String(repeating: "b", count: 61)].joined(separator: ".")))
        #expect(name.wire.count == 255)
        #expect(name.prefixed(by: "c") == nil)
        #expect(DomainName([label, label, label, String(repeating: "b", count: 62)].joined(separator: ".")) == nil)
    }

    @Test func `case does not matter, and is kept`() throws {
        let mixed = try #require(DomainName("wEb.Default"))
        let lower = try #require(DomainName("web.default"))
        #expect(mixed == lower)
        #expect(mixed.hashValue == lower.hashValue)
        #expect(mixed.labels == ["web", "default"])
        #expect(mixed.description == "wEb.Default.")
        // What differs in the same bit as case, but is no letter.
        #expect(DomainName("a[b") != DomainName("a{b"))
        #expect(DomainName("ab.c") != DomainName("a.bc"))
    }

    @Test func `parts`() throws {
        let name = try #require(DomainName("a.bc.def"))
        #expect(name.suffix(2) == DomainName("bc.def"))
        #expect(name.suffix(0) == .root)
        #expect(name.suffix(9) == name)
        #expect(name.prefixed(by: "x") == DomainName("x.a.bc.def"))
    }

    @Test func `bytes that are no text are escaped`() {
        #expect(DomainName(wire: [4, 0x2e, 0x00, 0xff, 0x5c, 0]).description == "\\.\\000\\255\\\\.")
    }
}

/// Packets as hexadecimal bytes with blanks between them; `'text` stands for its bytes.
func packet(_ text: String) -> [UInt8] {
    text.split(whereSeparator: \.isWhitespace).flatMap { word in
        word.first == "'" ? Array(word.dropFirst().utf8) : UInt8(word, radix: 16).map { [$0] } ?? []
    }
}

@Suite struct Reading {
    /// Identifier 1234, RD, one question.
    static let head = "12 34 01 00 00 01 00 00 00 00 00 00"
    static let question = "03 'web 00 00 01 00 01"

    @Test func `a query`() throws {
        let message = try MessageReader.read(packet("\(Self.head) \(Self.question)"))
        #expect(message.header.id == 0x1234)
        #expect(message.header.recursionDesired)
        #expect(!message.header.isResponse)
        #expect(message.question == Question(name: try #require(DomainName("web")), type: .a))
        #expect(message.extended == nil)
    }

    @Test func `a query with EDNS, its options ignored`() throws {
        // A cookie (RFC 7873) and an option that nobody knows.
        let message = try MessageReader.read(
            packet(
                """
                12 34 01 00 00 01 00 00 00 00 00 01 \(Self.question)
                00 00 29 10 00 00 00 80 00 00 12 00 0a 00 08 01 02 03 04 05 06 07 08 ff fe 00 02 01 02
                """))
        #expect(message.extended == ExtendedDNS(payloadSize: 4096, version: 0, dnssecOK: true))
        #expect(message.additionals.isEmpty)
    }

    @Test func `a compressed response`() throws {
        let message = try MessageReader.read(
            packet(
                """
                12 34 81 80 00 01 00 02 00 01 00 00 03 'www 02 'ab 00 00 01 00 01
                c0 0c 00 05 00 01 00 00 00 3c 00 06 03 'srv c0 10
                c0 24 00 01 00 01 00 00 00 3c 00 04 c0 00 02 01
                c0 10 00 06 00 01 00 00 00 05 00 1e 02 'ns c0 10 02 'me c0 10
                00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 1e
                """))
        #expect(message.answers.map(\.name.description) == ["www.ab.", "srv.ab."])
        #expect(message.answers[0].alias == DomainName("srv.ab"))
        #expect(message.answers[1].data == [192, 0, 2, 1])
        #expect(message.authorities[0].minimum == 30)
        #expect(message.authorities[0].name.description == "ab.")
    }

    @Test(arguments: [
        ("", MessageError.incomplete),
        ("12 34 01 00 00 01 00 00 00 00 00", .incomplete),
        // A count that lies.
        ("12 34 01 00 00 01 00 00 00 00 00 00", .incomplete),
        ("12 34 01 00 00 01 ff ff 00 00 00 00 \(question)", .incomplete),
        ("12 34 01 00 00 02 00 00 00 00 00 00 \(question) \(question)", .questionCount),
        ("\(head) \(question) 00", .trailingBytes),
        // A label longer than the packet; the types of label that were never used.
        ("\(head) 3f 'web 00 00 01 00 01", .incomplete),
        ("\(head) 40 'web 00 00 01 00 01", .labelType),
        ("\(head) 80 'web 00 00 01 00 01", .labelType),
        // To itself, ahead, into the header, beyond the end, half a pointer.
        ("\(head) c0 0c 00 01 00 01", .pointer),
        ("\(head) c0 10 00 01 00 01", .pointer),
        ("\(head) c0 00 00 01 00 01", .pointer),
        ("\(head) ff ff 00 01 00 01", .pointer),
        ("\(head) c0", .incomplete),
        // A loop of a label and a pointer.
        ("\(head) 01 'a c0 0c 00 01 00 01", .pointer),
        // Two that lead to each other.
        ("12 34 01 00 00 01 00 01 00 00 00 00 c0 12 00 01 00 01 c0 0c 00 01 00 01 00 00 00 00 00 00", .pointer),
        // Data of the wrong length: an address, a name in less than its data, a name that ends behind them.
        ("12 34 81 00 00 00 00 01 00 00 00 00 00 00 01 00 01 00 00 00 00 00 03 01 02 03", .recordData),
        ("12 34 81 00 00 00 00 01 00 00 00 00 00 00 05 00 01 00 00 00 00 00 03 01 'a 00 00", .trailingBytes),
        ("12 34 81 00 00 00 00 01 00 00 00 00 00 00 05 00 01 00 00 00 00 00 04 01 'a 00 00", .recordData),
        ("12 34 81 00 00 00 00 01 00 00 00 00 00 00 05 00 01 00 00 00 00 00 01 01 'a 00", .recordData),
        ("12 34 81 00 00 00 00 01 00 00 00 00 00 00 10 00 01 00 00 00 00 ff ff 00", .incomplete),
        // OPT twice, with a name, among the answers.
        (
            "12 34 01 00 00 00 00 00 00 00 00 02 00 00 29 10 00 00 00 00 00 00 00 00 00 29 10 00 00 00 00 00 00 00",
            .extendedDNS
        ),
        ("12 34 01 00 00 00 00 00 00 00 00 01 01 'a 00 00 29 10 00 00 00 00 00 00 00", .extendedDNS),
        ("12 34 01 00 00 00 00 01 00 00 00 00 00 00 29 10 00 00 00 00 00 00 00", .extendedDNS),
    ])
    func `hostile bytes are an error`(text: String, error: MessageError) {
        #expect(throws: error) { try MessageReader.read(packet(text)) }
    }

    @Test func `a name may have 255 bytes, with what its pointers lead to`() throws {
        // Four labels of 62 are 252 bytes and the end: 253. One more byte and its label fit, two do not.
        let label = "3e " + Array(repeating: "61", count: 62).joined(separator: " ")
        let base = "12 34 81 00 00 01 00 01 00 00 00 00 \(label) \(label) \(label) \(label) 00 00 01 00 01"
        let rest = "c0 0c 00 01 00 01 00 00 00 00 00 04 01 02 03 04"
        #expect(try MessageReader.read(packet("\(base) 01 'b \(rest)")).answers[0].name.wire.count == 255)
        #expect(throws: MessageError.nameLength) { try MessageReader.read(packet("\(base) 02 'bb \(rest)")) }
    }

    @Test func `a chain of pointers has an end`() {
        // Each record's name is a pointer to the one before; its data another.
        var bytes = packet("12 34 81 00 00 01 01 00 00 00 00 00 00 00 01 00 01")
        var last = 12
        for _ in 0..<256 {
            let place = bytes.count
            bytes += [0xc0 | UInt8(last >> 8), UInt8(last & 0xff)] + packet("00 10 00 01 00 00 00 00 00 00")
            last = place
        }
        #expect(throws: MessageError.pointer) { try MessageReader.read(bytes) }
    }

    @Test func `the extended response code`() throws {
        let message = try MessageReader.read(
            packet("12 34 81 00 00 00 00 00 00 00 00 01 00 00 29 04 d0 01 00 00 00 00 00"))
        #expect(message.code == .badVersion)
    }
}

@Suite struct Writing {
    private func response(_ count: Int, name: String = "web.default.svc.cluster.local") throws -> Message {
        let name = try #require(DomainName(name))
        var message = Message(header: MessageHeader(id: 7), question: Question(name: name, type: .a))
        message.header.isResponse = true
        message.answers = (0..<count).map {
            ResourceRecord(name, address: IPAddress(.v4, 0x0a00_0000 + UInt128($0)), ttl: 5)
        }
        return message
    }

    @Test func `names are compressed`() throws {
        let message = try response(2)
        let bytes = MessageWriter.write(message)
        // Header, question, and records with two bytes for their names.
        #expect(bytes.count == 12 + 31 + 4 + 2 * 16)
        #expect(try MessageReader.read(bytes) == message)
    }

    @Test func `names in data are compressed where old servers know them`() throws {
        let name = try #require(DomainName("a.example.org"))
        let target = try #require(DomainName("b.example.org"))
        var message = Message(header: MessageHeader(id: 1), question: Question(name: name, type: .cname))
        message.answers = [
            ResourceRecord(name, .cname, ttl: 1, data: target.wire),
            ResourceRecord(name, .mx, ttl: 1, data: [0, 1] + target.wire),
            ResourceRecord(
                name, .srv, ttl: 1,
                data: ResourceRecord.serviceData(priority: 0, weight: 1, port: 80, target: target)),
        ]
        let bytes = MessageWriter.write(message)
        #expect(bytes.count == 12 + 15 + 4 + (12 + 4) + (12 + 2 + 2) + (12 + 6 + 15))
        #expect(try MessageReader.read(bytes) == message)
    }

    @Test func `the case of every name is kept`() throws {
        var message = try response(0, name: "WeB.example")
        message.answers = [ResourceRecord(try #require(DomainName("web.example")), address: IPAddress(.v4, 1), ttl: 5)]
        let read = try MessageReader.read(MessageWriter.write(message))
        #expect(read.question?.name.description == "WeB.example.")
        #expect(read.answers[0].name.description == "web.example.")
    }

    @Test func `what does not fit is left out and TC says so`() throws {
        let message = try response(100)
        let bytes = MessageWriter.write(message, limit: 512)
        #expect(bytes.count <= 512)
        #expect(bytes.count > 512 - 16)
        let read = try MessageReader.read(bytes)
        #expect(read.header.isTruncated)
        #expect(read.answers == Array(message.answers.prefix(read.answers.count)))
        #expect(read.answers.count == 29)
    }

    @Test func `OPT always fits`() throws {
        var message = try response(100)
        message.extended = ExtendedDNS(payloadSize: 1232)
        message.code = .badVersion
        let bytes = MessageWriter.write(message, limit: 512)
        #expect(bytes.count <= 512)
        let read = try MessageReader.read(bytes)
        #expect(read.extended == message.extended)
        #expect(read.code == .badVersion)
    }

    @Test func `additional records that do not fit are nobody's loss`() throws {
        var message = try response(2)
        message.additionals = try response(100).answers
        let read = try MessageReader.read(MessageWriter.write(message, limit: 512))
        #expect(!read.header.isTruncated)
        #expect(read.answers.count == 2)
        #expect(read.additionals.count == 27)
    }
}
