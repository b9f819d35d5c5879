/// The rules of RBAC's kinds (`pkg/apis/rbac/validation`).
extension PolicyRule {
    fileprivate func validate(isNamespaced: Bool, at path: FieldPath, into errors: inout FieldErrors) {
        if verbs.isEmpty { errors.required(path.child("verbs"), "verbs must contain at least one value") }
        guard nonResourceURLs.isEmpty else {
            let urls = path.child("nonResourceURLs")
            if isNamespaced {
                errors.invalid(urls, nonResourceURLs, "namespaced rules cannot apply to non-resource URLs")
            }
            if !(apiGroups.isEmpty && resources.isEmpty && resourceNames.isEmpty) {
                errors.invalid(
                    urls, nonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs")
            }
            return
        }
        if apiGroups.isEmpty {
            errors.required(path.child("apiGroups"), "resource rules must supply at least one api group")
        }
        if resources.isEmpty {
            errors.required(path.child("resources"), "resource rules must supply at least one resource")
        }
    }
}

extension RoleRef {
    fileprivate func validate(of kinds: [String], at path: FieldPath, into errors: inout FieldErrors) {
        if apiGroup != Self.group { errors.notSupported(path.child("apiGroup"), apiGroup, [Self.group]) }
        if !kinds.contains(kind) { errors.notSupported(path.child("kind"), kind, kinds) }
        if name.isEmpty {
            errors.required(path.child("name"))
        } else {
            errors.invalid(path.child("name"), name, NameRules.pathSegment(name))
        }
    }
}

extension Subject {
    fileprivate func validate(isNamespaced: Bool, at path: FieldPath, into errors: inout FieldErrors) {
        if name.isEmpty { errors.required(path.child("name")) }
        let group: String
        switch kind {
        case "ServiceAccount":
            if !name.isEmpty { errors.invalid(path.child("name"), name, NameRules.dns1123Subdomain(name)) }
            // In a RoleBinding it may be left out: the account is then of the binding's own namespace.
            if !isNamespaced, namespace.isEmpty { errors.required(path.child("namespace")) }
            group = ""
        case "User", "Group": group = RoleRef.group
        default:
            errors.notSupported(path.child("kind"), kind, ["ServiceAccount", "User", "Group"])
            return
        }
        if apiGroup != group { errors.notSupported(path.child("apiGroup"), apiGroup, [group]) }
    }
}

extension Role: ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.pathSegment(name) }

    public func validate(into errors: inout FieldErrors) {
        for (index, rule) in rules.enumerated() {
            rule.validate(isNamespaced: true, at: FieldPath("rules")[index], into: &errors)
        }
    }
}

extension ClusterRole: ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.pathSegment(name) }

    public func validate(into errors: inout FieldErrors) {
        for (index, rule) in rules.enumerated() {
            rule.validate(isNamespaced: false, at: FieldPath("rules")[index], into: &errors)
        }
        guard let aggregationRule else { return }
        let path = FieldPath("aggregationRule.clusterRoleSelectors")
        if aggregationRule.clusterRoleSelectors.isEmpty {
            errors.required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")
        }
        for (index, selector) in aggregationRule.clusterRoleSelectors.enumerated() {
            selector.validate(at: path[index], into: &errors)
        }
    }
}

extension RoleBinding: ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.pathSegment(name) }

    public func validate(into errors: inout FieldErrors) {
        roleRef.validate(of: ["Role", "ClusterRole"], at: FieldPath("roleRef"), into: &errors)
        for (index, subject) in subjects.enumerated() {
            subject.validate(isNamespaced: true, at: FieldPath("subjects")[index], into: &errors)
        }
    }

    public func validateUpdate(from old: RoleBinding, into errors: inout FieldErrors) {
        if roleRef != old.roleRef { errors.invalid(FieldPath("roleRef"), roleRef, "cannot change roleRef") }
    }
}

extension ClusterRoleBinding: ValidatedObject {
    public static func nameProblems(_ name: String) -> [String] { NameRules.pathSegment(name) }

    public func validate(into errors: inout FieldErrors) {
        roleRef.validate(of: ["ClusterRole"], at: FieldPath("roleRef"), into: &errors)
        for (index, subject) in subjects.enumerated() {
            subject.validate(isNamespaced: false, at: FieldPath("subjects")[index], into: &errors)
        }
    }

    public func validateUpdate(from old: ClusterRoleBinding, into errors: inout FieldErrors) {
        if roleRef != old.roleRef { errors.invalid(FieldPath("roleRef"), roleRef, "cannot change roleRef") }
    }
}
