/// What a plain scalar means: YAML 1.1 as `go-yaml` v2 reads it, which is what Kubernetes' clients use.
enum YAMLScalar {
    private static let words: [String: JSONValue] = {
        var words: [String: JSONValue] = ["": .null, "~": .null, "null": .null, "Null": .null, "NULL": .null]
        for (word, value) in [
            ("y", true), ("yes", true), ("true", true), ("on", true), ("n", false), ("no", false), ("false", false),
            ("off", false),
        ] {
            words[word] = .bool(value)
            words[word.uppercased()] = .bool(value)
            words[word.prefix(1).uppercased() + word.dropFirst()] = .bool(value)
        }
        return words
    }()

    /// Nil where the value has no form in JSON: infinities and what is not a number.
    static func resolve(_ text: String) -> JSONValue? {
        if let word = words[text] { return word }
        guard let first = text.utf8.first else { return .null }
        guard
            (0x30...0x39).contains(first) || first == UInt8(ascii: "+") || first == UInt8(ascii: "-")
                || first == UInt8(ascii: ".")
        else { return .string(text) }
        if [".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", ".nan", ".NaN", ".NAN"]
            .contains(text)
        {
            return nil
        }
        let plain = text.replacing("_", with: "")
        if let integer = integer(plain) { return .integer(integer) }
        if isFloat(plain) {
            guard let number = Double(plain.hasSuffix(".") ? plain + "0" : plain), number.isFinite else { return nil }
            return .number(number)
        }
        return .string(text)
    }

    /// Go's `ParseInt` with base 0: `0x1F`, `0b11`, `0o17`, and `017`, which is octal.
    private static func integer(_ text: String) -> Int64? {
        var digits = text[...]
        var isNegative = false
        if let sign = digits.first, sign == "-" || sign == "+" {
            isNegative = sign == "-"
            digits = digits.dropFirst()
        }
        var radix = 10
        if digits.utf8.count > 1, digits.first == "0" {
            switch digits.dropFirst().first {
            case "x", "X": (radix, digits) = (16, digits.dropFirst(2))
            case "b", "B": (radix, digits) = (2, digits.dropFirst(2))
            case "o", "O": (radix, digits) = (8, digits.dropFirst(2))
            default: (radix, digits) = (8, digits.dropFirst())
            }
        }
        guard let first = digits.first, first != "-", first != "+" else { return nil }
        return Int64((isNegative ? "-" : "") + digits, radix: radix)
    }

    /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
    private static func isFloat(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func digits() -> Int {
            let count = rest.prefix { (0x30...0x39).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        func take(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = take("+-")
        let whole = digits()
        if take(".") {
            if digits() == 0, whole == 0 { return false }
        } else if whole == 0 {
            return false
        }
        if take("eE") {
            _ = take("+-")
            if digits() == 0 { return false }
        }
        return rest.isEmpty
    }

    /// Whether a string has to be quoted to stay one: it would be read as something else, or by an older reader as a
    /// time or a sexagesimal number.
    static func needsQuotes(_ text: String) -> Bool {
        if case .string? = resolve(text) { return isTime(text) || isSexagesimal(text) || text == "<<" }
        return true
    }

    /// `2001-12-14`, `2001-12-14T21:59:43Z`, `2001-12-14 21:59:43.1`: four digits and a hyphen tell them apart.
    private static func isTime(_ text: String) -> Bool {
        let parts = text.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].utf8.count == 4, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            (1...2).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { return false }
        let day = parts[2].utf8.prefix { (0x30...0x39).contains($0) }
        guard (1...2).contains(day.count) else { return false }
        let rest = parts[2].utf8.dropFirst(day.count)
        guard let separator = rest.first else { return true }
        return "Tt ".utf8.contains(separator) && rest.dropFirst().allSatisfy { "0123456789:.+-Zz".utf8.contains($0) }
    }

    /// `1:30`: sixty-based numbers of YAML 1.1.
    private static func isSexagesimal(_ text: String) -> Bool {
        var rest = text.utf8[...]
        if let sign = rest.first, "+-".utf8.contains(sign) { rest = rest.dropFirst() }
        guard let first = rest.first, (0x30...0x39).contains(first), rest.contains(UInt8(ascii: ":")) else {
            return false
        }
        return rest.allSatisfy { "0123456789_:.".utf8.contains($0) }
    }
}
