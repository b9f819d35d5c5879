/// A text that is not JSON, with the byte where that was seen.
public struct JSONSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    public let message: String
    public let offset: Int

    public var description: String { "invalid JSON at byte \(offset): \(message)" }
}

/// Parses RFC 8259 JSON from bytes.
///
/// Foundation's decoders lose what the API needs: whether a number was whole, and which members stood twice (strict
/// field validation reports them). Depth is limited, so that no input exhausts the stack (`docs/adr/002-json.md`).
public struct JSONParser {
    /// Objects and arrays inside each other; the Kubernetes API server's YAML and JSON readers stop at 10,000.
    public static let maximumDepth = 512

    private let bytes: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var path: [String] = []
    /// Paths of members that stood more than once, e.g. `spec.containers[0].name`; the last one counts.
    private(set) var duplicates: [String] = []
    /// Bytes that may still go into them: a long path with many members must not become many long paths.
    private var duplicatesBudget = 64 << 10

    private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    /// Parses one value; anything but white space after it is an error.
    public static func parse(_ text: some Sequence<UInt8>) throws(JSONSyntaxError) -> JSONValue {
        try parseNotingDuplicates(text).value
    }

    /// Like `parse`, and tells the paths of members that stood more than once.
    public static func parseNotingDuplicates(
        _ text: some Sequence<UInt8>
    ) throws(JSONSyntaxError) -> (value: JSONValue, duplicates: [String]) {
        let outcome: Result<(value: JSONValue, duplicates: [String]), JSONSyntaxError>
        if let direct = text.withContiguousStorageIfAvailable({ run($0) }) {
            outcome = direct
        } else {
            outcome = Array(text).withUnsafeBufferPointer { run($0) }
        }
        return try outcome.get()
    }

    private static func run(
        _ bytes: UnsafeBufferPointer<UInt8>
    ) -> Result<(value: JSONValue, duplicates: [String]), JSONSyntaxError> {
        var parser = JSONParser(bytes: bytes)
        do throws(JSONSyntaxError) {
            parser.skipSpace()
            let value = try parser.value(depth: 0)
            parser.skipSpace()
            guard parser.position == bytes.count else { throw parser.failure("text after the value") }
            return .success((value, parser.duplicates))
        } catch {
            return .failure(error)
        }
    }

    private func failure(_ message: String) -> JSONSyntaxError { JSONSyntaxError(message: message, offset: position) }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw failure("more than \(Self.maximumDepth) levels deep") }
        guard position < bytes.count else { throw failure("unexpected end of text") }
        switch bytes[position] {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"):
            try word("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString) throws(JSONSyntaxError) {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count else { throw failure("unexpected end of text") }
        for offset in 0..<word.utf8CodeUnitCount where bytes[position + offset] != word.utf8Start[offset] {
            throw failure("unexpected character")
        }
        position = end
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var object = JSONObject()
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
            position += 1
            return .object(object)
        }
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
                throw failure("expected a member's name")
            }
            let key = try string()
            skipSpace()
            guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { throw failure("expected ':'") }
            position += 1
            skipSpace()
            path.append(key)
            let member = try value(depth: depth + 1)
            if object.members.updateValue(member, forKey: key) != nil {
                noteDuplicate()
            }
            path.removeLast()
            skipSpace()
            guard position < bytes.count else { throw failure("unexpected end of text") }
            switch bytes[position] {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return .object(object)
            default: throw failure("expected ',' or '}'")
            }
        }
    }

    private mutating func noteDuplicate() {
        guard duplicatesBudget > 0, duplicates.count < 100 else { return }
        let text = path.joined(separator: ".").replacing(".[", with: "[")
        duplicatesBudget -= text.utf8.count
        if duplicatesBudget >= 0 || duplicates.isEmpty { duplicates.append(text) }
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        position += 1
        var array: [JSONValue] = []
        skipSpace()
        if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
            position += 1
            return .array(array)
        }
        while true {
            skipSpace()
            path.append("[\(array.count)]")
            array.append(try value(depth: depth + 1))
            path.removeLast()
            skipSpace()
            guard position < bytes.count else { throw failure("unexpected end of text") }
            switch bytes[position] {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return .array(array)
            default: throw failure("expected ',' or ']'")
            }
        }
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        position += 1
        let start = position
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                defer { position += 1 }
                return try text(UnsafeBufferPointer(rebasing: bytes[start..<position]))
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
            guard byte >= 0x20 else { throw failure("control character in a string") }
            position += 1
        }
        throw failure("string without an end")
    }

    private func text(_ content: some Collection<UInt8>) throws(JSONSyntaxError) -> String {
        guard let text = String(validating: content, as: UTF8.self) else { throw failure("string is not UTF-8") }
        return text
    }

    private mutating func escapedString(from start: Int) throws(JSONSyntaxError) -> String {
        var content = Array(bytes[start..<position])
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try text(content)
            case UInt8(ascii: "\\"):
                guard position < bytes.count else { throw failure("string without an end") }
                let escape = bytes[position]
                position += 1
                switch escape {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(escape)
                case UInt8(ascii: "b"): content.append(0x08)
                case UInt8(ascii: "f"): content.append(0x0C)
                case UInt8(ascii: "n"): content.append(0x0A)
                case UInt8(ascii: "r"): content.append(0x0D)
                case UInt8(ascii: "t"): content.append(0x09)
                case UInt8(ascii: "u"): content.append(contentsOf: Array(String(try unicodeEscape()).utf8))
                default: throw failure("unknown escape")
                }
            case 0..<0x20: throw failure("control character in a string")
            default: content.append(byte)
            }
        }
        throw failure("string without an end")
    }

    /// The scalar of `\uXXXX`, of a pair of them for a surrogate pair; a lone surrogate reads as U+FFFD, as in Go.
    private mutating func unicodeEscape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let first = try hexadecimal()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let replacement: Unicode.Scalar = "\u{FFFD}"
        guard first < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        else { return replacement }
        let mark = position
        position += 2
        let second = try hexadecimal()
        guard (0xDC00...0xDFFF).contains(second) else {
            position = mark
            return replacement
        }
        return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)) ?? replacement
    }

    private mutating func hexadecimal() throws(JSONSyntaxError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure("unexpected end of text") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue else {
                throw failure("expected a hexadecimal digit")
            }
            value = value << 4 | UInt32(digit)
            position += 1
        }
        return value
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = position
        if bytes[position] == UInt8(ascii: "-") { position += 1 }
        let firstDigit = position
        try digits()
        guard bytes[firstDigit] != UInt8(ascii: "0") || position == firstDigit + 1 else {
            throw failure("number with a leading zero")
        }
        var isWhole = true
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try digits()
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            position += 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position += 1
            }
            try digits()
        }
        let digits = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(digits) { return .integer(integer) }
        guard let number = Double(digits), number.isFinite else { throw failure("number out of range") }
        return .number(number)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position += 1
        }
        guard position > start else {
            throw failure(position < bytes.count ? "unexpected character" : "unexpected end of text")
        }
    }
}
