internal import Yams

/// A text that is not YAML, or that JSON has no form for.
public struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    public var message: String
    /// Counted from 1; nil where the parser names none.
    public var line: Int?

    public var description: String {
        "error converting YAML to JSON: yaml: \(line.map { "line \($0): " } ?? "")\(message)"
    }
}

/// Reads YAML as `sigs.k8s.io/yaml` does: YAML 1.1 scalars (`yes`, `0644`), merge keys, and keys turned into strings.
/// JSON is YAML, too.
public enum YAMLDocuments {
    /// Maps and lists inside each other; the JSON parser's limit.
    static let maximumDepth = JSONParser.maximumDepth

    /// The documents of a text in their order; empty ones are left out.
    public static func read(_ text: String) throws(YAMLError) -> [JSONValue] {
        try AliasGuard.check(text)
        var documents: [JSONValue] = []
        do {
            // Without rules: scalars are resolved here, by Go's rules and not by the library's.
            let parser = try Parser(yaml: text, resolver: .basic)
            var conversion = Conversion(textSize: text.utf8.count)
            while let root = try parser.nextRoot() {
                let value = try conversion.value(of: root, depth: 0)
                if value != .null { documents.append(value) }
            }
        } catch let error as YAMLError {
            throw error
        } catch let error as YamlError {
            throw YAMLError(error)
        } catch {
            throw YAMLError(message: "\(error)")
        }
        return documents
    }
}

extension YAMLError {
    fileprivate init(_ error: YamlError) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(message: problem, line: mark.line)
        case .duplicatedKeysInMapping(let keys, let context):
            self.init(message: "key \"\(keys.first ?? "")\" already set in map", line: context.mark.line)
        case .reader(let problem, _, _, _): self.init(message: problem)
        default: self.init(message: "\(error)")
        }
    }
}

/// The way from YAML's nodes to JSON's values, with a budget: aliases make trees of graphs.
private struct Conversion {
    private var remainingValues: Int
    private var remainingBytes: Int

    /// A text without aliases has fewer values than bytes; aliases may add some, not blow it up.
    init(textSize: Int) {
        remainingValues = textSize + 10_000
        remainingBytes = textSize * 10 + (1 << 20)
    }

    private mutating func spend(_ size: Int, _ mark: Mark?) throws(YAMLError) {
        remainingValues -= 1
        remainingBytes -= size
        guard remainingValues >= 0, remainingBytes >= 0 else {
            throw YAMLError(message: "document contains excessive aliasing", line: mark?.line)
        }
    }

    mutating func value(of node: Yams.Node, depth: Int) throws(YAMLError) -> JSONValue {
        guard depth < YAMLDocuments.maximumDepth else {
            throw YAMLError(
                message: "more than \(YAMLDocuments.maximumDepth) levels deep", line: node.mark?.line)
        }
        switch node {
        case .scalar(let scalar):
            try spend(scalar.string.utf8.count, scalar.mark)
            return try Self.resolved(scalar)
        case .sequence(let sequence):
            try spend(0, sequence.mark)
            var items: [JSONValue] = []
            items.reserveCapacity(sequence.count)
            for item in sequence { items.append(try value(of: item, depth: depth + 1)) }
            return .array(items)
        case .mapping(let mapping):
            try spend(0, mapping.mark)
            return .object(try object(of: mapping, depth: depth))
        case .alias(let alias):
            throw YAMLError(message: "unknown anchor '\(alias.anchor.rawValue)' referenced", line: alias.mark?.line)
        }
    }

    private mutating func object(of mapping: Yams.Node.Mapping, depth: Int) throws(YAMLError) -> JSONObject {
        var object = JSONObject()
        var merged = JSONObject()
        for (key, node) in mapping {
            guard case .scalar(let scalar) = key else {
                throw YAMLError(message: "a map's key has to be a scalar", line: key.mark?.line)
            }
            try spend(scalar.string.utf8.count, scalar.mark)
            let value = try value(of: node, depth: depth + 1)
            if scalar.string == "<<", scalar.style == .plain {
                try Self.merge(value, into: &merged, scalar.mark)
                continue
            }
            let name = Self.name(of: scalar)
            guard object.members.updateValue(value, forKey: name) == nil else {
                throw YAMLError(message: "key \"\(name)\" already set in map", line: scalar.mark?.line)
            }
        }
        // What the map says itself counts more than what it merges.
        for (key, value) in merged where object[key] == nil { object[key] = value }
        return object
    }

