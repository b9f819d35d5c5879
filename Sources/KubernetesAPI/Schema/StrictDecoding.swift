import Foundation

extension Schema {
    /// What is wrong with a JSON value as an object of a kind.
    public struct Findings: Sendable, Hashable {
        /// Paths of members that the kind does not have, e.g. `spec.containers[0].imagee`.
        public var unknownFields: [String] = []
        /// Sentences about values of the wrong type, in the words of the API server's decoder.
        public var mismatches: [String] = []

        public var isEmpty: Bool { unknownFields.isEmpty && mismatches.isEmpty }
    }

    /// Compares a JSON value with the description of a kind. What the description does not know is taken as it is.
    public func check(_ json: JSONValue, kind: GroupVersionKind) -> Findings {
        guard let structure = structure(of: kind) else { return Findings() }
        return check(json, structure: structure)
    }

    /// Compares a JSON value with one structure, e.g. the template within a patch.
    public func check(_ json: JSONValue, structure: Structure) -> Findings {
        var check = StructureCheck(schema: self)
        check.visit(json, as: .structure(structure.name), owner: structure.shortName)
        return check.findings
    }

    /// The value without the members that its kind does not have, as a server keeps it where field validation is
    /// `Ignore` or `Warn`.
    public func removingUnknownFields(from json: JSONValue, kind: GroupVersionKind) -> JSONValue {
        structure(of: kind).map { remainder(of: json, as: .structure($0.name)) } ?? json
    }

    private func remainder(of json: JSONValue, as type: TypeReference) -> JSONValue {
        switch (type, json) {
        case (.structure(let name), .object(let object)):
            guard let structure = structures[name] else { return json }
            var kept = JSONObject()
            for (key, value) in object {
                if let field = structure[key] { kept[key] = remainder(of: value, as: field.type) }
            }
            return .object(kept)
        case (.list(let inner), .array(let items)) where inner.innermostStructure != nil:
            return .array(items.map { remainder(of: $0, as: inner) })
        case (.map(let inner), .object(let object)) where inner.innermostStructure != nil:
            return .object(JSONObject(object.members.mapValues { remainder(of: $0, as: inner) }))
        default:
            return json
        }
    }
}

extension APIError {
    /// 400, as the API server answers when a body is not an object of its kind.
    public static func undecodable(_ kind: GroupVersionKind, _ problem: String) -> APIError {
        APIError(
            code: 400, reason: .badRequest,
            message: "\(kind.kind) in version \"\(kind.version)\" cannot be handled as a \(kind.kind): \(problem)")
    }
}

extension Schema.Findings {
    /// The sentences for members that are unknown or stood twice: what `fieldValidation=Warn` puts into warnings.
    public func strictProblems(duplicates: [String]) -> [String] {
        duplicates.map { "duplicate field \"\($0)\"" } + unknownFields.map { "unknown field \"\($0)\"" }
    }

    /// The refusal of a body: wrong types always, unknown and duplicate members where `strict` (the API's
    /// `fieldValidation=Strict`). Nil where there is nothing to refuse.
    public func refusal(of kind: GroupVersionKind, duplicates: [String] = [], strict: Bool = true) -> APIError? {
        if !mismatches.isEmpty { return .undecodable(kind, mismatches.joined(separator: ", ")) }
        let problems = strictProblems(duplicates: duplicates)
        guard strict, !problems.isEmpty else { return nil }
        return .undecodable(kind, "strict decoding error: \(problems.joined(separator: ", "))")
    }
}

/// One walk through a value beside its description.
private struct StructureCheck {
    /// Findings that are kept, and the bytes of their sentences: a large body may be wrong in each of its bytes.
    private static let maximumFindings = 100
    private var remainingBytes = 64 << 10
    /// Structures of one object. In memory each is far larger than the two bytes that it may have in a body.
    private static let maximumStructures = 20_000
    private var structures = 0

    /// Where the walk is. Made into text for a finding only: there may be many values below a long name.
    private enum Step {
        case member(String)
        case key(String)
        case index(Int)
    }

    let schema: Schema
    var findings = Schema.Findings()
    private var steps: [Step] = []

    init(schema: Schema) { self.schema = schema }

    private var path: String {
        var path = ""
        for step in steps {
            switch step {
            case .member(let name): path += path.isEmpty ? name : ".\(name)"
            case .key(let name): path += "[\(name)]"
            case .index(let index): path += "[\(index)]"
            }
        }
        return path
    }

