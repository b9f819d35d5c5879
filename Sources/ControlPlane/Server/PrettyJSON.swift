import HTTPTypes
import NIOCore

/// JSON with line breaks and two spaces a level, as Go's `json.Indent` writes it: for people, not for programs.
///
/// Made from JSON that is written already, part by part.
struct PrettyJSON: Sendable {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// After `{` or `[`: whether the line breaks is known with the next byte only.
    private var hasJustOpened = false

    /// Whether the client is one that people look at answers with, or asks for this
    /// (apiserver `responsewriters`, `isPrettyPrint`; `pretty=1` of the media type in `negotiation`).
    static func isWanted(query: String?, userAgent: String, accept: String) -> Bool {
        if let query, !query.isEmpty { return ["1", "t", "T", "true", "TRUE", "True"].contains(query) }
        if accept.contains("pretty"), MediaRange.preferred(accept).first?.parameters["pretty"] == "1" { return true }
        return ["curl", "Wget", "Mozilla/5.0"].contains { userAgent.hasPrefix($0) }
    }

    /// The next part of a text.
    mutating func indent(_ part: ByteBuffer) -> ByteBuffer {
        var out = ByteBuffer()
        out.reserveCapacity(part.readableBytes * 2)
        for byte in part.readableBytesView { write(byte, to: &out) }
        return out
    }

    private mutating func write(_ byte: UInt8, to out: inout ByteBuffer) {
        if isInString {
            out.writeInteger(byte)
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
            return
        }
        let closes = byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]")
        if [0x20, 0x09, 0x0A, 0x0D].contains(byte) { return }
        if hasJustOpened {
            hasJustOpened = false
            if !closes {
                depth += 1
                breakLine(&out)
            }
        } else if closes {
            depth -= 1
            breakLine(&out)
        }
        out.writeInteger(byte)
        switch byte {
        case UInt8(ascii: "\""): isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["): hasJustOpened = true
        case UInt8(ascii: ","): breakLine(&out)
        case UInt8(ascii: ":"): out.writeInteger(UInt8(ascii: " "))
        default: break
        }
    }

    private func breakLine(_ out: inout ByteBuffer) {
        out.writeInteger(UInt8(ascii: "\n"))
        out.writeRepeatingByte(UInt8(ascii: " "), count: max(0, depth) * 2)
    }
}

extension HTTPAnswer {
    /// The same answer for people, where it is JSON that can be.
    func pretty() -> HTTPAnswer {
        guard contentType.hasPrefix(AnswerEncoding.json.rawValue) else { return self }
        var answer = self
        var writer = PrettyJSON()
        switch body {
        case .bytes(let buffer): answer.body = .bytes(writer.indent(buffer))
        case .chunks(let chunks, _):
            let indented = chunks.map { writer.indent($0) }
            answer.body = .chunks(indented, length: indented.reduce(0) { $0 + $1.readableBytes })
        case .watch, .log: break
        }
        return answer
    }
}
