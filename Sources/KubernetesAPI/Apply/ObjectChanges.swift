/// How one state of an object differs from another, by field.
public struct ObjectChanges: Sendable, Hashable {
    public var added: FieldSet
    public var modified: FieldSet
    public var removed: FieldSet

    /// Compares two states of an object of a kind. Members that are null count as absent.
    public init(from old: JSONValue, to new: JSONValue, kind: GroupVersionKind) {
        let nodes = Nodes(old, new, FieldShape(kind))
        func set(_ node: JSONValue?) -> FieldSet { node.map { FieldSet(json: $0) } ?? FieldSet() }
        (added, modified, removed) = (set(nodes.added), set(nodes.modified), set(nodes.removed))
    }

    /// The same of those fields alone that `filter` leaves.
    func filtered(_ filter: (FieldSet) -> FieldSet) -> ObjectChanges {
        var changes = self
        (changes.added, changes.modified, changes.removed) = (filter(added), filter(modified), filter(removed))
        return changes
    }

    /// All that is otherwise than before and still there.
    public var written: FieldSet {
        var fields = modified
        fields.formUnion(added)
        return fields
    }
}

/// What became of one field and those below it.
private struct Nodes {
    var added: JSONValue?
    var modified: JSONValue?
    var removed: JSONValue?

    init(_ old: JSONValue?, _ new: JSONValue?, _ shape: FieldShape) {
        let (old, new) = (old == .null ? nil : old, new == .null ? nil : new)
        switch shape {
        case .leaf: self.init(leaf: old, new)
        case .structure, .map:
            let (before, after) = (old?.objectValue, new?.objectValue)
            guard Self.descends(old, before, new, after), !(before ?? [:]).isEmpty || !(after ?? [:]).isEmpty else {
                self.init(leaf: old, new)
                return
            }
            self.init(members: before, after, shape)
        case .set, .keyed:
            let (before, after) = (old?.arrayValue, new?.arrayValue)
            guard Self.descends(old, before, new, after), !(before ?? []).isEmpty || !(after ?? []).isEmpty else {
                self.init(leaf: old, new)
                return
            }
            self.init(items: before, after, shape)
        }
    }

    /// Whether both sides are of the expected sort, as far as they are there.
    private static func descends<Inner>(_ old: JSONValue?, _ before: Inner?, _ new: JSONValue?, _ after: Inner?) -> Bool
    {
        (old == nil || before != nil) && (new == nil || after != nil)
    }

    private init(leaf old: JSONValue?, _ new: JSONValue?) {
        guard old != new else { return }
        if old == nil {
            added = FieldNode.leaf
        } else if new == nil {
            removed = FieldNode.leaf
        } else {
            modified = FieldNode.leaf
        }
    }

    private init(members old: JSONObject?, _ new: JSONObject?, _ shape: FieldShape) {
        var children = Children()
        for (name, value) in new ?? JSONObject() {
            // Most of an object stays as it is: what is equal needs no look at its type.
            let before = old.flatMap { $0[name] ?? shape.absent(name) }
            let after = value == .null ? shape.absent(name) : value
            guard before != after else { continue }
            children.add("f:\(name)", Nodes(before, after, shape.member(name) ?? .leaf(.scalar(.raw))))
        }
        for (name, value) in old ?? JSONObject() where new?[name] == nil {
            let after = new == nil ? nil : shape.absent(name)
            children.add("f:\(name)", Nodes(value, after, shape.member(name) ?? .leaf(.scalar(.raw))))
        }
        self = children.node(isNew: old == nil, isGone: new == nil)
    }

    private init(items old: [JSONValue]?, _ new: [JSONValue]?, _ shape: FieldShape) {
        let (before, after) = (Items(old ?? [], shape), Items(new ?? [], shape))
        var children = Children()
        for (element, items) in after.byElement {
            children.add(element, Self.item(before.byElement[element], items, shape))
        }
        for (element, items) in before.byElement where after.byElement[element] == nil {
            children.add(element, Self.item(items, nil, shape))
        }
        self = children.node(isNew: old == nil, isGone: new == nil)
    }

    /// Items that are told apart by nothing are one leaf together.
    private static func item(_ old: [JSONValue]?, _ new: [JSONValue]?, _ shape: FieldShape) -> Nodes {
        guard old?.count ?? 1 == 1, new?.count ?? 1 == 1, case .keyed(let type, _) = shape else {
            return Nodes(leaf: old.map { .array($0) }, new.map { .array($0) })
        }
        guard old != new else { return Nodes(leaf: nil, nil) }
        return Nodes(old?.first, new?.first, FieldShape(type))
    }

    private struct Children {
        private var added = JSONObject()
        private var modified = JSONObject()
        private var removed = JSONObject()

        mutating func add(_ element: String, _ nodes: Nodes) {
            if let node = nodes.added { added[element] = node }
            if let node = nodes.modified { modified[element] = node }
            if let node = nodes.removed { removed[element] = node }
        }

        func node(isNew: Bool, isGone: Bool) -> Nodes {
            var nodes = Nodes(leaf: nil, nil)
            nodes.added = FieldNode.make(isMember: isNew, added)
            nodes.modified = FieldNode.make(isMember: false, modified)
            nodes.removed = FieldNode.make(isMember: isGone, removed)
            return nodes
        }
    }
}