    private mutating func visit(_ json: JSONValue, as type: Schema.TypeReference, at step: Step, owner: String) {
        steps.append(step)
        visit(json, as: type, owner: owner)
        steps.removeLast()
    }

    /// - Parameter owner: the innermost structure's name, which Go's messages begin with.
    mutating func visit(_ json: JSONValue, as type: Schema.TypeReference, owner: String) {
        if json == .null { return }  // counts as absent everywhere
        switch (type, json) {
        case (.structure(let name), .object(let object)):
            guard let structure = schema.structures[name] else { return }
            structures += 1
            if structures == Self.maximumStructures + 1 {
                note("the object has more than \(Self.maximumStructures) parts")
            }
            guard structures <= Self.maximumStructures else { return }
            for (key, value) in object {
                if let field = structure[key] {
                    visit(value, as: field.type, at: .member(key), owner: structure.shortName)
                } else {
                    noteUnknown(key)
                }
            }
        case (.list(let item), .array(let values)):
            for (index, value) in values.enumerated() { visit(value, as: item, at: .index(index), owner: owner) }
        case (.map(let item), .object(let object)):
            for (key, value) in object { visit(value, as: item, at: .key(key), owner: owner) }
        case (.enumeration, .string): break
        case (.scalar(let scalar), _): visit(json, as: scalar, owner: owner)
        default: mismatch(json, type, owner: owner)
        }
    }

    private mutating func visit(_ json: JSONValue, as scalar: Schema.Scalar, owner: String) {
        switch (scalar, json) {
        case (.raw, _), (.object, .object), (.string, .string), (.boolean, .bool), (.int64, .integer),
            (.double, .integer), (.double, .number), (.duration, .string), (.intOrString, .string),
            (.quantity, .integer), (.quantity, .number):
            break
        case (.int32, .integer(let value)), (.intOrString, .integer(let value)):
            if Int32(exactly: value) == nil { mismatch(json, .scalar(.int32), owner: owner) }
        case (.bytes, .string(let text)):
            if Data(base64Encoded: text) == nil { noteHere("illegal base64 data") }
        case (.quantity, .string(let text)):
            if Quantity(text).parsed == nil { noteHere(Quantity.syntaxProblem) }
        case (.time, .string(let text)), (.microTime, .string(let text)):
            if RFC3339.parse(text) == nil { noteHere("\"\(text)\" is not a time in RFC 3339 form") }
        default: mismatch(json, .scalar(scalar), owner: owner)
        }
    }

    private mutating func mismatch(_ json: JSONValue, _ type: Schema.TypeReference, owner: String) {
        guard canNote || findings.mismatches.isEmpty else { return }
        let found =
            switch (json, type) {
            // Which number it is matters only where it is a number out of range.
            case (.integer, .scalar(.int32)), (.integer, .scalar(.int64)), (.number, .scalar(.int32)),
                (.number, .scalar(.int64)), (.integer, .scalar(.double)), (.number, .scalar(.double)):
                "number \(json.text)"
            case (.integer, _), (.number, _): "number"
            default: json.typeName
            }
        note(
            steps.isEmpty
                ? "json: cannot unmarshal \(found) into Go value of type \(type.goName)"
                : "json: cannot unmarshal \(found) into Go struct field \(owner).\(path) of type \(type.goName)")
    }

    // MARK: Findings

    private var canNote: Bool {
        remainingBytes > 0 && findings.mismatches.count + findings.unknownFields.count < Self.maximumFindings
    }

    private mutating func noteUnknown(_ key: String) {
        guard canNote else { return }
        steps.append(.member(key))
        findings.unknownFields.append(path)
        steps.removeLast()
        remainingBytes -= findings.unknownFields.last?.utf8.count ?? 0
    }

    private mutating func noteHere(_ problem: String) {
        guard canNote || findings.mismatches.isEmpty else { return }
        note(steps.isEmpty ? problem : "\(path): \(problem)")
    }

    /// What is wrong in kind is always said: a body must not be taken because there is much wrong with it.
    private mutating func note(_ problem: String) {
        guard canNote || findings.mismatches.isEmpty else { return }
        findings.mismatches.append(problem)
        remainingBytes -= problem.utf8.count
    }
}
