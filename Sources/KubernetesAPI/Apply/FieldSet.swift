/// Fields of an object, in the tree form of `metadata.managedFields[].fieldsV1` (KEP-555): `f:NAME` is a member of a
/// structure or map, `k:{"name":"x"}` an item of a list that is found by its keys, `v:"x"` an item of a list that is a
/// set, `i:0` one found by its place. A leaf is a field of the set; an inner node is one, too, where it has the member
/// `.`.
///
/// The operations work on the tree as it is stored: most writes touch few fields of large sets, and nothing is taken
/// apart for them.
public struct FieldSet: Sendable, Hashable {
    /// What is below the root, which itself is no field.
    private(set) var children: JSONObject

    public init() { children = JSONObject() }

    /// Takes the value of `fieldsV1`.
    public init(json: JSONValue) {
        children = json.objectValue ?? JSONObject()
        children.members[FieldNode.itself] = nil
    }

    init(children: JSONObject) { self.children = children }

    /// The set of the given fields of structures, each as the names that lead to it.
    public init(_ paths: [[String]]) {
        children = JSONObject()
        for path in paths {
            var node = JSONValue.object(JSONObject())
            for name in path.dropFirst().reversed() { node = .object(["f:\(name)": node]) }
            if let first = path.first { formUnion(FieldSet(children: ["f:\(first)": node])) }
        }
    }

    /// The value of `fieldsV1`.
    public var json: JSONValue { .object(children) }
    public var isEmpty: Bool { children.isEmpty }

    // MARK: Operations

    public mutating func formUnion(_ other: FieldSet) {
        guard !isSuperset(of: other) else { return }
        children = FieldNode.union(children, other.children)
    }

    public mutating func subtract(_ other: FieldSet) {
        guard !isDisjoint(with: other) else { return }
        children = FieldNode.difference(children, other.children, whole: false)
    }

    /// Removes the other set's fields with all that is below them.
    public mutating func subtractTrees(_ other: FieldSet) {
        children = FieldNode.difference(children, other.children, whole: true)
    }

    /// The fields at and below the places of the given form, each as the elements that lead there; `*` is any element.
    public func limited(to places: [[String]]) -> FieldSet {
        FieldSet(children: FieldNode.limited(children, to: places.map { $0[...] }))
    }

    public func intersection(_ other: FieldSet) -> FieldSet {
        FieldSet(children: FieldNode.intersection(children, other.children))
    }

    public func isSuperset(of other: FieldSet) -> Bool { FieldNode.contains(children, other.children) }
    public func isDisjoint(with other: FieldSet) -> Bool { FieldNode.areDisjoint(children, other.children) }

    /// The ways to all fields, in order: those of one level before what is below them.
    public var paths: [Path] {
        var paths: [Path] = []
        func visit(_ children: JSONObject, _ prefix: [String]) {
            for (key, node) in children where key != FieldNode.itself && FieldNode.isMember(node) {
                paths.append(Path(elements: prefix + [key]))
            }
            for (key, node) in children where key != FieldNode.itself {
                if let below = node.objectValue, !below.isEmpty { visit(below, prefix + [key]) }
            }
        }
        visit(children, [])
        return paths
    }
}

extension FieldSet {
    /// The way to a field: elements as in `fieldsV1`, written as in messages: `.spec.containers[name="web"].image`.
    public struct Path: Sendable, Hashable, CustomStringConvertible {
        public var elements: [String]

        public var description: String {
            elements.map { element in
                let text = element.dropFirst(2)
                switch element.prefix(2) {
                case "f:": return ".\(text)"
                case "v:": return "[=\(text)]"
                case "k:":
                    let keys = (try? JSONParser.parse(text.utf8))?.objectValue ?? JSONObject()
                    return "[\(keys.map { "\($0.key)=\($0.value.text)" }.joined(separator: ","))]"
                default: return "[\(text)]"
                }
            }.joined()
        }
    }
}

