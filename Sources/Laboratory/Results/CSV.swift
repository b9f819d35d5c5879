/// Comma-separated values as RFC 4180 has them, but for lines that end in LF alone, as the tools of this system
/// expect; reading takes CRLF, too.
enum CSV {
    /// One line with its end.
    static func line(_ fields: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for (index, field) in fields.enumerated() {
            if index > 0 { bytes.append(comma) }
            append(field, to: &bytes)
        }
        bytes.append(newline)
        return bytes
    }

    /// Quoted only where it has to be.
    private static func append(_ field: String, to bytes: inout [UInt8]) {
        guard field.utf8.contains(where: { $0 == comma || $0 == quote || $0 == newline || $0 == carriageReturn })
        else {
            bytes.append(contentsOf: field.utf8)
            return
        }
        bytes.append(quote)
        for byte in field.utf8 {
            if byte == quote { bytes.append(quote) }
            bytes.append(byte)
        }
        bytes.append(quote)
    }

    /// The whole lines of a file, and where the first byte of an unfinished last one is (the length, if there is none).
    struct Contents {
        var lines: [[String]] = []
        var end = 0
    }

    /// Splits a file. A line without its end, or with a quote that is never closed, is not among the lines.
    static func parse(_ bytes: [UInt8]) -> Contents {
        var contents = Contents()
        var fields: [String] = []
        var field: [UInt8] = []
        var isQuoted = false
        var position = 0
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if isQuoted {
                if byte != quote {
                    field.append(byte)
                } else if position < bytes.count, bytes[position] == quote {
                    field.append(quote)
                    position += 1
                } else {
                    isQuoted = false
                }
                continue
            }
            switch byte {
            case quote: isQuoted = true
            case comma:
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
            case newline:
                if field.last == carriageReturn { field.removeLast() }
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
                if fields != [""] { contents.lines.append(fields) }
                fields = []
                contents.end = position
            default: field.append(byte)
            }
        }
        return contents
    }

    static let comma = UInt8(ascii: ",")
    static let quote = UInt8(ascii: "\"")
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
}
