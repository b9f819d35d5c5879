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
        /// The binding; without a namespace it is of the cluster.
        var binding: ObjectKey
        var roleRef: RoleRef
        /// To whom; of a service account with its namespace.
        var subject: Subject
        /// Nil where the role is not there.
        var rules: [PolicyRule]?

        /// `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`.
        var description: String {
            let isOfCluster = binding.namespace.isEmpty
            let kind = isOfCluster ? "ClusterRoleBinding" : "RoleBinding"
            let name = isOfCluster ? binding.name : "\(binding.name)/\(binding.namespace)"
            let subjectName = subject.namespace.isEmpty ? subject.name : "\(subject.name)/\(subject.namespace)"
            return "\(kind) \(name.quoted) of \(roleRef.kind) \(roleRef.name.quoted) to \(subject.kind) "
                + subjectName.quoted
        }
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
            for (principal, grant) in grants(binding.roleRef, binding.subjects, binding.key) {
                ofCluster[principal, default: []].append(grant)
            }
        }
        for binding in bindings {
            for (principal, grant) in grants(binding.roleRef, binding.subjects, binding.key) {
                ofNamespaces[binding.metadata.namespace, default: [:]][principal, default: []].append(grant)
            }
        }
    }

    private func grants(_ role: RoleRef, _ subjects: [Subject], _ binding: ObjectKey) -> [(Principal, Grant)] {
        let rules = rules(of: role, in: binding.namespace)
        return subjects.compactMap { subject in
            let principal: Principal
            var subject = subject
            switch subject.kind {
            case "User": principal = .user(subject.name)
            case "Group": principal = .group(subject.name)
            case "ServiceAccount":
                // Without a namespace it is of the binding's own.
                if subject.namespace.isEmpty { subject.namespace = binding.namespace }
                guard !subject.namespace.isEmpty else { return nil }
                principal = .user(
                    ServiceAccountUser.name(ObjectKey(namespace: subject.namespace, name: subject.name)))
            default: return nil
            }
            return (principal, Grant(binding: binding, roleRef: role, subject: subject, rules: rules))
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