/// The nodes of a `FieldSet`'s tree.
enum FieldNode {
    static let itself = "."
    static let leaf = JSONValue.object(JSONObject())

    /// Whether the node's own field is in the set, and not only some below it.
    static func isMember(_ node: JSONValue) -> Bool {
        guard case .object(let members) = node else { return true }
        return members.isEmpty || members[itself] != nil
    }

    /// A node, its children in the order of their names; nil where it would stand for nothing.
    static func make(isMember: Bool, _ children: JSONObject) -> JSONValue? {
        // Not `nil` by a conditional operator: that would be JSON's null.
        guard !children.isEmpty else { return isMember ? .some(leaf) : .none }
        var node = sorted(children)
        if isMember { node.members.updateValue(leaf, forKey: itself, insertingAt: 0) }
        return .object(node)
    }

    static func sorted(_ children: JSONObject) -> JSONObject {
        let keys = children.keys
        guard !zip(keys, keys.dropFirst()).allSatisfy({ $0 < $1 }) else { return children }
        var sorted = children
        sorted.members.sort { $0.key < $1.key }
        return sorted
    }

    /// What is below a node.
    private static func below(_ node: JSONValue) -> JSONObject {
        guard case .object(var members) = node else { return JSONObject() }
        if members[itself] != nil { members[itself] = nil }
        return members
    }

    static func union(_ left: JSONObject, _ right: JSONObject) -> JSONObject {
        var result = left
        for (key, node) in right {
            guard let present = left[key] else {
                result[key] = node
                continue
            }
            result[key] = make(
                isMember: isMember(present) || isMember(node), union(below(present), below(node)))
        }
        return sorted(result)
    }

    /// - Parameter whole: what is below a removed field goes with it.
    static func difference(_ left: JSONObject, _ right: JSONObject, whole: Bool) -> JSONObject {
        var result = left
        for (key, node) in right {
            guard let present = left[key] else { continue }
            let removes = isMember(node)
            if removes, whole {
                result[key] = nil
            } else {
                result[key] = make(
                    isMember: isMember(present) && !removes, difference(below(present), below(node), whole: whole))
            }
        }
        return result
    }

    static func limited(_ children: JSONObject, to places: [ArraySlice<String>]) -> JSONObject {
        var result = JSONObject()
        for (key, node) in children where key != itself {
            let inside = places.filter { $0.first == key || $0.first == "*" }.map { $0.dropFirst() }
            guard !inside.isEmpty else { continue }
            result[key] =
                inside.contains(where: \.isEmpty)
                ? node : make(isMember: false, limited(below(node), to: inside))
        }
        return result
    }

    static func intersection(_ left: JSONObject, _ right: JSONObject) -> JSONObject {
        var result = JSONObject()
        for (key, node) in left {
            guard let other = right[key] else { continue }
            result[key] = make(
                isMember: isMember(node) && isMember(other), intersection(below(node), below(other)))
        }
        return result
    }

    /// Whether every field of `right` is in `left`. The member `.` of both is passed over.
    static func contains(_ left: JSONObject, _ right: JSONObject) -> Bool {
        right.allSatisfy { key, node in
            guard key != itself else { return true }
            guard let present = left[key] else { return false }
            guard isMember(present) || !isMember(node) else { return false }
            guard case .object(let wanted) = node, !wanted.isEmpty else { return true }
            return contains(present.objectValue ?? JSONObject(), wanted)
        }
    }

    /// Whether no field is in both.
    static func areDisjoint(_ left: JSONObject, _ right: JSONObject) -> Bool {
        right.allSatisfy { key, node in
            guard key != itself, let present = left[key] else { return true }
            guard !isMember(present) || !isMember(node) else { return false }
            guard case .object(let inner) = present, case .object(let other) = node else { return true }
            return areDisjoint(inner, other)
        }
    }
}
