/// A patch that cannot be applied.
public struct PatchError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The patch itself is malformed: 400.
        case malformed
        /// The patch is well-formed, and the object is not as it takes for granted (a missing path, a failed test):
        /// 422.
        case inapplicable
    }

    public var kind: Kind
    public var message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}

extension APIError {
    /// As the API server answers: 400 BadRequest for a malformed patch, 422 Invalid for one that does not fit.
    public init(_ error: PatchError) {
        switch error.kind {
        case .malformed: self.init(code: 400, reason: .badRequest, message: error.message)
        case .inapplicable:
            self.init(
                code: 422, reason: .invalid,
                message: "the server rejected our request due to an error in our request: \(error.message)")
        }
    }
}

/// One of the three kinds of patches that carry their own meaning; server-side apply is not among them.
public enum Patch {
    /// Applies a patch of any type to an object of a kind.
    public static func apply(
        _ patch: JSONValue, _ type: APIRequest.PatchType, to object: JSONValue, kind: GroupVersionKind
    ) throws(PatchError) -> JSONValue {
        switch type {
        case .json: return try JSONPatch(patch).apply(to: object)
        case .merge: return try MergePatch.apply(patch, to: object)
        case .strategic: return try StrategicMergePatch.apply(patch, to: object, kind: kind)
        case .apply: throw PatchError(.malformed, "server-side apply is not a patch of an object alone")
        }
    }
}
