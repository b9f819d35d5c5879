import OrderedCollections

/// How an applied configuration changes an object: what it says is set, what it no longer says is taken out.
enum AppliedMerge {
    /// The object with a configuration merged into it. Members that the configuration has as null go.
    static func merge(_ configuration: JSONValue, into object: JSONValue, kind: GroupVersionKind) -> JSONValue {
        merged(configuration, object, FieldShape(kind))
    }

    private static func merged(_ new: JSONValue, _ old: JSONValue?, _ shape: FieldShape) -> JSONValue {
        switch (shape, new, old) {
        case (.structure, .object(let changes), .object(let present)?),
            (.map, .object(let changes), .object(let present)?):
            var result = present
            for (name, value) in changes {
                guard value != .null else {
                    result[name] = nil
                    continue
                }
                result[name] = merged(value, present[name], shape.member(name) ?? .leaf(.scalar(.raw)))
            }
            return .object(result)
        case (.set, .array(let items), .array(let present)?), (.keyed, .array(let items), .array(let present)?):
            return .array(merged(Items(items, shape), present, shape))
        default: return new
        }
    }

    /// The items of both lists. Those of the configuration stand in its order; those that only the object has keep
    /// their places among what stood around them, and new ones come before what follows them in the configuration.
    private static func merged(_ new: Items, _ old: [JSONValue], _ shape: FieldShape) -> [JSONValue] {
        let present = Items(old, shape)
        let wanted = new.byElement.keys
        func item(_ element: String) -> [JSONValue] {
            let items = new.byElement[element] ?? []
            guard case .keyed(let type, _) = shape, let change = items.first, let here = present.byElement[element],
                here.count == 1
            else { return items }
            return [merged(change, here[0], FieldShape(type))]
        }
        var result: [JSONValue] = []
        var next = 0
        for value in old {
            let element = Items.element(value, shape)
            guard let position = wanted.firstIndex(of: element) else {
                result.append(value)
                continue
            }
            // One whose turn has not come is put where the configuration has it.
            let turn = wanted[next...].firstIndex { present.byElement[$0] != nil }
            guard position == turn else { continue }
            for index in next...position { result += item(wanted[index]) }
            next = position + 1
        }
        for index in next..<wanted.count { result += item(wanted[index]) }
        return result
    }

    /// The object without some of its fields.
    static func remove(_ fields: FieldSet, from object: JSONValue, kind: GroupVersionKind) -> JSONValue {
        guard !fields.isEmpty else { return object }
        return removed(fields.children, from: object, FieldShape(kind)) ?? .object(JSONObject())
    }

    /// Nil where nothing is left.
    private static func removed(_ fields: JSONObject, from value: JSONValue, _ shape: FieldShape) -> JSONValue? {
        func remainder(_ value: JSONValue, _ element: String, _ shape: FieldShape?) -> JSONValue? {
            guard let node = fields[element] else { return value }
            guard !FieldNode.isMember(node) else { return nil }
            guard let shape, let below = node.objectValue else { return value }
            return removed(below, from: value, shape)
        }
        switch (shape, value) {
        case (.structure, .object(let members)), (.map, .object(let members)):
            var kept = JSONObject()
            for (name, value) in members { kept[name] = remainder(value, "f:\(name)", shape.member(name)) }
            return kept.isEmpty && !members.isEmpty ? .none : .some(.object(kept))
        case (.set, .array(let items)), (.keyed, .array(let items)):
            var inner: FieldShape?
            if case .keyed(let type, _) = shape { inner = FieldShape(type) }
            let kept = items.compactMap { remainder($0, Items.element($0, shape), inner) }
            return kept.isEmpty && !items.isEmpty ? .none : .some(.array(kept))
        default: return value
        }
    }
}
