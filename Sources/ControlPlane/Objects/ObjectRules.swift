import Foundation
import KubernetesAPI

/// What kinds ask of their objects when they are made and changed: decoding, defaults, the parts that clients do not
/// write, validation. The one place that uses the machinery of `KubernetesAPI` for it.
enum ObjectRules {
    // MARK: Decoding

    /// Refuses or warns about what the kind does not have, and removes it together with members that are null.
    static func check(
        _ value: inout JSONValue, _ kind: GroupVersionKind, duplicates: [String],
        validation: RequestOptions.FieldValidation
    ) throws -> [String] {
        let findings = Schema.shared.check(value, kind: kind)
        if let refusal = findings.refusal(of: kind, duplicates: duplicates, strict: validation == .strict) {
            throw refusal
        }
        if !findings.unknownFields.isEmpty {
            value = Schema.shared.removingUnknownFields(from: value, kind: kind)
        }
        value = value.withoutNulls
        return validation == .warn ? findings.strictProblems(duplicates: duplicates) : []
    }

    /// The same for what a patch made of an object: there it is the patch that is invalid.
    static func checkPatched(
        _ value: inout JSONValue, _ kind: GroupVersionKind, duplicates: [String],
        validation: RequestOptions.FieldValidation
    ) throws -> [String] {
        let findings = Schema.shared.check(value, kind: kind)
        let problems = findings.strictProblems(duplicates: duplicates)
        if findings.mismatches.isEmpty, validation == .strict, !problems.isEmpty {
            throw APIError(
                code: 422, reason: .invalid,
                message: "\(kind.kind) \"\(value[path: "metadata", "name"]?.stringValue ?? "")\" is invalid: "
                    + "patch: Invalid value: strict decoding error: \(problems.joined(separator: ", "))")
        }
        return try check(&value, kind, duplicates: duplicates, validation: validation)
    }

    // MARK: Patches

    /// The object after a patch; throws what the API server answers where it cannot be applied.
    static func patch(
        _ present: JSONValue, _ type: APIRequest.PatchType, _ patch: JSONValue, _ kind: GroupVersionKind
    ) throws(APIError) -> JSONValue {
        do {
            return try Patch.apply(patch, type, to: present, kind: kind)
        } catch {
            throw APIError(error)
        }
    }

    // MARK: Defaults and the parts that clients do not write

    /// An object as JSON and as its Swift type, which is nil where the kind has none.
    struct Typed {
        var json: JSONValue
        var object: (any KubernetesObject)?
    }

    /// A new object with its defaults and its first status, in the form in which it is stored.
    static func prepareForCreation(_ value: JSONValue, _ resource: ServedResource) throws(APIError) -> Typed {
        try defaulted(value, resource, isNew: true)
    }

    /// The object after an update, which may change only its part: the main resource and `resize` not the status,
    /// `status` not the spec.
    static func prepareForUpdate(
        _ value: JSONValue, from old: JSONValue, _ resource: ServedResource, subresource: String
    ) throws(APIError) -> Typed {
        var object = value
        switch subresource {
        case "status": object["spec"] = old["spec"]
        case "finalize": object["status"] = old["status"]
        default:
            if resource.hasStatus { object["status"] = old["status"] }
            // A namespace's finalizers are changed through `finalize` only.
            if resource.kind.kind == "Namespace" { object["spec"] = old["spec"] }
        }
        return try defaulted(object, resource, isNew: false)
    }

    private static func defaulted(
        _ value: JSONValue, _ resource: ServedResource, isNew: Bool
    ) throws(APIError) -> Typed {
        guard let object = try typed(value, resource) else { return Typed(json: value.withoutNulls, object: nil) }
        let defaulted = Kinds.defaulted(object, isNew: isNew)
        return Typed(json: defaulted.json, object: defaulted)
    }

    /// The JSON as its kind's Swift type.
    static func typed(_ value: JSONValue, _ resource: ServedResource) throws(APIError) -> (any KubernetesObject)? {
        do {
            return try Kinds.decode(value, as: resource.kind)
        } catch {
            throw .undecodable(resource.kind, "\(error)")
        }
    }

    // MARK: Validation

    /// Throws 422 with every problem of a changed object.
    static func validate(
        _ object: (any KubernetesObject)?, from old: JSONValue, _ resource: ServedResource, subresource: String
    ) throws(APIError) {
        guard let object, let present = try typed(old, resource) else { return }
        switch subresource {
        case "status": try Validation.validateStatusUpdate(object, from: present)
        case "resize":
            guard let pod = object as? Pod, let old = present as? Pod else { return }
            try Validation.validateResize(pod, from: old)
        default: try Validation.validateUpdate(object, from: present)
        }
    }
}

extension JSONValue {
    /// The value without members that are null: to Go's decoder they are absent.
    var withoutNulls: JSONValue {
        switch self {
        case .object(let object):
            var kept = JSONObject()
            for (key, value) in object where value != .null { kept[key] = value.withoutNulls }
            return .object(kept)
        case .array(let values): return .array(values.map(\.withoutNulls))
        default: return self
        }
    }
}
