/// A label selector, ready to be matched: all requirements have to hold. The empty one matches everything.
public struct LabelMatcher: Sendable, Hashable, CustomStringConvertible {
    /// What one requirement asks of one label.
    public enum Operator: Sendable, Hashable {
        case `in`, notIn, exists, doesNotExist, greaterThan, lessThan
    }

    public struct Requirement: Sendable, Hashable {
        public var key: String
        public var `operator`: Operator
        /// Sorted.
        public var values: [String]

        public init(key: String, operator: Operator, values: [String] = []) {
            self.key = key
            self.operator = `operator`
            self.values = values.sorted()
        }

        /// By apimachinery's rules: `notIn` holds where the label is missing, the comparisons take integers.
        public func matches(_ labels: [String: String]) -> Bool {
            let value = labels[key]
            return switch `operator` {
            case .in: value.map(values.contains) ?? false
            case .notIn: !(value.map(values.contains) ?? false)
            case .exists: value != nil
            case .doesNotExist: value == nil
            case .greaterThan: compare(value) { $0 > $1 }
            case .lessThan: compare(value) { $0 < $1 }
            }
        }

        private func compare(_ value: String?, _ holds: (Int64, Int64) -> Bool) -> Bool {
            guard let number = value.flatMap({ Int64($0) }), let bound = values.first.flatMap({ Int64($0) }) else {
                return false
            }
            return holds(number, bound)
        }
    }

    /// Sorted by key.
    public private(set) var requirements: [Requirement]
    private var matchesNothing = false

    public init(requirements: [Requirement] = []) {
        self.requirements = requirements.sorted { $0.key < $1.key }
    }

    public static let everything = LabelMatcher()
    public static let nothing: LabelMatcher = {
        var matcher = LabelMatcher()
        matcher.matchesNothing = true
        return matcher
    }()

    /// One requirement `key=value` for each pair.
    public init(_ labels: [String: String]) {
        self.init(requirements: labels.map { Requirement(key: $0.key, operator: .in, values: [$0.value]) })
    }

    public var isEmpty: Bool { requirements.isEmpty && !matchesNothing }

    public func matches(_ labels: [String: String]) -> Bool {
        !matchesNothing && requirements.allSatisfy { $0.matches(labels) }
    }

    /// As a query parameter: `app=web,tier in (a,b)`.
    public var description: String {
        requirements.map { requirement in
            let values = requirement.values.joined(separator: ",")
            return switch requirement.operator {
            case .in where requirement.values.count == 1: "\(requirement.key)=\(values)"
            case .in: "\(requirement.key) in (\(values))"
            case .notIn where requirement.values.count == 1: "\(requirement.key)!=\(values)"
            case .notIn: "\(requirement.key) notin (\(values))"
            case .exists: requirement.key
            case .doesNotExist: "!\(requirement.key)"
            case .greaterThan: "\(requirement.key)>\(values)"
            case .lessThan: "\(requirement.key)<\(values)"
            }
        }.joined(separator: ",")
    }
}

extension LabelMatcher {
    /// The matcher of an object's selector: nil matches nothing, an empty one everything (`LabelSelectorAsSelector`).
    public init(_ selector: LabelSelector?) throws(SelectorError) {
        guard let selector else {
            self = .nothing
            return
        }
        var requirements = selector.matchLabels.map {
            Requirement(key: $0.key, operator: .in, values: [$0.value])
        }
        for expression in selector.matchExpressions {
            let `operator`: Operator
            switch expression.`operator`.rawValue {
            case "In": `operator` = .in
            case "NotIn": `operator` = .notIn
            case "Exists": `operator` = .exists
            case "DoesNotExist": `operator` = .doesNotExist
            case let other: throw SelectorError("\"\(other)\" is not a valid label selector operator")
            }
            requirements.append(Requirement(key: expression.key, operator: `operator`, values: expression.values))
        }
        try self.init(checking: requirements)
    }

    private init(checking requirements: [Requirement]) throws(SelectorError) {
        for requirement in requirements { try Self.check(requirement) }
        self.init(requirements: requirements)
    }

