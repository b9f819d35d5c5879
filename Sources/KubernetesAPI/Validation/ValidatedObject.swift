/// A kind whose objects are checked before they are stored. Objects have their defaults when they are.
public protocol ValidatedObject: KubernetesObject {
    /// The rule of the kind's names: the problems of one, none for a good name.
    static func nameProblems(_ name: String) -> [String]

    /// Everything but metadata, on create and update.
    func validate(into errors: inout FieldErrors)

    /// What may not change, or not in this way. `validate` is called besides.
    func validateUpdate(from old: Self, into errors: inout FieldErrors)

    /// Fields that are known, set, and without effect here, as sentences for `Warning` headers.
    var unsupportedFieldWarnings: [String] { get }

    /// What Kubernetes itself warns about, in its words.
    var customaryWarnings: [String] { get }
}

extension ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.dns1123Subdomain(name) }
    public func validateUpdate(from old: Self, into errors: inout FieldErrors) {}
    public var unsupportedFieldWarnings: [String] { [] }
    public var customaryWarnings: [String] { [] }

    fileprivate func refusal(update old: (any KubernetesObject)?) -> APIError? {
        var errors = FieldErrors()
        let isNamespaced = Schema.shared.resource(of: Self.groupVersionKind)?.namespaced ?? true
        metadata.validate(
            isNamespaced: isNamespaced, nameProblems: Self.nameProblems, at: FieldPath("metadata"), into: &errors)
        validate(into: &errors)
        if let old = old as? Self {
            metadata.validateUpdate(from: old.metadata, at: FieldPath("metadata"), into: &errors)
            validateUpdate(from: old, into: &errors)
        }
        return errors.refusal(
            of: Self.groupVersionKind, name: metadata.name.isEmpty ? metadata.generateName : metadata.name)
    }

    fileprivate func statusRefusal(update old: any KubernetesObject) -> APIError? {
        var errors = FieldErrors()
        metadata.validateUpdate(from: old.metadata, at: FieldPath("metadata"), into: &errors)
        if let object = self as? any StatusValidatedObject { object.validateStatus(into: &errors) }
        return errors.refusal(of: Self.groupVersionKind, name: metadata.name)
    }
}

/// A kind whose status has rules of its own.
protocol StatusValidatedObject {
    func validateStatus(into errors: inout FieldErrors)
}

/// The checks between decoding and storing. An object of a kind without rules passes.
public enum Validation {
    /// Throws 422 with every problem of a new object, which has its defaults, its name and its namespace.
    public static func validateCreate(_ object: any KubernetesObject) throws(APIError) {
        if let refusal = (object as? any ValidatedObject)?.refusal(update: nil) { throw refusal }
    }

    /// Throws 422 with every problem of an object that is to replace `old`.
    public static func validateUpdate(
        _ object: any KubernetesObject, from old: any KubernetesObject
    ) throws(APIError) {
        if let refusal = (object as? any ValidatedObject)?.refusal(update: old) { throw refusal }
    }

    /// For the `resize` subresource: throws 422 with every problem of a pod that is to have other resources than `old`.
    public static func validateResize(_ pod: Pod, from old: Pod) throws(APIError) {
        var errors = FieldErrors()
        pod.validate(into: &errors)
        pod.validateResize(from: old, into: &errors)
        if let refusal = errors.refusal(of: Pod.groupVersionKind, name: pod.metadata.name) { throw refusal }
    }

    /// For the `status` subresource: metadata may not change in forbidden ways, numbers have their ranges.
    public static func validateStatusUpdate(
        _ object: any KubernetesObject, from old: any KubernetesObject
    ) throws(APIError) {
        if let refusal = (object as? any ValidatedObject)?.statusRefusal(update: old) { throw refusal }
    }

    /// What is set and has no effect here, and what is most likely a mistake, for `Warning` headers.
    public static func warnings(for object: any KubernetesObject) -> [String] {
        guard let object = object as? any ValidatedObject else { return [] }
        return object.customaryWarnings + object.unsupportedFieldWarnings
    }
}
