/// JSON values as YAML, in the form that kubectl prints: keys in order of the alphabet, lists not indented.
public enum YAMLText {
    /// One document, ending in a line feed.
    public static func text(_ value: JSONValue) -> String {
        var out = ""
        switch value {
        case .object(let object) where !object.isEmpty: append(object, indent: "", to: &out)
        case .array(let values) where !values.isEmpty: append(values, indent: "", to: &out)
        default: out = scalar(value, indent: "") + "\n"
        }
        return out
    }

    private static func append(_ object: JSONObject, indent: String, to out: inout String, firstInline: Bool = false) {
        for (offset, key) in object.keys.sorted().enumerated() {
            out += (offset == 0 && firstInline ? "" : indent) + scalar(.string(key), indent: indent) + ":"
            appendMember(object[key] ?? .null, indent: indent, to: &out)
        }
    }

    private static func appendMember(_ value: JSONValue, indent: String, to out: inout String) {
        switch value {
        case .object(let object) where !object.isEmpty:
            out += "\n"
            append(object, indent: indent + "  ", to: &out)
        case .array(let values) where !values.isEmpty:
            out += "\n"
            append(values, indent: indent, to: &out)
        default: out += " " + scalar(value, indent: indent + "  ") + "\n"
        }
    }

    private static func append(_ values: [JSONValue], indent: String, to out: inout String) {
        for value in values {
            out += indent + "-"
            switch value {
            case .object(let object) where !object.isEmpty:
                out += " "
                append(object, indent: indent + "  ", to: &out, firstInline: true)
            case .array(let inner) where !inner.isEmpty:
                out += "\n"
                append(inner, indent: indent + "  ", to: &out)
            default: out += " " + scalar(value, indent: indent + "  ") + "\n"
            }
        }
    }

    private static func scalar(_ value: JSONValue, indent: String) -> String {
        guard case .string(let text) = value else {
            switch value {
            case .object: return "{}"
            case .array: return "[]"
            default: return value.text
            }
        }
        if text.contains("\n"), let block = block(text, indent: indent) { return block }
        return needsQuotes(text) ? value.text : text
    }

    /// A literal block (`|`), where the text has nothing that a block could not keep.
    private static func block(_ text: String, indent: String) -> String? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, !first.isEmpty, !first.hasPrefix(" "),
            text.unicodeScalars.allSatisfy({ isPrintable($0) || $0 == "\n" })
        else { return nil }
        let trailing = text.reversed().prefix { $0 == "\n" }.count
        let sign = trailing == 0 ? "-" : trailing == 1 ? "" : "+"
        let body = trailing > 0 ? lines.dropLast() : lines[...]
        return "|\(sign)\n" + body.map { $0.isEmpty ? "" : indent + $0 }.joined(separator: "\n")
    }

    private static func needsQuotes(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, PlainScalar.value(text) == .string(text) else { return true }
        if "-?:,[]{}#&*!|>'\"%@`= ".unicodeScalars.contains(first) {
            // A dash before a word begins no list.
            let second = text.unicodeScalars.dropFirst().first
            guard first == "-" || first == "?" || first == ":", let second, second != " " else { return true }
        }
        if text == "---" || text == "..." || text.hasSuffix(" ") || text.hasSuffix(":") { return true }
        // Other readers take these for times or numbers in base 60.
        if let digit = first.properties.numericType, digit == .decimal, text.contains(":") || text.contains("-") {
            return true
        }
        return text.contains(": ") || text.contains(" #") || !text.unicodeScalars.allSatisfy(isPrintable)
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value >= 0x20 && scalar.value != 0x7F && !(0x80...0x9F).contains(scalar.value)
            && scalar.value != 0xFEFF && scalar.value != 0x2028 && scalar.value != 0x2029
    }
}