    /// `<<: *base` or `<<: [*first, *second]`, where earlier ones count more.
    private static func merge(_ value: JSONValue, into object: inout JSONObject, _ mark: Mark?) throws(YAMLError) {
        switch value {
        case .object(let base):
            for (key, value) in base where object[key] == nil { object[key] = value }
        case .array(let bases):
            for base in bases {
                guard case .object = base else {
                    throw YAMLError(
                        message: "map merge requires map or sequence of maps as the value", line: mark?.line)
                }
                try merge(base, into: &object, mark)
            }
        default:
            throw YAMLError(message: "map merge requires map or sequence of maps as the value", line: mark?.line)
        }
    }

    /// A key as JSON has it: `true` and `8080` are strings there. Only the style counts: the library has looked at each
    /// key already, and a tag remembers what it was taken for.
    private static func name(of scalar: Yams.Node.Scalar) -> String {
        guard scalar.style == .plain, let value = YAMLScalar.resolve(scalar.string) else { return scalar.string }
        if case .string(let name) = value { return name }
        return value.text
    }

    private static func resolved(_ scalar: Yams.Node.Scalar) throws(YAMLError) -> JSONValue {
        let tag = scalar.tag.description
        if tag == "tag:yaml.org,2002:str" || tag == "!" { return .string(scalar.string) }
        if tag == "tag:yaml.org,2002:binary" {
            throw YAMLError(message: "!!binary has no form in JSON", line: scalar.mark?.line)
        }
        guard scalar.style == .plain || scalar.style == .any || tag.hasPrefix("tag:yaml.org,2002:") else {
            return .string(scalar.string)
        }
        guard let value = YAMLScalar.resolve(scalar.string) else {
            throw YAMLError(message: "\(scalar.string) has no form in JSON", line: scalar.mark?.line)
        }
        return value
    }
}

/// Refuses what would take the library's composer exponential time before our budget is asked: it compares the keys
/// of each map, and a key may be an alias of an alias of ... a list.
private enum AliasGuard {
    static func check(_ text: String) throws(YAMLError) {
        let bytes = Array(text.utf8)
        var anchors = false
        var aliases = 0
        var complexKeys = false
        var previous = UInt8(ascii: "\n")
        for (index, byte) in bytes.enumerated() {
            let next = index + 1 < bytes.count ? bytes[index + 1] : UInt8(ascii: "\n")
            let startsToken = " \t\r\n[{,:-?".utf8.contains(previous)
            switch byte {
            case UInt8(ascii: "&") where startsToken && next > 0x20: anchors = true
            case UInt8(ascii: "*") where startsToken && next > 0x20:
                aliases += 1
                if isKey(bytes, after: index) { complexKeys = true }
            case UInt8(ascii: "?") where startsToken && next <= 0x20: complexKeys = true
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if isFollowedByColon(bytes, from: index + 1) { complexKeys = true }
            default: break
            }
            previous = byte
        }
        // n references make at most 3^(n/3) copies of what they name.
        guard anchors, complexKeys, aliases > 1 else { return }
        var copies = bytes.count
        for _ in 0..<(aliases + 2) / 3 {
            copies *= 3
            guard copies < 100_000_000 else { throw YAMLError(message: "document contains excessive aliasing") }
        }
    }

    private static func isKey(_ bytes: [UInt8], after start: Int) -> Bool {
        var index = start + 1
        while index < bytes.count, bytes[index] > 0x20, !"[]{},".utf8.contains(bytes[index]) { index += 1 }
        return bytes[index - 1] == UInt8(ascii: ":") || isFollowedByColon(bytes, from: index)
    }

    private static func isFollowedByColon(_ bytes: [UInt8], from start: Int) -> Bool {
        var index = start
        while index < bytes.count, bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: "\t") {
            index += 1
        }
        return index < bytes.count && bytes[index] == UInt8(ascii: ":")
    }
}
