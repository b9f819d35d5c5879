/// Writes values as YAML in the style of `kubectl get -o yaml`: keys sorted, lists not indented, block text for lines.
public enum YAMLText {
    /// One document, ending in a line break.
    public static func text(_ value: JSONValue) -> String {
        var out = ""
        switch value {
        case .object(let object) where !object.isEmpty: write(object, indent: 0, to: &out)
        case .array(let items) where !items.isEmpty: write(items, indent: 0, to: &out)
        default: out = scalar(value, indent: 0) + "\n"
        }
        return out
    }

    private static func write(_ object: JSONObject, indent: Int, isItem: Bool = false, to out: inout String) {
        let margin = String(repeating: " ", count: indent)
        var isFirst = isItem  // the first key of a list's item stands on the line of its hyphen
        for key in object.keys.sorted(by: isOrdered) {
            guard let value = object[key] else { continue }
            if !isFirst { out += margin }
            isFirst = false
            out += "\(string(key, indent: indent, isKey: true)):"
            switch value {
            case .object(let inner) where !inner.isEmpty:
                out += "\n"
                write(inner, indent: indent + 2, to: &out)
            case .array(let items) where !items.isEmpty:
                out += "\n"
                write(items, indent: indent, to: &out)
            default: out += " \(scalar(value, indent: indent + 2))\n"
            }
        }
    }

    private static func write(_ items: [JSONValue], indent: Int, isItem: Bool = false, to out: inout String) {
        let margin = String(repeating: " ", count: indent)
        var isFirst = isItem
        for item in items {
            if !isFirst { out += margin }
            isFirst = false
            out += "- "
            switch item {
            case .object(let object) where !object.isEmpty:
                write(object, indent: indent + 2, isItem: true, to: &out)
            case .array(let inner) where !inner.isEmpty:
                write(inner, indent: indent + 2, isItem: true, to: &out)
            default: out += "\(scalar(item, indent: indent + 2))\n"
            }
        }
    }

    private static func scalar(_ value: JSONValue, indent: Int) -> String {
        switch value {
        case .string(let text): string(text, indent: indent, isKey: false)
        case .object: "{}"
        case .array: "[]"
        default: value.text
        }
    }

    /// - Parameter indent: of the lines of block text.
    private static func string(_ text: String, indent: Int, isKey: Bool) -> String {
        let traits = Traits(text)
        if traits.hasLines, !isKey, !traits.hasSpecial, !traits.hasSpaceBeforeBreak {
            return literal(text, indent: indent)
        }
        if traits.hasSpecial || traits.hasLines || YAMLScalar.needsQuotes(text) { return doubleQuoted(text) }
        if traits.allowsPlain { return text }
        return "'\(text.replacing("'", with: "''"))'"
    }

    private static func literal(_ text: String, indent: Int) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var header = "|"
        // Without a hint the first line's own spaces would count as indentation.
        if let first = text.utf8.first, first == 0x20 || first == 0x0A { header += "2" }
        var body = lines[...]
        if text.hasSuffix("\n") {
            body = body.dropLast()
            if text == "\n" || text.hasSuffix("\n\n") { header += "+" }
        } else {
            header += "-"
        }
        // Block text at the top level is indented too.
        let margin = String(repeating: " ", count: max(indent, 2))
        return header + body.map { $0.isEmpty ? "\n" : "\n\(margin)\($0)" }.joined()
    }

    private static func doubleQuoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\t": out += "\\t"
            case "\r": out += "\\r"
            case "\0": out += "\\0"
            case _ where Traits.isPrintable(scalar): out.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                let width = scalar.value <= 0xFF ? 2 : scalar.value <= 0xFFFF ? 4 : 8
                out += width == 2 ? "\\x" : width == 4 ? "\\u" : "\\U"
                out += String(repeating: "0", count: width - digits.count) + digits
            }
        }
        return out + "\""
    }

    /// The order of go-yaml: letters after everything else, runs of digits as numbers.
    private static func isOrdered(_ left: String, _ right: String) -> Bool {
        let (first, second) = (Array(left.unicodeScalars), Array(right.unicodeScalars))
        var index = 0
        while index < first.count, index < second.count {
            let (a, b) = (first[index], second[index])
            if a == b {
                index += 1
                continue
            }
            let (aIsLetter, bIsLetter) = (a.properties.isAlphabetic, b.properties.isAlphabetic)
            if aIsLetter, bIsLetter { return a.value < b.value }
            if aIsLetter || bIsLetter { return bIsLetter }
            let (aNumber, bNumber) = (number(in: first, at: index), number(in: second, at: index))
            if let aNumber, let bNumber, aNumber != bNumber { return aNumber < bNumber }
            return a.value < b.value
        }
        return first.count < second.count
    }

    /// The number whose digits stand at an index, with those before it.
    private static func number(in text: [Unicode.Scalar], at index: Int) -> Double? {
        func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
        var start = index
        while start > 0, isDigit(text[start - 1]) { start -= 1 }
        var end = index
        while end < text.count, isDigit(text[end]) { end += 1 }
        return start == end ? nil : Double(String(String.UnicodeScalarView(text[start..<end])))
    }
}

/// What of a string decides how it is written (`yaml_emitter_analyze_scalar`).
private struct Traits {
    var hasLines = false
    /// Characters that only a double-quoted string can hold.
    var hasSpecial = false
    var hasSpaceBeforeBreak = false
    var allowsPlain = true

    init(_ text: String) {
        let scalars = Array(text.unicodeScalars)
        guard let first = scalars.first, let last = scalars.last else {
            allowsPlain = false
            return
        }
        if first == " " || last == " " || text.hasPrefix("---") || text.hasPrefix("...") { allowsPlain = false }
        for (index, scalar) in scalars.enumerated() {
            let next = index + 1 < scalars.count ? scalars[index + 1] : " "
            let isBeforeSpace = next == " " || next == "\n" || next == "\t"
            switch scalar {
            case "\n": hasLines = true
            case "#":
                if index == 0 || scalars[index - 1] == " " || scalars[index - 1] == "\n" { allowsPlain = false }
            case ":": if isBeforeSpace { allowsPlain = false }
            case ",", "[", "]", "{", "}", "&", "*", "!", "|", ">", "'", "\"", "%", "@", "`":
                if index == 0 { allowsPlain = false }
            case "-", "?": if index == 0, isBeforeSpace { allowsPlain = false }
            case " ": if next == "\n" || (index == scalars.count - 1 && hasLines) { hasSpaceBeforeBreak = true }
            default: if !Self.isPrintable(scalar) { hasSpecial = true }
            }
        }
        if hasLines { allowsPlain = false }
    }

    static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF:
            scalar.value != 0xFEFF && scalar.value != 0x2028 && scalar.value != 0x2029
        default: false
        }
    }
}
