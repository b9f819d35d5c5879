/// The strategic merge patch of `kubectl apply`: what brings an object to a manifest without touching what others
/// have set.
///
/// Three objects decide: the manifest that was applied last (`original`), the one that is applied now (`modified`) and
/// what the server has (`current`). What `modified` says and `current` does not have is set; what `original` said and
/// `modified` does not is removed; all else stays (Kubernetes, "Declarative Management of Kubernetes Objects").
public enum ThreeWayPatch {
    /// The patch, or an empty object where there is nothing to do. `kind` says how lists are merged; an unknown kind
    /// gets a plain merge patch (lists are replaced), which its `patchType` tells.
    public static func make(
        original: JSONValue?, modified: JSONValue, current: JSONValue, kind: GroupVersionKind
    ) -> (patch: JSONValue, patchType: APIRequest.PatchType) {
        let structure = Schema.shared.structure(of: kind)
        var patch = object(
            original?.objectValue ?? JSONObject(), modified.objectValue ?? JSONObject(),
            current.objectValue ?? JSONObject(), structure)
        // Neither can change; a list item's own name stands in its list.
        patch.members["apiVersion"] = nil
        patch.members["kind"] = nil
        return (.object(patch), structure == nil ? .merge : .strategic)
    }

    private static func object(
        _ original: JSONObject, _ modified: JSONObject, _ current: JSONObject, _ structure: Schema.Structure?,
        items: Schema.TypeReference? = nil
    ) -> JSONObject {
        var patch = JSONObject()
        for (key, wanted) in modified where wanted != .null {
            let field = structure?[key]
            let type = field?.type ?? items
            let present = current[key]
            let before = original[key]
            switch (wanted, present) {
            case (.object(let inner), .object(let there)?):
                let replaced = field?.patchStrategies.contains(.replace) ?? false
                var part =
                    replaced
                    ? inner
                    : object(before?.objectValue ?? JSONObject(), inner, there, next(type), items: valueType(type))
                if replaced, inner == there { continue }
                guard !part.isEmpty else { continue }
                if replaced { part["$patch"] = "replace" }
                if field?.patchStrategies.contains(.retainKeys) == true {
                    part["$retainKeys"] = .array(inner.keys.map(JSONValue.string))
                }
                patch[key] = .object(part)
            case (.array(let inner), .array(let there)?):
                if let field, field.patchStrategies.contains(.merge) {
                    let part = list(before?.arrayValue ?? [], inner, there, field)
                    if !part.items.isEmpty { patch[key] = .array(part.items) }
                    if !part.removed.isEmpty { patch["$deleteFromPrimitiveList/\(key)"] = .array(part.removed) }
                } else if wanted != present {
                    patch[key] = wanted
                }
            default:
                if wanted != present { patch[key] = wanted }
            }
        }
        for (key, value) in original where value != .null && (modified[key] ?? .null) == .null && current[key] != nil {
            patch[key] = .null
        }
        return patch
    }

    /// A list that is merged: of objects by a key, or of plain values.
    private static func list(
        _ original: [JSONValue], _ modified: [JSONValue], _ current: [JSONValue], _ field: Schema.Field
    ) -> (items: [JSONValue], removed: [JSONValue]) {
        guard let key = field.patchMergeKey else {
            let added = modified.filter { !current.contains($0) }
            let removed = original.filter { !modified.contains($0) && current.contains($0) }
            return (added, removed)
        }
        func item(_ values: [JSONValue], _ name: JSONValue?) -> JSONValue? {
            name.flatMap { name in values.first { $0[key] == name } }
        }
        guard case .list(let type) = field.type else { return (modified, []) }
        var items: [JSONValue] = []
        for wanted in modified {
            guard let present = item(current, wanted[key])?.objectValue, let inner = wanted.objectValue else {
                items.append(wanted)
                continue
            }
            let before = item(original, wanted[key])?.objectValue ?? JSONObject()
            var part = object(before, inner, present, next(type), items: valueType(type))
            guard !part.isEmpty else { continue }
            part[key] = wanted[key]
            items.append(.object(part))
        }
        for gone in original where item(modified, gone[key]) == nil && item(current, gone[key]) != nil {
            items.append(.object([key: gone[key] ?? .null, "$patch": "delete"]))
        }
        return (items, [])
    }

    private static func next(_ type: Schema.TypeReference?) -> Schema.Structure? {
        guard case .structure(let name)? = type else { return nil }
        return Schema.shared.structures[name]
    }

    private static func valueType(_ type: Schema.TypeReference?) -> Schema.TypeReference? {
        guard case .map(let values)? = type else { return nil }
        return values
    }
}
