/// A field selector: `metadata.name=web,status.phase!=Running`. All requirements have to hold.
public struct FieldMatcher: Sendable, Hashable, CustomStringConvertible {
    public struct Requirement: Sendable, Hashable {
        /// The field's path, e.g. `spec.nodeName`.
        public var field: String
        public var value: String
        public var isEqual: Bool

        public init(field: String, value: String, isEqual: Bool = true) {
            self.field = field
            self.value = value
            self.isEqual = isEqual
        }
    }

    public let requirements: [Requirement]

    public static let everything = FieldMatcher(requirements: [])

    public init(requirements: [Requirement]) { self.requirements = requirements }

    public var isEmpty: Bool { requirements.isEmpty }

    /// Parses the `fieldSelector` parameter and checks that the kind can be selected by its fields; backslashes
    /// escape `,`, `=` and themselves (apimachinery `fields.ParseSelector`).
    public init(parsing text: String, kind: GroupVersionKind) throws(SelectorError) {
        var requirements: [Requirement] = []
        for term in Self.split(text) where !term.isEmpty {
            guard let requirement = try Self.requirement(term) else {
                throw SelectorError("invalid selector: '\(text)'; can't understand '\(term)'")
            }
            guard Self.supportedFields(of: kind).contains(requirement.field) else {
                throw SelectorError("field label not supported: \(requirement.field)")
            }
            requirements.append(requirement)
        }
        self.requirements = requirements
    }

    /// The object as stored; an absent field counts as empty.
    public func matches(_ object: JSONValue) -> Bool {
        requirements.allSatisfy { (Self.text(of: $0.field, in: object) == $0.value) == $0.isEqual }
    }

    /// The value that `metadata.name` has to have, where the selector says so: a watch of one object.
    public var exactName: String? {
        requirements.first { $0.field == "metadata.name" && $0.isEqual }?.value
    }

    public var description: String {
        requirements.map { "\($0.field)\($0.isEqual ? "=" : "!=")\(Self.escape($0.value))" }.joined(separator: ",")
    }

    /// What the API server can select a kind by, besides name and namespace.
    public static func supportedFields(of kind: GroupVersionKind) -> Set<String> {
        var fields: Set<String> = ["metadata.name"]
        if Schema.shared.resource(of: kind)?.namespaced != false { fields.insert("metadata.namespace") }
        return fields.union(Schema.shared.served(kind)?.selectableFields ?? [])
    }

    private static func text(of field: String, in object: JSONValue) -> String {
        var value: JSONValue? = object
        for name in field.split(separator: ".") { value = value?[String(name)] }
        switch value {
        case .string(let text): return text
        case .bool(let flag): return flag ? "true" : "false"
        case .integer(let number): return String(number)
        // An absent flag is a false one; `source` and `status.podIPs` are not plain in the object.
        case nil where field == "spec.unschedulable" || field == "spec.hostNetwork": return "false"
        case nil where field == "status.replicas": return "0"
        case nil where field == "reportingComponent": return object[path: "source", "component"]?.stringValue ?? ""
        case .object(let source) where field == "source": return source["component"]?.stringValue ?? ""
        case .array(let addresses): return addresses.first?["ip"]?.stringValue ?? ""
        default: return ""
        }
    }

    private static func split(_ text: String) -> [Substring] {
        var terms: [Substring] = []
        var start = text.startIndex
        var isEscaped = false
        for index in text.indices {
            if isEscaped {
                isEscaped = false
            } else if text[index] == "\\" {
                isEscaped = true
            } else if text[index] == "," {
                terms.append(text[start..<index])
                start = text.index(after: index)
            }
        }
        terms.append(text[start...])
        return terms
    }

    private static func requirement(_ term: Substring) throws(SelectorError) -> Requirement? {
        for (sign, isEqual) in [("!=", false), ("==", true), ("=", true)] {
            guard let range = term.firstRange(of: sign) else { continue }
            // `a==b` must not be found as `a` `=` `=b`, nor `a!=b` as `a!` `=` `b`: the order above sees to it.
            return Requirement(
                field: String(term[..<range.lowerBound]), value: try unescape(term[range.upperBound...]),
                isEqual: isEqual)
        }
        return nil
    }

    private static func unescape(_ text: Substring) throws(SelectorError) -> String {
        var value = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                guard "\\,=".contains(character) else {
                    throw SelectorError("invalid field selector: invalid escape sequence: \\\(character)")
                }
                value.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "," || character == "=" {
                throw SelectorError("invalid field selector: unescaped \(character) in value: \(text)")
            } else {
                value.append(character)
            }
        }
        guard !isEscaped else { throw SelectorError("invalid field selector: invalid escape sequence: \\") }
        return value
    }

    private static func escape(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing(",", with: "\\,").replacing("=", with: "\\=")
    }
}
