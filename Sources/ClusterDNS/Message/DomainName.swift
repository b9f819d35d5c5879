/// A name of the DNS as it is on the wire, case kept. Two names are equal where they differ in the case of ASCII
/// letters only (RFC 4343).
struct DomainName: Sendable {
    /// RFC 1035 section 2.3.4.
    static let maximumBytes = 255
    static let maximumLabelBytes = 63
    static let root = DomainName(wire: [0])

    /// Labels, each after a byte with its length; the empty one ends it. 1 to 255 bytes.
    let wire: [UInt8]

    /// - Parameter wire: as it was checked by a reader.
    init(wire: [UInt8]) { self.wire = wire }

    /// A name as people write it, with or without the dot at the end, without escapes. Nil where a label is empty or
    /// longer than 63 bytes, or the name longer than 255.
    init?(_ text: String) {
        if text.isEmpty || text == "." {
            self = .root
            return
        }
        let labels = (text.utf8.last == UInt8(ascii: ".") ? text.dropLast() : text[...])
            .split(separator: ".", omittingEmptySubsequences: false)
        self.init(labels: labels)
    }

    /// - Returns: nil where a label is empty or longer than 63 bytes, or the name longer than 255.
    init?(labels: some Sequence<some StringProtocol>) {
        var wire: [UInt8] = []
        for label in labels {
            let count = label.utf8.count
            guard (1...Self.maximumLabelBytes).contains(count) else { return nil }
            wire.append(UInt8(count))
            wire += label.utf8
        }
        wire.append(0)
        guard wire.count <= Self.maximumBytes else { return nil }
        self.wire = wire
    }

    /// This name with one more label in front; nil where that is too long.
    func prefixed(by label: String) -> DomainName? {
        let count = label.utf8.count
        guard (1...Self.maximumLabelBytes).contains(count), wire.count + count + 1 <= Self.maximumBytes else {
            return nil
        }
        return DomainName(wire: [UInt8(count)] + label.utf8 + wire)
    }

    /// Where each label begins in `wire`, without the empty one.
    var labelOffsets: [Int] {
        var offsets: [Int] = []
        var at = 0
        while wire[at] != 0 {
            offsets.append(at)
            at += Int(wire[at]) + 1
        }
        return offsets
    }

    /// The labels in lower case, the leftmost first. Bytes that are no text become U+FFFD, which no name of ours has.
    var labels: [String] {
        labelOffsets.map { at in
            let label = wire[(at + 1)...(at + Int(wire[at]))]
            return String(decoding: label.lazy.map(Self.lowercase), as: UTF8.self)
        }
    }

    /// The name of the last `count` labels; the whole name where it has no more than these.
    func suffix(_ count: Int) -> DomainName {
        let offsets = labelOffsets
        guard count < offsets.count else { return self }
        return DomainName(wire: Array(wire[(count == 0 ? wire.count - 1 : offsets[offsets.count - count])...]))
    }

    /// A length byte is below the letters: the whole of `wire` may be treated alike.
    private static func lowercase(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}

extension DomainName: Hashable, CustomStringConvertible {
    static func == (left: DomainName, right: DomainName) -> Bool {
        left.wire.count == right.wire.count
            && zip(left.wire, right.wire).allSatisfy { $0 == $1 || lowercase($0) == lowercase($1) }
    }

    func hash(into hasher: inout Hasher) {
        for byte in wire { hasher.combine(Self.lowercase(byte)) }
    }

    /// With the dot at the end; what is not printable, and dots in labels, as RFC 1035 section 5.1 escapes them.
    var description: String {
        if wire.count == 1 { return "." }
        var text = ""
        for at in labelOffsets {
            for byte in wire[(at + 1)...(at + Int(wire[at]))] {
                switch byte {
                case UInt8(ascii: "."), UInt8(ascii: "\\"): text += "\\\(Character(Unicode.Scalar(byte)))"
                case 0x21...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
                default: text += "\\" + String(1000 + Int(byte)).dropFirst()
                }
            }
            text += "."
        }
        return text
    }
}
