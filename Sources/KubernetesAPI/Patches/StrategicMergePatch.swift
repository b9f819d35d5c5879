/// Strategic merge patch: a merge patch that merges lists too, item by item, where the API's types say how
/// (`patchStrategy`, `patchMergeKey`), and that takes directives:
///
/// | directive | effect |
/// | --- | --- |
/// | `$patch: replace` | the map, or in a list's item the whole list, is replaced |
/// | `$patch: delete` | the map, or the list's item with the same key, is removed |
/// | `$patch: merge` | the default |
/// | `$retainKeys: [..]` | members of the map that are not listed are removed |
/// | `$deleteFromPrimitiveList/f: [..]` | these values are removed from the list `f` |
/// | `$setElementOrder/f: [..]` | the order of the list `f` after the merge |
public enum StrategicMergePatch {
    static let directive = "$patch"
    static let retainKeys = "$retainKeys"
    static let deleteFromPrimitiveList = "$deleteFromPrimitiveList/"
    static let setElementOrder = "$setElementOrder/"

    /// Applies a patch to an object of a kind; kinds without a description are merged as by a JSON merge patch.
    public static func apply(
        _ patch: JSONValue, to object: JSONValue, kind: GroupVersionKind
    ) throws(PatchError) -> JSONValue {
        try apply(patch, to: object, structure: Schema.shared.structure(of: kind))
    }

    static func apply(
        _ patch: JSONValue, to object: JSONValue, structure: Schema.Structure?
    ) throws(PatchError) -> JSONValue {
        guard case .object(let changes) = patch else {
            throw PatchError(.malformed, "json: cannot unmarshal \(patch.typeName) into a strategic merge patch")
        }
        let type = structure.map { Schema.TypeReference.structure($0.name) }
        return .object(try merge(changes, into: object.objectValue ?? JSONObject(), type))
    }

    /// - Parameter type: what the map is; nil where the description does not say.
    static func merge(
        _ patch: JSONObject, into original: JSONObject, _ type: Schema.TypeReference?
    ) throws(PatchError) -> JSONObject {
        var patch = patch
        if let action = patch[directive] {
            patch[directive] = nil
            switch action {
            case "replace": return withoutDirectives(patch)
            case "delete": return JSONObject()
            case "merge": break
            default: throw PatchError(.malformed, "unknown patch type found: \(action.text)")
            }
        }
        var result = original
        if let kept = patch[retainKeys] {
            patch[retainKeys] = nil
            guard let names = kept.arrayValue.map({ Set($0.compactMap(\.stringValue)) }) else {
                throw PatchError(
                    .malformed, "invalid patch format of $retainKeys directive: expected a list of strings")
            }
            for key in original.keys where !names.contains(key) { result[key] = nil }
        }
        try applyOrderedLists(&patch, to: &result, type)
        for (key, change) in patch {
            if key.hasPrefix(deleteFromPrimitiveList) {
                let name = String(key.dropFirst(deleteFromPrimitiveList.count))
                guard let values = change.arrayValue.map({ Set($0) }) else {
                    throw PatchError(.malformed, "invalid value for \(key): expected a list")
                }
                if case .array(let items)? = result[name] {
                    result[name] = .array(items.filter { !values.contains($0) })
                }
            } else if change == .null {
                result[key] = nil
            } else {
                result[key] = try merged(change, into: result[key], field: field(key, of: type))
            }
        }
        return result
    }

    /// What is known of a member: its type, and what strategic merge patch does with it.
    struct Member {
        var type: Schema.TypeReference?
        var strategies: Set<Schema.PatchStrategy> = []
        var mergeKey: String?
    }

    static func field(_ name: String, of type: Schema.TypeReference?) -> Member {
        switch type {
        case .structure(let structure):
            guard let field = Schema.shared.structures[structure]?[name] else { return Member() }
            return Member(type: field.type, strategies: field.patchStrategies, mergeKey: field.patchMergeKey)
        case .map(let values): return Member(type: values)
        default: return Member()
        }
    }

    /// One member after the patch; `change` is not null.
    private static func merged(
        _ change: JSONValue, into original: JSONValue?, field: Member
    ) throws(PatchError) -> JSONValue {
        switch (change, original) {
        case (.object(let changes), .object(let present)) where !field.strategies.contains(.replace):
            return .object(try merge(changes, into: present, field.type))
        case (.array(let changes), .array(let present)) where field.strategies.contains(.merge):
            return .array(try ListMerge(field).merge(changes, into: present))
        case (.array(let changes), nil) where field.strategies.contains(.merge):
            return .array(try ListMerge(field).merge(changes, into: []))
        case (.object(let changes), nil):
            // Directives count here too: `$patch: delete` of what is not there leaves an empty map.
            return .object(try merge(changes, into: JSONObject(), field.type))
        default:
            return withoutDirectives(change)
        }
    }

    /// Takes the `$setElementOrder` directives, and the lists that they order, out of the patch and applies them.
    private static func applyOrderedLists(
        _ patch: inout JSONObject, to result: inout JSONObject, _ type: Schema.TypeReference?
    ) throws(PatchError) {
        for key in patch.keys where key.hasPrefix(setElementOrder) {
            let name = String(key.dropFirst(setElementOrder.count))
            guard let order = patch[key]?.arrayValue else {
                throw PatchError(.malformed, "invalid value for \(key): expected a list")
            }
            patch[key] = nil
            let changes = patch[name]
            if changes == .null { continue }  // the list goes: there is nothing to order
            patch[name] = nil
            // What is to be deleted must not be put in order first.
            var present = result[name]?.arrayValue ?? []
            if case .array(let values)? = patch[deleteFromPrimitiveList + name] {
                let values = Set(values)
                present.removeAll { values.contains($0) }
            }
            let field = field(name, of: type)
            guard field.strategies.contains(.merge) else {
                if let changes { result[name] = try merged(changes, into: result[name], field: field) }
                continue
            }
            if result[name] == nil, changes == nil { continue }
            guard let items = (changes ?? []).arrayValue else {
                throw PatchError(.malformed, "\(name): expected a list, found \(changes?.typeName ?? "nothing")")
            }
            result[name] = .array(try ListMerge(field).merge(items, into: present, order: order))
        }
    }

