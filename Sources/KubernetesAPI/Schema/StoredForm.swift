/// A kind whose objects are stored as those of another kind: the same objects under two names (`storedAs` in
/// `api/served-kinds.json`). Going from one form to the other and back changes nothing.
public protocol StoredForm: KubernetesObject {
    associatedtype Stored: KubernetesObject
    /// Presents a stored object.
    init(of stored: Stored)
    /// The object as it is stored.
    var stored: Stored { get }
}

extension Kinds {
    /// A stored object as one of the kind. Throws where it cannot be read, which what was validated can.
    public static func present(_ stored: JSONValue, as kind: GroupVersionKind) throws(JSONTypeError) -> JSONValue {
        guard let type = type(of: kind) as? any StoredForm.Type else { return stored }
        return try present(stored, type)
    }

    /// An object of the kind as it is stored.
    public static func stored(_ object: JSONValue, of kind: GroupVersionKind) throws(JSONTypeError) -> JSONValue {
        guard let type = type(of: kind) as? any StoredForm.Type else { return object }
        return try stored(object, type)
    }

    private static func present<Form: StoredForm>(
        _ stored: JSONValue, _ type: Form.Type
    ) throws(JSONTypeError) -> JSONValue {
        Form(of: try Form.Stored(json: stored)).json
    }

    private static func stored<Form: StoredForm>(
        _ object: JSONValue, _ type: Form.Type
    ) throws(JSONTypeError) -> JSONValue {
        try Form(json: object).stored.json
    }
}
