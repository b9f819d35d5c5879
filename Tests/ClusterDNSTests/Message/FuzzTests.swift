import InternetAddress
import Testing

@testable import ClusterDNS

/// Packets of all kinds, with and without mistakes, to begin mutations from.
enum Corpus {
    static let packets: [[UInt8]] = [
        // Queries: plain, mixed case, SRV, PTR, EDNS with a cookie, DO, other class, other operation, no question.
        "12 34 01 00 00 01 00 00 00 00 00 00 03 'web 07 'default 03 'svc 07 'cluster 05 'local 00 00 01 00 01",
        "00 01 01 20 00 01 00 00 00 00 00 00 03 'wEb 07 'dEFAULT 03 'Svc 07 'clustER 05 'LOCAL 00 00 1c 00 01",
        """
        00 02 01 00 00 01 00 00 00 00 00 01 05 '_http 04 '_tcp 03 'web 07 'default 03 'svc 07 'cluster 05
        'local 00 00 21 00 01 00 00 29 04 d0 00 00 00 00 00 0c 00 0a 00 08 01 02 03 04 05 06 07 08
        """,
        """
        00 03 01 00 00 01 00 00 00 00 00 01 01 '7 01 '0 03 '244 02 '10 07 'in-addr 04 'arpa 00 00 0c 00 01
        00 00 29 ff ff 00 00 80 00 00 00
        """,
        "00 04 01 00 00 01 00 00 00 00 00 00 07 'version 04 'bind 00 00 10 00 03",
        "00 05 28 00 00 01 00 00 00 00 00 00 03 'web 00 00 06 00 01",
        "00 06 01 00 00 00 00 00 00 00 00 00",
        // Responses: CNAME and A with pointers, SOA, MX, SRV, NAPTR, TXT, RRSIG, truncated, TC.
        """
        12 34 81 80 00 01 00 02 00 01 00 00 03 'www 02 'ab 00 00 01 00 01 c0 0c 00 05 00 01 00 00 00 3c 00
        06 03 'srv c0 10 c0 24 00 01 00 01 00 00 00 3c 00 04 c0 00 02 01 c0 10 00 06 00 01 00 00 00 05 00 1e
        02 'ns c0 10 02 'me c0 10 00 00 00 01 00 00 00 02 00 00 00 03 00 00 00 04 00 00 00 1e
        """,
        """
        00 07 84 00 00 01 00 02 00 00 00 02 02 'mx 00 00 0f 00 01 c0 0c 00 0f 00 01 00 00 00 01 00 08 00 0a
        03 'one c0 0c c0 0c 00 0f 00 01 00 00 00 01 00 06 00 14 01 'a c0 0c c0 24 00 1c 00 01 00 00 00 01 00
        10 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 00 00 29 04 d0 00 00 80 00 00 00
        """,
        """
        00 08 81 80 00 01 00 01 00 00 00 00 01 'n 00 00 23 00 01 c0 0c 00 23 00 01 00 00 00 01 00 13 00 64
        00 0a 01 'u 03 'sip 05 '!x!y! 01 'a 00 00
        """,
        "00 09 81 80 00 01 00 01 00 00 00 00 01 't 00 00 10 00 01 c0 0c 00 10 00 01 00 00 00 01 00 08 03 'abc 03 'def",
        """
        00 0a 81 80 00 01 00 01 00 00 00 00 01 's 00 00 2e 00 01 c0 0c 00 2e 00 01 00 00 00 01 00 16 00 01
        08 02 00 00 00 05 00 00 00 05 00 00 00 01 00 01 01 's 00 aa
        """,
        "00 0b 83 80 00 01 00 00 00 00 00 00 03 'big 00 00 01 00 01",
        // Loops and pointers ahead.
        "12 34 01 00 00 01 00 00 00 00 00 00 01 'a c0 0c 00 01 00 01",
        "12 34 01 00 00 01 00 01 00 00 00 00 c0 12 00 01 00 01 c0 0c 00 01 00 01 00 00 00 00 00 00",
        "12 34 01 00 ff ff ff ff ff ff ff ff 3f 'web 00 00 01 00 01",
    ].map(packet)
}

/// Mutations of a corpus, the same in every run.
struct Mutator {
    var generator: SplitMix

    mutating func next() -> [UInt8] {
        guard var bytes = Corpus.packets.randomElement(using: &generator) else { return [] }
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            if bytes.isEmpty { bytes = [0] }
            let at = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 1: bytes[at] = UInt8.random(in: 0...255, using: &generator)
            case 2: bytes[at] = [0x00, 0x01, 0x3f, 0x40, 0xc0, 0xff].randomElement(using: &generator) ?? 0
            case 3: bytes.removeLast(bytes.count - at)
            case 4: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
            case 5: bytes.remove(at: at)
            // A pointer to anywhere near.
            case 6:
                bytes.replaceSubrange(
                    at..<min(at + 2, bytes.count), with: [0xc0, UInt8.random(in: 0...64, using: &generator)])
            default:
                guard let other = Corpus.packets.randomElement(using: &generator) else { continue }
                bytes += other.suffix(Int.random(in: 0...min(other.count, 40), using: &generator))
            }
        }
        return bytes
    }
}

@Suite struct Fuzzing {
    @Test func `mutated packets are read or refused, and what is read is written as the same`() throws {
        var mutator = Mutator(generator: SplitMix(state: 4))
        var readable = 0
        for _ in 0..<200_000 {
            let bytes = mutator.next()
            guard let message = try? MessageReader.read(bytes) else { continue }
            readable += 1
            let whole = MessageWriter.write(message)
            let again = try? MessageReader.read(whole)
            guard again == message else {
                Issue.record("\(bytes) is read as \(message), written as \(whole)")
                return
            }
            let short = MessageWriter.write(message, limit: 512)
            guard short.count <= max(512, 12 + 259 + 11), (try? MessageReader.read(short)) != nil else {
                Issue.record("\(bytes) is cut to \(short)")
                return
            }
        }
        // The corpus is worth its name: many mutations are still messages.
        #expect(readable > 20_000)
    }

    @Test func `random bytes are read or refused`() {
        var generator = SplitMix(state: 5)
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            // Counts that are possible let the reader go further.
            if bytes.count > 12 { bytes.replaceSubrange(4..<12, with: [0, 1, 0, 1, 0, 1, 0, 1]) }
            _ = try? MessageReader.read(bytes)
        }
    }
}