    /// A value as it is stored: no directives, no nulls in maps.
    static func withoutDirectives(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object): .object(withoutDirectives(object))
        case .array(let items):
            .array(items.filter { $0[directive] == nil }.map(withoutDirectives))
        default: value
        }
    }

    private static func withoutDirectives(_ object: JSONObject) -> JSONObject {
        var kept = JSONObject()
        for (key, value) in object where value != .null && !isDirective(key) {
            kept[key] = withoutDirectives(value)
        }
        return kept
    }

    static func isDirective(_ key: String) -> Bool {
        key == directive || key == retainKeys || key.hasPrefix(deleteFromPrimitiveList)
            || key.hasPrefix(setElementOrder)
    }
}

/// The merge of one list whose items are found again: maps by their merge key, scalars by themselves.
private struct ListMerge {
    let itemType: Schema.TypeReference?
    let mergeKey: String?

    init(_ field: StrategicMergePatch.Member) {
        if case .list(let items)? = field.type { itemType = items } else { itemType = nil }
        mergeKey = field.mergeKey
    }

    /// What an item is found by.
    private func identity(_ item: JSONValue) -> JSONValue? {
        guard let mergeKey else { return item }
        return item[mergeKey]
    }

    private func requiredIdentity(_ item: JSONValue) throws(PatchError) -> JSONValue {
        if let identity = identity(item) { return identity }
        throw PatchError(.malformed, "map: \(item.text) does not contain declared merge key: \(mergeKey ?? "")")
    }

    /// - Parameter order: of `$setElementOrder`; without it the patch's own order counts.
    func merge(
        _ patch: [JSONValue], into original: [JSONValue], order: [JSONValue]? = nil
    ) throws(PatchError) -> [JSONValue] {
        var result = original
        var changes: [JSONValue] = []
        var deleted: Set<JSONValue> = []
        var replaces = false
        for item in patch {
            switch item[StrategicMergePatch.directive] {
            case nil, "merge"?: changes.append(item)
            case "replace"?: replaces = true
            case "delete"?:
                deleted.insert(try requiredIdentity(item))
            case let other?: throw PatchError(.malformed, "unknown patch type found: \(other.text)")
            }
        }
        if replaces { return changes.map(StrategicMergePatch.withoutDirectives) }
        if !deleted.isEmpty { result.removeAll { identity($0).map(deleted.contains) ?? false } }
        if let order { try check(changes, against: order) }
        var places: [JSONValue: Int] = [:]
        for (index, item) in result.enumerated() {
            if let key = identity(item), places[key] == nil { places[key] = index }
        }
        for change in changes {
            if mergeKey != nil, change.objectValue == nil {
                throw PatchError(.malformed, "expected a list of objects, found \(change.typeName)")
            }
            let key = try requiredIdentity(change)
            let index = places[key]
            if index == nil { places[key] = result.count }
            guard case .object(let members) = change else {
                if index == nil { result.append(change) }
                continue
            }
            let present = index.flatMap { result[$0].objectValue } ?? JSONObject()
            let merged = JSONValue.object(try StrategicMergePatch.merge(members, into: present, itemType))
            if let index { result[index] = merged } else { result.append(merged) }
        }
        let wanted = (order ?? changes).compactMap { identity($0) }
        return arrange(result, wanted: wanted, original: original.compactMap { identity($0) })
    }

    /// The patch's items have to stand in the order's order.
    private func check(_ changes: [JSONValue], against order: [JSONValue]) throws(PatchError) {
        let wanted = order.compactMap { identity($0) }
        var position = 0
        for change in changes {
            let key = try requiredIdentity(change)
            guard let found = wanted[position...].firstIndex(of: key) else {
                throw PatchError(
                    .malformed,
                    "The order in patch list:\n\(JSONValue.array(changes).text)\n doesn't match "
                        + "$setElementOrder list:\n\(JSONValue.array(order).text)\n")
            }
            position = found + 1
        }
    }

    /// Puts what the patch names in the wanted order, and the rest between them as it stood in the original: before
    /// the first named item that came after it there.
    private func arrange(_ items: [JSONValue], wanted: [JSONValue], original: [JSONValue]) -> [JSONValue] {
        let ranks = Dictionary(wanted.enumerated().map { ($0.element, $0.offset) }) { first, _ in first }
        let places = Dictionary(original.enumerated().map { ($0.element, $0.offset) }) { first, _ in first }
        func rank(_ item: JSONValue) -> Int? { identity(item).flatMap { ranks[$0] } }
        func place(_ item: JSONValue) -> Int? { identity(item).flatMap { places[$0] } }
        let named = items.enumerated().filter { rank($0.element) != nil }
            .sorted { (rank($0.element) ?? 0, $0.offset) < (rank($1.element) ?? 0, $1.offset) }.map(\.element)
        let others = items.enumerated().filter { rank($0.element) == nil }
            .sorted { (place($0.element) ?? .max, $0.offset) < (place($1.element) ?? .max, $1.offset) }.map(\.element)
        var arranged: [JSONValue] = []
        var rest = others[...]
        for item in named {
            if let here = place(item) {
                while let other = rest.first, let there = place(other), there < here {
                    arranged.append(other)
                    rest = rest.dropFirst()
                }
            }
            arranged.append(item)
        }
        return arranged + rest
    }
}
