/// JSON merge patch (RFC 7386): objects are merged, `null` removes a member, anything else replaces.
public enum MergePatch {
    public static func apply(_ patch: JSONValue, to object: JSONValue) throws(PatchError) -> JSONValue {
        guard case .object = patch else {
            throw PatchError(.malformed, "json: cannot unmarshal \(patch.typeName) into a merge patch")
        }
        return merge(patch, into: object)
    }

    private static func merge(_ patch: JSONValue, into target: JSONValue?) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = target?.objectValue ?? JSONObject()
        for (key, change) in changes {
            if change == .null {
                result[key] = nil
            } else {
                result[key] = merge(change, into: result[key])
            }
        }
        return .object(result)
    }

    /// The merge patch that makes `new` of `old`.
    public static func difference(from old: JSONValue, to new: JSONValue) -> JSONValue {
        guard case .object(let before) = old, case .object(let after) = new else { return new }
        var changes = JSONObject()
        for key in before.keys where after[key] == nil { changes[key] = .null }
        for (key, value) in after where before[key] != value {
            changes[key] = before[key].map { difference(from: $0, to: value) } ?? value
        }
        return .object(changes)
    }
}
