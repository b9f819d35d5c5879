import KubernetesAPI

/// Nobody may give away what they do not have: the checks on roles and bindings that RBAC's API makes
/// (`pkg/registry/rbac/*/policybased`), unless the user has the verb `escalate` on the role or `bind` on what is bound.
struct EscalationCheck: Sendable {
    let authorizer: Authorizer
    let user: User

    /// Throws 403 where the user may not make this of an object.
    ///
    /// - Parameter old: the present state; nil for a new one.
    func check(
        _ object: any KubernetesObject, from old: (any KubernetesObject)?, _ request: ObjectRequest
    ) throws(APIError) {
        // What the garbage collector has to be able to do grants nothing.
        if let old, Self.differInOwnersOnly(object, old) { return }
        let name = object.metadata.name
        switch object {
        case let role as Role:
            guard !mayEscalate(request, name) else { return }
            try confirm(role.rules, request, name)
        case let role as ClusterRole:
            guard !mayEscalate(request, name) else { return }
            if role.aggregationRule != nil || (old as? ClusterRole)?.aggregationRule != nil {
                try confirmAggregation(request, name)
            }
            try confirm(role.rules, request, name)
        case let binding as RoleBinding: try confirm(binding.roleRef, request, name)
        case let binding as ClusterRoleBinding: try confirm(binding.roleRef, request, name)
        default: return
        }
    }

    private static func differInOwnersOnly(_ new: any KubernetesObject, _ old: any KubernetesObject) -> Bool {
        var new = new
        new.metadata.ownerReferences = old.metadata.ownerReferences
        new.metadata.finalizers = old.metadata.finalizers
        new.metadata.managedFields = old.metadata.managedFields
        return new.json == old.json
    }

    private func mayEscalate(_ request: ObjectRequest, _ name: String) -> Bool {
        may("escalate", request.resource.plural, name, request.namespace)
    }

    private func may(_ verb: String, _ resource: String, _ name: String, _ namespace: String) -> Bool {
        authorizer.decide(
            AccessAttributes(
                verb: verb, group: RoleRef.group, resource: resource, namespace: namespace, name: name), for: user
        ).isAllowed
    }

    private func confirm(_ role: RoleRef, _ request: ObjectRequest, _ name: String) throws(APIError) {
        let resource = role.kind == "ClusterRole" ? "clusterroles" : "roles"
        if may("bind", resource, role.name, request.namespace) { return }
        guard let rules = authorizer.policy.rules(of: role, in: request.namespace) else {
            var details = StatusDetails()
            details.name = role.name
            details.group = RoleRef.group
            details.kind = resource
            throw APIError(
                code: 404, reason: .notFound,
                message: "\(resource).\(RoleRef.group) \(role.name.quoted) not found", details: details)
        }
        try confirm(rules, request, name)
    }

    /// Throws where the user lacks some of the rules.
    private func confirm(_ rules: [PolicyRule], _ request: ObjectRequest, _ name: String) throws(APIError) {
        let held = authorizer.policy.rules(for: user, in: request.namespace)
        let missing = held.rules.missing(from: rules)
        guard !missing.isEmpty else { return }
        var problem = "user \(user.name.quoted) (groups=\(user.groups.quoted)) is attempting to grant RBAC permissions "
        problem += "not currently held:\n"
        problem += Set(missing.compacted.map(\.compactText)).sorted().joined(separator: "\n")
        if !held.missing.isEmpty { problem += "; resolution errors: \(AccessDecision.problems(held.missing))" }
        throw .forbidden(request.resource, name, because: problem)
    }

    /// Who lets rules come from elsewhere grants anything.
    private func confirmAggregation(_ request: ObjectRequest, _ name: String) throws(APIError) {
        var everything = PolicyRule()
        (everything.verbs, everything.apiGroups, everything.resources) = (["*"], ["*"], ["*"])
        var paths = PolicyRule()
        (paths.verbs, paths.nonResourceURLs) = (["*"], ["*"])
        let held = authorizer.policy.rules(for: user, in: "").rules
        guard held.missing(from: [everything, paths]).isEmpty else {
            throw .forbidden(
                request.resource, name, because: "must have cluster-admin privileges to use the aggregationRule")
        }
    }
}

extension ObjectService {
    /// Throws 403 where the user would grant more than they have.
    ///
    /// - Parameter old: the stored state; nil for a new object.
    func checkEscalation(
        _ object: any KubernetesObject, from old: JSONValue?, _ request: ObjectRequest
    ) throws(APIError) {
        guard request.resource.kind.group == RoleRef.group, !request.user.isAdministrator else { return }
        var present: (any KubernetesObject)?
        if let old { present = try ObjectRules.typed(old, request.resource) }
        try EscalationCheck(authorizer: access.authorizer, user: request.user).check(object, from: present, request)
    }
}
