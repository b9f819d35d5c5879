/// A kind whose absent fields the API server fills in.
public protocol DefaultedObject: KubernetesObject {
    /// Fills in what was left out, on create and on update, before validation (`pkg/apis/*/v1/defaults.go`). Doing it
    /// twice changes nothing.
    mutating func setDefaults()

    /// What the API server sets once, when the object is created: the first status, the first finalizers.
    mutating func prepareForCreate()
}

extension DefaultedObject {
    public mutating func setDefaults() {}
    public mutating func prepareForCreate() {}
}

/// Swift types by kind, and what is done to an object of any of them.
public enum Kinds {
    private static let types: [GroupVersionKind: any KubernetesObject.Type] = Dictionary(
        generatedKinds.map { ($0.groupVersionKind, $0) }, uniquingKeysWith: { first, _ in first })

    public static func type(of kind: GroupVersionKind) -> (any KubernetesObject.Type)? { types[kind] }

    /// The object as its Swift type; nil where the kind has none.
    public static func decode(
        _ json: JSONValue, as kind: GroupVersionKind
    ) throws(JSONTypeError) -> (any KubernetesObject)? {
        guard let type = types[kind] else { return nil }
        return try decode(json, as: type)
    }

    private static func decode<Object: KubernetesObject>(
        _ json: JSONValue, as type: Object.Type
    ) throws(JSONTypeError) -> any KubernetesObject {
        try Object(json: json)
    }

    /// The object with its defaults, in the form in which the API server stores it: quantities canonical, empty
    /// members left out.
    public static func defaulted(
        _ object: any KubernetesObject, isNew: Bool = false
    ) -> any KubernetesObject {
        guard var object = object as? any DefaultedObject else { return object }
        object.setDefaults()
        if isNew { object.prepareForCreate() }
        return object
    }
}
