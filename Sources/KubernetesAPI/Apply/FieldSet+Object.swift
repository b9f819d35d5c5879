extension FieldSet {
    /// The fields that an object has.
    init(of object: JSONValue, kind: GroupVersionKind) {
        var reading = FieldReading()
        self = FieldSet(json: reading.node(object, FieldShape(kind), path: "") ?? .object(JSONObject()))
    }

    /// The fields that an applied configuration claims. Throws what in it is not of the kind, in the words of the
    /// API server.
    init(ofConfiguration object: JSONValue, kind: GroupVersionKind) throws(UntypedConfiguration) {
        var reading = FieldReading()
        self = FieldSet(json: reading.node(object, FieldShape(kind), path: "") ?? .object(JSONObject()))
        guard reading.problems.isEmpty else { throw UntypedConfiguration(problems: reading.problems) }
    }

    /// Together with the structures' fields that the set has only parts of: these fields are there as long as
    /// anything in them is. An entry of a map or an item of a list is not.
    func withNamedFields(_ kind: GroupVersionKind) -> FieldSet {
        FieldSet(children: Self.withNamedFields(children, FieldShape(kind)))
    }

    private static func withNamedFields(_ children: JSONObject, _ shape: FieldShape?) -> JSONObject {
        var result = JSONObject()
        for (element, node) in children where element != FieldNode.itself {
            var inner: FieldShape?
            var isNamed = false
            switch shape {
            case .structure(let structure)? where element.hasPrefix("f:"):
                inner = structure[String(element.dropFirst(2))].map { FieldShape($0) }
                isNamed = inner != nil
            case .map(let values)?: inner = FieldShape(values)
            case .keyed(let items, _)?: inner = FieldShape(items)
            default: break
            }
            result[element] = FieldNode.make(
                isMember: isNamed || FieldNode.isMember(node),
                withNamedFields(node.objectValue ?? JSONObject(), inner))
        }
        return result
    }
}

/// An applied configuration with members that its kind does not have, or values of other types.
struct UntypedConfiguration: Error, CustomStringConvertible {
    var problems: [String]

    var description: String {
        guard problems.count != 1 else { return problems[0] }
        return (["errors:"] + problems.map { "  \($0)" }).joined(separator: "\n")
    }
}

/// One walk through an object beside its description.
private struct FieldReading {
    private(set) var problems: [String] = []

    private mutating func note(_ path: String, _ problem: String) {
        problems.append(path.isEmpty ? problem : "\(path): \(problem)")
    }

    /// The node of what a value claims; nil for nothing.
    mutating func node(_ value: JSONValue, _ shape: FieldShape, path: String) -> JSONValue? {
        guard value != .null else { return nil }
        switch shape {
        case .leaf(let type):
            check(value, type, path: path)
            return FieldNode.leaf
        case .structure, .map:
            guard case .object(let members) = value else {
                note(path, "expected map, got \(value.goText)")
                return nil
            }
            return self.members(members, shape, path: path)
        case .set, .keyed:
            guard case .array(let items) = value else {
                note(path, "expected list, got \(value.goText)")
                return nil
            }
            return self.items(items, shape, path: path)
        }
    }

    private mutating func members(_ members: JSONObject, _ shape: FieldShape, path: String) -> JSONValue? {
        var isMap = false
        if case .map = shape { isMap = true }
        var children = JSONObject()
        for (name, value) in members {
            guard let inner = shape.member(name) else {
                note("\(path).\(name)", "field not declared in schema")
                continue
            }
            var node = node(value, inner, path: "\(path).\(name)")
            // What is said to be empty is claimed, and so is each entry of a map.
            if isMap || value == .null || value.objectValue?.isEmpty == true {
                node = FieldNode.member(node)
            }
            if let node { children["f:\(name)"] = node }
        }
        return FieldNode.make(isMember: false, children)
    }

    private mutating func items(_ items: [JSONValue], _ shape: FieldShape, path: String) -> JSONValue? {
        var children = JSONObject()
        for (index, item) in items.enumerated() {
            if case .keyed(_, let keys) = shape, let key = keys.missing(item) {
                note(
                    path,
                    "element \(index): associative list with keys has an element that omits key field "
                        + "\"\(key)\" (and doesn't have default value)")
                continue
            }
            let element = Items.element(item, shape)
            let place = FieldSet.Path(elements: [element]).description
            if children[element] != nil {
                note(path, "duplicate entries for key \(place)")
                continue
            }
            var below: JSONValue?
            switch shape {
            case .keyed(let type, _): below = node(item, FieldShape(type), path: path + place)
            case .set(let type): check(item, type, path: path + place)
            default: break
            }
            children[element] = FieldNode.member(below)
        }
        return FieldNode.make(isMember: false, children)
    }

    /// Checks what is owned as a whole.
    private mutating func check(_ value: JSONValue, _ type: Schema.TypeReference, path: String) {
        guard value != .null else { return }
        switch type {
        case .structure(let name):
            guard let structure = Schema.shared.structures[name] else { return }
            guard case .object(let members) = value else {
                return note(path, "expected map, got \(value.goText)")
            }
            for (name, value) in members {
                if let field = structure[name] {
                    check(value, field.type, path: "\(path).\(name)")
                } else {
                    note("\(path).\(name)", "field not declared in schema")
                }
            }
        case .list(let items):
            guard case .array(let values) = value else { return note(path, "expected list, got \(value.goText)") }
            for (index, value) in values.enumerated() { check(value, items, path: "\(path)[\(index)]") }
        case .map(let inner):
            guard case .object(let members) = value else {
                return note(path, "expected map, got \(value.goText)")
            }
            for (name, value) in members { check(value, inner, path: "\(path).\(name)") }
        case .enumeration:
            if value.stringValue == nil { note(path, "expected string, got \(value.goText)") }
        case .scalar(let scalar): check(value, scalar, path: path)
        }
    }

    private mutating func check(_ value: JSONValue, _ scalar: Schema.Scalar, path: String) {
        switch (scalar, value) {
        case (.raw, _), (.object, _), (.string, .string), (.bytes, .string), (.time, .string), (.microTime, .string),
            (.duration, .string), (.boolean, .bool), (.int32, .integer), (.int64, .integer), (.double, .integer),
            (.int32, .number), (.int64, .number), (.double, .number), (.quantity, .string), (.quantity, .integer),
            (.quantity, .number), (.intOrString, .string), (.intOrString, .integer):
            break
        case (.int32, _), (.int64, _), (.double, _):
            note(path, "expected numeric (int or float), got \(value.goType)")
        case (.boolean, _): note(path, "expected boolean, got \(value.goText)")
        case (.quantity, _), (.intOrString, _): note(path, "expected any scalar, got \(value.goText)")
        default: note(path, "expected string, got \(value.goText)")
        }
    }
}

extension FieldNode {
    /// The node with its own field in the set.
    static func member(_ node: JSONValue?) -> JSONValue {
        guard let node, !isMember(node), case .object(var members) = node else { return node ?? leaf }
        members.members.updateValue(leaf, forKey: itself, insertingAt: 0)
        return .object(members)
    }
}

extension JSONValue {
    /// About as Go prints it in messages.
    fileprivate var goText: String {
        if case .string(let text) = self { return text }
        return text
    }

    fileprivate var goType: String {
        switch self {
        case .null: "<nil>"
        case .bool: "bool"
        case .integer: "int64"
        case .number: "float64"
        case .string: "string"
        case .array: "[]interface {}"
        case .object: "map[string]interface {}"
        }
    }
}
