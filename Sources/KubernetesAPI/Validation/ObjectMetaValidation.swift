extension ObjectMeta {
    /// All annotations of an object together, bytes.
    static let annotationsLimit = 256 << 10

    /// The finalizers without a domain in front.
    private static let standardFinalizers: Set<String> = ["kubernetes", "orphan", "foregroundDeletion"]

    func validate(
        isNamespaced: Bool, nameProblems: (String) -> [String], at path: FieldPath, into errors: inout FieldErrors
    ) {
        if !generateName.isEmpty {
            // A prefix may end in a hyphen: what is appended makes a name of it.
            let prefix = generateName.hasSuffix("-") ? generateName.dropLast() + "a" : generateName
            errors.invalid(path.child("generateName"), generateName, nameProblems(prefix))
        }
        if name.isEmpty {
            if generateName.isEmpty { errors.required(path.child("name"), "name or generateName is required") }
        } else {
            errors.invalid(path.child("name"), name, nameProblems(name))
        }
        if isNamespaced {
            if namespace.isEmpty {
                errors.required(path.child("namespace"))
            } else {
                errors.invalid(path.child("namespace"), namespace, NameRules.dns1123Label(namespace))
            }
        } else if !namespace.isEmpty {
            errors.forbidden(path.child("namespace"), "not allowed on this type")
        }
        errors.requireNotNegative(path.child("generation"), generation)
        validateLabelsAndAnnotations(at: path, into: &errors)
        validateOwners(at: path.child("ownerReferences"), into: &errors)
        for (index, finalizer) in finalizers.enumerated() {
            let path = path.child("finalizers")[index]
            errors.invalid(path, finalizer, NameRules.qualifiedName(finalizer))
            if !finalizer.contains("/"), !Self.standardFinalizers.contains(finalizer) {
                errors.invalid(
                    path, finalizer, "name is neither a standard finalizer name nor is it fully qualified")
            }
        }
    }

    /// What a pod template's metadata is checked for.
    func validateLabelsAndAnnotations(at path: FieldPath, into errors: inout FieldErrors) {
        labels.validateLabels(at: path.child("labels"), into: &errors)
        let annotationsPath = path.child("annotations")
        for key in annotations.keys.sorted() {
            // Upper case in an annotation's prefix has always been let through.
            errors.invalid(annotationsPath, key, NameRules.qualifiedName(key.lowercased()))
        }
        if annotations.reduce(0, { $0 + $1.key.utf8.count + $1.value.utf8.count }) > Self.annotationsLimit {
            errors.tooLong(annotationsPath, limit: Self.annotationsLimit)
        }
    }

    private func validateOwners(at path: FieldPath, into errors: inout FieldErrors) {
        var controller: OwnerReference?
        for (index, owner) in ownerReferences.enumerated() {
            let path = path[index]
            func require(_ field: String, _ value: String, _ problem: String) {
                if value.isEmpty { errors.invalid(path.child(field), value, problem) }
            }
            require("apiVersion", owner.apiVersion, "version must not be empty")
            require("kind", owner.kind, "must not be empty")
            require("name", owner.name, "must not be empty")
            require("uid", owner.uid, "must not be empty")
            if owner.apiVersion == "v1", owner.kind == "Event" {
                errors.invalid(path, owner, "/v1, Kind=Event is disallowed from being an owner")
            }
            guard owner.controller == true else { continue }
            if let first = controller {
                errors.invalid(
                    FieldPath("metadata.ownerReferences"), ownerReferences,
                    "Only one reference can have Controller set to true. Found \"true\" in references for "
                        + "\(first.name) and \(owner.name)")
                return
            }
            controller = owner
        }
    }

    func validateUpdate(from old: ObjectMeta, at path: FieldPath, into errors: inout FieldErrors) {
        errors.requireUnchanged(path.child("name"), name, old.name)
        errors.requireUnchanged(path.child("namespace"), namespace, old.namespace)
        errors.requireUnchanged(path.child("uid"), uid, old.uid)
        if creationTimestamp != old.creationTimestamp {
            errors.invalid(
                path.child("creationTimestamp"), creationTimestamp?.json ?? .null, FieldErrors.immutable)
        }
        if old.deletionTimestamp != nil {
            let added = finalizers.filter { !old.finalizers.contains($0) }
            if !added.isEmpty {
                errors.forbidden(
                    path.child("finalizers"),
                    "no new finalizers can be added if the object is being deleted, found new finalizers "
                        + added.json.text)
            }
        }
    }
}

extension [String: String] {
    func validateLabels(at path: FieldPath, into errors: inout FieldErrors) {
        for (key, value) in sorted(by: { $0.key < $1.key }) {
            errors.invalid(path, key, NameRules.qualifiedName(key))
            errors.invalid(path, value, NameRules.labelValue(value))
        }
    }
}

extension LabelSelector {
    var isEmpty: Bool { matchLabels.isEmpty && matchExpressions.isEmpty }

    func validate(at path: FieldPath, into errors: inout FieldErrors) {
        matchLabels.validateLabels(at: path.child("matchLabels"), into: &errors)
        for (index, expression) in matchExpressions.enumerated() {
            let path = path.child("matchExpressions")[index]
            switch expression.operator.rawValue {
            case "In", "NotIn":
                if expression.values.isEmpty {
                    errors.required(path.child("values"), "must be specified when `operator` is 'In' or 'NotIn'")
                }
            case "Exists", "DoesNotExist":
                if !expression.values.isEmpty {
                    errors.forbidden(
                        path.child("values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
                }
            default:
                errors.invalid(path.child("operator"), expression.operator.rawValue, "not a valid selector operator")
            }
            errors.invalid(path.child("key"), expression.key, NameRules.qualifiedName(expression.key))
            for (number, value) in expression.values.enumerated() {
                errors.invalid(path.child("values")[number], value, NameRules.labelValue(value))
            }
        }
    }
}
