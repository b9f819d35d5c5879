/// Text with tags. What is interpolated is escaped unless it is markup itself, so that no name, reason or path from
/// outside can become a tag or leave its attribute.
struct Markup: Sendable, Hashable, ExpressibleByStringInterpolation {
    private(set) var text: String

    init(stringLiteral value: String) { text = value }
    init(stringInterpolation: Interpolation) { text = stringInterpolation.text }

    struct Interpolation: StringInterpolationProtocol {
        var text = ""
        init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity * 2) }
        mutating func appendLiteral(_ literal: String) { text += literal }
        mutating func appendInterpolation(_ markup: Markup) { text += markup.text }
        mutating func appendInterpolation(_ markup: [Markup]) { for part in markup { text += part.text } }
        mutating func appendInterpolation(_ plain: String) { text += Markup.escape(plain) }
        mutating func appendInterpolation(_ number: Int) { text += String(number) }
        /// A place in a drawing, to a tenth of a unit.
        mutating func appendInterpolation(_ number: Double) {
            text += NumberText.tenths(number)
        }
    }

    static func += (left: inout Markup, right: Markup) { left.text += right.text }

    private static func escape(_ plain: String) -> String {
        guard plain.utf8.contains(where: isSpecial) else { return plain }
        var escaped: [UInt8] = []
        for byte in plain.utf8 {
            switch byte {
            case UInt8(ascii: "&"): escaped += Array("&amp;".utf8)
            case UInt8(ascii: "<"): escaped += Array("&lt;".utf8)
            case UInt8(ascii: ">"): escaped += Array("&gt;".utf8)
            case UInt8(ascii: "\""): escaped += Array("&quot;".utf8)
            case UInt8(ascii: "'"): escaped += Array("&#39;".utf8)
            // Control characters are not allowed in HTML at all.
            case 0..<9, 11, 12, 14..<32, 127: escaped += Array("\u{FFFD}".utf8)
            default: escaped.append(byte)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "&"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\""), UInt8(ascii: "'"): true
        case 0..<9, 11, 12, 14..<32, 127: true
        default: false
        }
    }
}