    private static func check(_ requirement: Requirement) throws(SelectorError) {
        if let problem = NameRules.qualifiedName(requirement.key).first {
            throw SelectorError("key: Invalid value: \"\(requirement.key)\": \(problem)")
        }
        func refused(_ problem: String) -> SelectorError {
            SelectorError("values: Invalid value: \(JSONValue(json: requirement.values.json).text): \(problem)")
        }
        switch requirement.operator {
        case .in, .notIn:
            if requirement.values.isEmpty { throw refused("for 'in', 'notin' operators, values set can't be empty") }
        case .exists, .doesNotExist:
            if !requirement.values.isEmpty { throw refused("values set must be empty for exists and does not exist") }
        case .greaterThan, .lessThan:
            guard requirement.values.count == 1 else {
                throw refused("for 'Gt', 'Lt' operators, exactly one value is required")
            }
            guard Int64(requirement.values[0]) != nil else {
                throw refused("for 'Gt', 'Lt' operators, the value must be an integer")
            }
        }
        for value in requirement.values {
            if let problem = NameRules.labelValue(value).first {
                throw SelectorError("values[0][\(requirement.key)]: Invalid value: \"\(value)\": \(problem)")
            }
        }
    }

    /// Parses the `labelSelector` parameter: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
    public init(parsing text: String) throws(SelectorError) {
        var parser = LabelSelectorParser(text)
        try self.init(checking: try parser.requirements())
    }
}

/// A recursive-descent parser of the selector syntax (apimachinery `labels.Parse`).
private struct LabelSelectorParser {
    private var lexer: SelectorLexer

    init(_ text: String) { lexer = SelectorLexer(text) }

    private func failure(_ found: SelectorLexer.Token, expected: String) -> SelectorError {
        SelectorError("unable to parse requirement: found '\(found.text)', expected: \(expected)")
    }

    mutating func requirements() throws(SelectorError) -> [LabelMatcher.Requirement] {
        var requirements: [LabelMatcher.Requirement] = []
        if lexer.next == .end { return [] }
        while true {
            requirements.append(try requirement())
            switch lexer.take() {
            case .end: return requirements
            case .sign(","):
                switch lexer.next {
                case .word, .sign("!"): continue
                case let found: throw failure(found, expected: "identifier after ','")
                }
            case let found: throw failure(found, expected: "',' or 'end of string'")
            }
        }
    }

    private mutating func requirement() throws(SelectorError) -> LabelMatcher.Requirement {
        if lexer.next == .sign("!") {
            _ = lexer.take()
            return .init(key: try key(), operator: .doesNotExist)
        }
        let key = try key()
        switch lexer.next {
        case .end, .sign(","): return .init(key: key, operator: .exists)
        case .sign("="), .sign("=="):
            _ = lexer.take()
            return .init(key: key, operator: .in, values: [try exactValue()])
        case .sign("!="):
            _ = lexer.take()
            return .init(key: key, operator: .notIn, values: [try exactValue()])
        case .sign(">"):
            _ = lexer.take()
            return .init(key: key, operator: .greaterThan, values: [try exactValue()])
        case .sign("<"):
            _ = lexer.take()
            return .init(key: key, operator: .lessThan, values: [try exactValue()])
        case .word("in"):
            _ = lexer.take()
            return .init(key: key, operator: .in, values: try values())
        case .word("notin"):
            _ = lexer.take()
            return .init(key: key, operator: .notIn, values: try values())
        case let found: throw failure(found, expected: "in, notin, =, ==, !=, gt, lt")
        }
    }

    private mutating func key() throws(SelectorError) -> String {
        let token = lexer.take()
        guard case .word(let key) = token else { throw failure(token, expected: "identifier") }
        return key
    }

    /// One value, which may be empty: `a=`.
    private mutating func exactValue() throws(SelectorError) -> String {
        switch lexer.next {
        case .end, .sign(","): return ""
        case .word(let value):
            _ = lexer.take()
            return value
        case let found: throw failure(found, expected: "identifier")
        }
    }

    /// `(a,b,)`: the empty value counts too.
    private mutating func values() throws(SelectorError) -> [String] {
        let open = lexer.take()
        guard open == .sign("(") else { throw failure(open, expected: "'('") }
        var values: Set<String> = []
        var value = ""
        while true {
            switch lexer.take() {
            case .word(let word):
                guard value.isEmpty else { throw failure(.word(word), expected: "',' or ')'") }
                value = word
            case .sign(","):
                values.insert(value)
                value = ""
            case .sign(")"):
                values.insert(value)
                return Array(values)
            case let found: throw failure(found, expected: "',', or ')'")
            }
        }
    }
}
