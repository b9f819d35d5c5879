import KubernetesAPI

/// The roles and bindings of a moment, arranged by whom they are for: what a request costs does not depend on how many
/// there are.
struct AccessPolicy: Sendable {
    /// Whom a binding is for. Service accounts are users.
    enum Principal: Sendable, Hashable {
        case user(String)
        case group(String)
    }

    /// A role that somebody has through a binding.
    struct Grant: Sendable {
        /// `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`.
        var description: String
        var roleRef: RoleRef
        /// The namespace of the binding; empty where it is of the cluster.
        var namespace: String
        /// Nil where the role is not there.
        var rules: [PolicyRule]?
    }

    private var ofCluster: [Principal: [Grant]] = [:]
    private var ofNamespaces: [String: [Principal: [Grant]]] = [:]
    private let clusterRoles: [String: [PolicyRule]]
    private let roles: [ObjectKey: [PolicyRule]]

    init(
        roles: [Role] = [], clusterRoles: [ClusterRole] = [], bindings: [RoleBinding] = [],
        clusterBindings: [ClusterRoleBinding] = []
    ) {
        self.roles = Dictionary(roles.map { ($0.key, $0.rules) }) { first, _ in first }
        self.clusterRoles = Dictionary(clusterRoles.map { ($0.metadata.name, $0.rules) }) { first, _ in first }
        for binding in clusterBindings {
            for (principal, grant) in grants(binding.roleRef, binding.subjects, binding.metadata, "ClusterRoleBinding")
            {
                ofCluster[principal, default: []].append(grant)
            }
        }
        for binding in bindings {
            for (principal, grant) in grants(binding.roleRef, binding.subjects, binding.metadata, "RoleBinding") {
                ofNamespaces[binding.metadata.namespace, default: [:]][principal, default: []].append(grant)
            }
        }
    }

    private func grants(
        _ role: RoleRef, _ subjects: [Subject], _ metadata: ObjectMeta, _ kind: String
    ) -> [(Principal, Grant)] {
        let rules = rules(of: role, in: metadata.namespace)
        let binding = metadata.namespace.isEmpty ? metadata.name : "\(metadata.name)/\(metadata.namespace)"
        return subjects.compactMap { subject in
            let principal: Principal
            var name = subject.name
            switch subject.kind {
            case "User": principal = .user(name)
            case "Group": principal = .group(name)
            case "ServiceAccount":
                // Without a namespace it is of the binding's own.
                let namespace = subject.namespace.isEmpty ? metadata.namespace : subject.namespace
                guard !namespace.isEmpty else { return nil }
                principal = .user(ServiceAccountUser.name(ObjectKey(namespace: namespace, name: name)))
                name += "/\(namespace)"
            default: return nil
            }
            let description =
                "\(kind) \(binding.quoted) of \(role.kind) \(role.name.quoted) to \(subject.kind) \(name.quoted)"
            return (
                principal,
                Grant(description: description, roleRef: role, namespace: metadata.namespace, rules: rules)
            )
        }
    }

    /// The rules of a role as a binding of a namespace means it; nil where there is none.
    func rules(of role: RoleRef, in namespace: String) -> [PolicyRule]? {
        switch role.kind {
        case "ClusterRole": clusterRoles[role.name]
        case "Role": roles[ObjectKey(namespace: namespace, name: role.name)]
        default: nil
        }
    }

    /// Calls `body` with what a user has in a namespace (none: what is of the cluster), until it returns false.
    private func forEachGrant(of user: User, in namespace: String, _ body: (Grant) -> Bool) {
        let local = namespace.isEmpty ? nil : ofNamespaces[namespace]
        for grants in [ofCluster, local ?? [:]] where !grants.isEmpty {
            for grant in grants[.user(user.name)] ?? [] where !body(grant) { return }
            for group in user.groups {
                for grant in grants[.group(group)] ?? [] where !body(grant) { return }
            }
        }
    }

    /// Whether a user may do something.
    func decide(_ attributes: AccessAttributes, for user: User) -> AccessDecision {
        guard !user.isAdministrator else { return .allowed(by: nil) }
        var decision: AccessDecision?
        var missing: [Grant] = []
        forEachGrant(of: user, in: attributes.namespace) { grant in
            guard let rules = grant.rules else {
                missing.append(grant)
                return true
            }
            guard rules.contains(where: { $0.allows(attributes) }) else { return true }
            decision = .allowed(by: grant)
            return false
        }
        return decision ?? .denied(missing: missing)
    }

    /// All that a user may do in a namespace (none: in the cluster), and the grants whose roles are not there.
    func rules(for user: User, in namespace: String) -> (rules: [PolicyRule], missing: [Grant]) {
        var rules: [PolicyRule] = []
        var missing: [Grant] = []
        forEachGrant(of: user, in: namespace) { grant in
            if let granted = grant.rules { rules += granted } else { missing.append(grant) }
            return true
        }
        return (rules, missing)
    }
}

/// The answer of authorization.
enum AccessDecision: Sendable {
    /// Nil: an administrator needs no grant.
    case allowed(by: AccessPolicy.Grant?)
    /// With the grants that could not be looked at, for their roles are not there.
    case denied(missing: [AccessPolicy.Grant])

    var isAllowed: Bool {
        if case .allowed = self { true } else { false }
    }

    /// As in reviews and refusals: `RBAC: allowed by ...`; empty where there is nothing to say.
    var reason: String {
        switch self {
        case .allowed(let grant): grant.map { "RBAC: allowed by \($0.description)" } ?? ""
        case .denied(let missing): missing.isEmpty ? "" : "RBAC: \(Self.problems(missing))"
        }
    }

    /// What is missing, in the words of the API server's error.
    static func problems(_ missing: [AccessPolicy.Grant]) -> String {
        var seen: Set<String> = []
        let texts = missing.map { grant in
            "\(grant.roleRef.kind.lowercased()).\(RoleRef.group) \(grant.roleRef.name.quoted) not found"
        }.filter { seen.insert($0).inserted }
        return texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
    }
}
