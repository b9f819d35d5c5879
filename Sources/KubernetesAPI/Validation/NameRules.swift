/// Kubernetes' rules for names, label keys and values (`k8s.io/apimachinery/pkg/util/validation`). Each function
/// returns the problems in the API server's words; none is a good name.
public enum NameRules {
    static let dns1123Label =
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        + "with an alphanumeric character"
    static let dns1123Subdomain =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        + "and end with an alphanumeric character"
    static let dns1035Label =
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic "
        + "character, and end with an alphanumeric character"
    static let qualifiedNamePart =
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
        + "character"
    static let labelValueText =
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
        + "and end with an alphanumeric character"
    static let configKeyText = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"

    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isLower(byte) || isUpper(byte) || isDigit(byte) }
    private static func isLowerOrDigit(_ byte: UInt8) -> Bool { isLower(byte) || isDigit(byte) }

    static func tooLong(_ limit: Int) -> String { "must be no more than \(limit) bytes" }

    private static func regex(_ message: String, _ pattern: String, _ examples: [String]) -> String {
        // Two spaces before "or": so does the API server.
        let listed = examples.map { "'\($0)'" }.joined(separator: ",  or ")
        return "\(message) (e.g. \(listed), regex used for validation is '\(pattern)')"
    }

    /// First and last by `edge`, what is between by `inner`; never empty.
    private static func matches(
        _ text: some BidirectionalCollection<UInt8>, edge: (UInt8) -> Bool, inner: (UInt8) -> Bool
    ) -> Bool {
        guard let first = text.first, let last = text.last, edge(first), edge(last) else { return false }
        return text.allSatisfy { edge($0) || inner($0) }
    }

    private static func isLabel(_ text: some BidirectionalCollection<UInt8>) -> Bool {
        matches(text, edge: isLowerOrDigit) { $0 == UInt8(ascii: "-") }
    }

    private static func isSubdomain(_ text: String) -> Bool {
        text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { isLabel($0) }
    }

    private static func isQualifiedPart(_ text: Substring) -> Bool {
        matches(text.utf8, edge: isAlphanumeric) { "-_.".utf8.contains($0) }
    }

    /// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 characters: namespaces, containers, volumes, services' ports.
    public static func dns1123Label(_ value: String) -> [String] {
        var problems = value.utf8.count > 63 ? [tooLong(63)] : []
        if !isLabel(value.utf8) {
            // A dot is the usual mistake and has its own hint in the API server.
            problems.append(
                isSubdomain(value)
                    ? "must not contain dots"
                    : regex(dns1123Label, "[a-z0-9]([-a-z0-9]*[a-z0-9])?", ["my-name", "123-abc"]))
        }
        return problems
    }

    /// What can stand between two slashes of a URL: the names of roles and their bindings, `system:node` for one.
    public static func pathSegment(_ value: String) -> [String] {
        if [".", ".."].contains(value) { return ["may not be '\(value)'"] }
        return ["/", "%"].filter(value.contains).map { "may not contain '\($0)'" }
    }

    /// Labels joined by dots, at most 253 characters: the names of most objects.
    public static func dns1123Subdomain(_ value: String) -> [String] {
        var problems = value.utf8.count > 253 ? [tooLong(253)] : []
        if !isSubdomain(value) {
            problems.append(
                regex(
                    dns1123Subdomain, "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
                    ["example.com"]))
        }
        return problems
    }

    /// `[a-z]([-a-z0-9]*[a-z0-9])?`, at most 63 characters: services.
    public static func dns1035Label(_ value: String) -> [String] {
        var problems = value.utf8.count > 63 ? [tooLong(63)] : []
        if !isLabel(value.utf8) || !(value.utf8.first.map(isLower) ?? false) {
            problems.append(regex(dns1035Label, "[a-z]([-a-z0-9]*[a-z0-9])?", ["my-name", "abc-123"]))
        }
        return problems
    }

    /// `prefix/name` or `name`: the keys of labels and annotations, resource and condition names.
    public static func qualifiedName(_ value: String) -> [String] {
        let parts = value.split(separator: "/", omittingEmptySubsequences: false)
        var problems: [String] = []
        let name: Substring
        switch parts.count {
        case 1: name = parts[0]
        case 2:
            name = parts[1]
            if parts[0].isEmpty {
                problems.append("prefix part must be non-empty")
            } else {
                problems += dns1123Subdomain(String(parts[0])).map { "prefix part \($0)" }
            }
        default:
            return [
                "a qualified name "
                    + regex(
                        qualifiedNamePart, "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
                        ["MyName", "my.name", "123-abc"])
                    + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            ]
        }
        if name.isEmpty {
            problems.append("name part must be non-empty")
        } else if name.utf8.count > 63 {
            problems.append("name part \(tooLong(63))")
        }
        if !isQualifiedPart(name) {
            problems.append(
                "name part "
                    + regex(
                        qualifiedNamePart, "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
                        ["MyName", "my.name", "123-abc"]))
        }
        return problems
    }

    /// Empty, or at most 63 characters.
    public static func labelValue(_ value: String) -> [String] {
        var problems = value.utf8.count > 63 ? [tooLong(63)] : []
        if !value.isEmpty, !isQualifiedPart(value[...]) {
            problems.append(
                regex(
                    labelValueText, "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", ["MyValue", "my_value", "12345"]))
        }
        return problems
    }

    /// The keys of a ConfigMap's and a Secret's data.
    public static func configMapKey(_ value: String) -> [String] {
        var problems = value.utf8.count > 253 ? [tooLong(253)] : []
        if value.isEmpty || !value.utf8.allSatisfy({ isAlphanumeric($0) || "-_.".utf8.contains($0) }) {
            problems.append(regex(configKeyText, "[-._a-zA-Z0-9]+", ["key.name", "KEY_NAME", "key-name"]))
        }
        if value == "." {
            problems.append("must not be '.'")
        } else if value == ".." {
            problems.append("must not be '..'")
        } else if value.hasPrefix("..") {
            problems.append("must not start with '..'")
        }
        return problems
    }

    /// Any printable ASCII but `=` (the relaxed rule of Kubernetes 1.32 and later).
    public static func environmentVariable(_ value: String) -> [String] {
        guard value.isEmpty || !value.utf8.allSatisfy({ (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }) else {
            return []
        }
        return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
    }

    /// At most 15 of `[a-z0-9-]` with a letter, no hyphen at either end and no two together (IANA_SVC_NAME).
    public static func portName(_ value: String) -> [String] {
        var problems: [String] = []
        let bytes = value.utf8
        if bytes.count > 15 { problems.append(tooLong(15)) }
        if !bytes.allSatisfy({ isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }) {
            problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
        }
        if !bytes.contains(where: isLower) { problems.append("must contain at least one letter (a-z)") }
        if value.contains("--") { problems.append("must not contain consecutive hyphens") }
        if value.hasPrefix("-") || value.hasSuffix("-") {
            problems.append("must not begin or end with a hyphen")
        }
        return problems
    }
}
