import Yams

/// A text that is not YAML, or YAML that has no JSON form.
public struct YAMLSyntaxError: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1; 0 where it is not known.
    public let line: Int
    public let problem: String

    public var description: String { line > 0 ? "invalid YAML in line \(line): \(problem)" : "invalid YAML: \(problem)" }
}

/// Reads YAML as the Kubernetes clients do: every document becomes a JSON value.
public enum YAMLDocuments {
    /// Nodes of one text at most: aliases of aliases would otherwise make gigabytes out of a few lines.
    private static let maximumNodes = 1_000_000
    private static let maximumDepth = 256

    /// The documents of a text (JSON is YAML, too); empty ones are left out.
    public static func read(_ text: String) throws(YAMLSyntaxError) -> [JSONValue] {
        var documents: [JSONValue] = []
        do {
            // Scalars are resolved here, by the rules of Kubernetes' own reader.
            for node in try documentNodes(text) {
                var budget = maximumNodes
                let value = try json(node, depth: 0, budget: &budget)
                if value != .null { documents.append(value) }
            }
        } catch let error as YAMLSyntaxError {
            throw error
        } catch {
            throw syntaxError(error)
        }
        return documents
    }

    private static func documentNodes(_ text: String) throws -> [Yams.Node] {
        let parser = try Parser(yaml: text, resolver: .basic)
        var nodes: [Yams.Node] = []
        while let node = try parser.nextRoot() { nodes.append(node) }
        return nodes
    }

    private static func syntaxError(_ error: any Error) -> YAMLSyntaxError {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            YAMLSyntaxError(line: mark.line, problem: problem)
        case YamlError.duplicatedKeysInMapping(let keys, let context):
            YAMLSyntaxError(
                line: context.mark.line, problem: "key \"\(keys.sorted().joined(separator: "\", \""))\" stands twice")
        case YamlError.reader(let problem, _, _, _): YAMLSyntaxError(line: 0, problem: problem)
        default: YAMLSyntaxError(line: 0, problem: "\(error)")
        }
    }

    private static func json(_ node: Yams.Node, depth: Int, budget: inout Int) throws(YAMLSyntaxError) -> JSONValue {
        let line = node.mark?.line ?? 0
        budget -= 1
        guard budget > 0 else { throw YAMLSyntaxError(line: line, problem: "too many values (aliases of aliases?)") }
        guard depth < maximumDepth else { throw YAMLSyntaxError(line: line, problem: "nested too deeply") }
        switch node {
        case .scalar(let scalar):
            // Quoted and block scalars are strings whatever they look like, and so is what is tagged as one.
            guard scalar.style == .plain || scalar.style == .any, scalar.tag.description != Tag.Name.str.rawValue
            else { return .string(scalar.string) }
            return PlainScalar.value(scalar.string)
        case .sequence(let sequence):
            var values: [JSONValue] = []
            for element in sequence { values.append(try json(element, depth: depth + 1, budget: &budget)) }
            return .array(values)
        case .mapping(let mapping):
            var object = JSONObject()
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw YAMLSyntaxError(line: key.mark?.line ?? line, problem: "a key has to be a string")
                }
                if name.string == "<<", name.style == .plain {
                    try merge(value, into: &object, depth: depth, budget: &budget)
                } else {
                    object[name.string] = try json(value, depth: depth + 1, budget: &budget)
                }
            }
            return .object(object)
        case .alias: throw YAMLSyntaxError(line: line, problem: "an alias without its anchor")
        }
    }

    /// `<<: *anchor`: the members of another mapping, or of several, where this one has none of that name.
    private static func merge(
        _ node: Yams.Node, into object: inout JSONObject, depth: Int, budget: inout Int
    ) throws(YAMLSyntaxError) {
        let value = try json(node, depth: depth + 1, budget: &budget)
        for source in value.arrayValue ?? [value] {
            guard case .object(let members) = source else {
                throw YAMLSyntaxError(line: node.mark?.line ?? 0, problem: "<< needs a mapping")
            }
            for (key, member) in members where object[key] == nil { object[key] = member }
        }
    }
}

/// What a plain scalar stands for, by the rules of YAML 1.1 as the Kubernetes clients apply them (times and
/// base-60 numbers stay strings).
enum PlainScalar {
    static func value(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y": return .bool(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N": return .bool(false)
        default: return number(text) ?? .string(text)
        }
    }

    private static func number(_ text: String) -> JSONValue? {
        guard let first = text.utf8.first, first < 0x3A else { return nil }
        let plain = text.filter { $0 != "_" }
        let negative = plain.hasPrefix("-")
        let digits = negative || plain.hasPrefix("+") ? String(plain.dropFirst()) : plain
        guard let leading = digits.utf8.first, (0x30...0x39).contains(leading) || leading == UInt8(ascii: ".") else {
            return nil
        }
        func integer(_ body: some StringProtocol, radix: Int) -> JSONValue? {
            Int64((negative ? "-" : "") + body, radix: radix).map(JSONValue.integer)
        }
        if digits.hasPrefix("0x") { return integer(digits.dropFirst(2), radix: 16) }
        if digits.hasPrefix("0b") { return integer(digits.dropFirst(2), radix: 2) }
        if digits.hasPrefix("0o") { return integer(digits.dropFirst(2), radix: 8) }
        // A leading zero means octal, as for file modes: 0644.
        if digits.hasPrefix("0"), digits.count > 1, let octal = integer(digits.dropFirst(), radix: 8) { return octal }
        if let whole = integer(digits, radix: 10) { return whole }
        let decimal = digits.utf8.allSatisfy {
            (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e")
                || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-")
        }
        guard decimal, digits != ".", let value = Double((negative ? "-" : "") + digits), value.isFinite else {
            return nil
        }
        return .number(value)
    }
}
