import KubernetesAPI

/// The roles and bindings that Kubernetes begins with, for the kinds that are served here
/// (https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings).
enum BootstrapRoles {
    private static let read = ["get", "list", "watch"]
    private static let write = ["create", "delete", "deletecollection", "patch", "update"]

    private static func rule(_ verbs: [String], _ group: String, _ resources: [String]) -> PolicyRule {
        var rule = PolicyRule()
        rule.verbs = verbs
        rule.apiGroups = [group]
        rule.resources = resources
        return rule
    }

    private static func paths(_ verbs: [String], _ paths: [String]) -> PolicyRule {
        var rule = PolicyRule()
        rule.verbs = verbs
        rule.nonResourceURLs = paths
        return rule
    }

    private static func metadata(_ name: String, labels: [String: String] = [:]) -> ObjectMeta {
        var metadata = ObjectMeta()
        metadata.name = name
        metadata.labels = labels
        metadata.labels[BootstrapPolicy.bootstrapping.label] = BootstrapPolicy.bootstrapping.value
        metadata.annotations[BootstrapPolicy.autoupdate] = "true"
        return metadata
    }

    private static func role(_ name: String, labels: [String: String] = [:], _ rules: [PolicyRule]) -> ClusterRole {
        var role = ClusterRole()
        role.metadata = metadata(name, labels: labels)
        role.rules = rules
        return role
    }

    private static func aggregationLabel(_ role: String) -> String {
        "rbac.authorization.k8s.io/aggregate-to-\(role)"
    }

    /// A role whose rules are those of all roles with its label.
    private static func aggregated(_ name: String, into others: [String] = []) -> ClusterRole {
        var role = role(
            name, labels: Dictionary(uniqueKeysWithValues: others.map { (aggregationLabel($0), "true") }), [])
        var selector = LabelSelector()
        selector.matchLabels = [aggregationLabel(name): "true"]
        var aggregation = AggregationRule()
        aggregation.clusterRoleSelectors = [selector]
        role.aggregationRule = aggregation
        return role
    }

    private static let healthPaths = ["/healthz", "/livez", "/readyz", "/version", "/version/"]

    static let clusterRoles: [ClusterRole] =
        [
            role("cluster-admin", [rule(["*"], "*", ["*"]), paths(["*"], ["*"])]),
            role(
                "system:discovery",
                [
                    paths(
                        ["get"],
                        ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"] + healthPaths)
                ]),
            role("system:public-info-viewer", [paths(["get"], healthPaths)]),
            role(
                "system:basic-user",
                [
                    rule(
                        ["create"], "authorization.k8s.io", ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
                    rule(["create"], "authentication.k8s.io", ["selfsubjectreviews"]),
                ]),
            role(
                "system:auth-delegator",
                [
                    rule(["create"], "authentication.k8s.io", ["tokenreviews"]),
                    rule(["create"], "authorization.k8s.io", ["subjectaccessreviews"]),
                ]),
            role(
                "system:service-account-issuer-discovery",
                [
                    paths(
                        ["get"],
                        [
                            "/.well-known/openid-configuration", "/.well-known/openid-configuration/",
                            "/openid/v1/jwks",
                            "/openid/v1/jwks/",
                        ])
                ]),
            role(
                "system:monitoring",
                [
                    paths(
                        ["get"],
                        [
                            "/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/metrics/slis", "/readyz",
                            "/readyz/*",
                        ])
                ]),
        ] + components + [
            aggregated("admin"), aggregated("edit", into: ["admin"]), aggregated("view", into: ["edit"]),
            role("system:aggregate-to-admin", labels: [aggregationLabel("admin"): "true"], administration),
            role("system:aggregate-to-edit", labels: [aggregationLabel("edit"): "true"], editing),
            role("system:aggregate-to-view", labels: [aggregationLabel("view"): "true"], viewing),
            role(
                "system:aggregated-metrics-reader",
                labels: [
                    aggregationLabel("admin"): "true", aggregationLabel("edit"): "true",
                    aggregationLabel("view"): "true",
                ],
                [rule(read, "metrics.k8s.io", ["pods", "nodes"])]),
        ]

    private static let reportEvents = ["", "events.k8s.io"].map { rule(["create", "patch", "update"], $0, ["events"]) }

    /// Of components that people run in pods, and bind to their accounts. What runs in this process needs none.
    private static let components = [
        role(
            "system:kubelet-api-admin",
            [
                rule(read + ["proxy"], "", ["nodes"]),
                rule(["*"], "", ["nodes/log", "nodes/metrics", "nodes/proxy", "nodes/stats"]),
            ]),
        role("system:kube-dns", [rule(["list", "watch"], "", ["endpoints", "services"])]),
        role(
            "system:node-problem-detector",
            [rule(["get"], "", ["nodes"]), rule(["patch"], "", ["nodes/status"])] + reportEvents),
        role(
            "system:node-proxier",
            [
                rule(["list", "watch"], "", ["endpoints", "services"]), rule(read, "", ["nodes"]),
                rule(["list", "watch"], "discovery.k8s.io", ["endpointslices"]),
            ] + reportEvents),
    ]

    private static let administration =
        [rule(["create"], "authorization.k8s.io", ["localsubjectaccessreviews"])] + rules(of: .admin)

    private static let editing =
        [
            rule(read, "", ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"]),
            rule(["impersonate"], "", ["serviceaccounts"]),
            rule(write, "", ["pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "services/proxy"]),
            rule(["create"], "", ["pods/eviction", "serviceaccounts/token"]),
        ] + rules(of: .edit)

    private static let viewing = [rule(read, "", ["bindings"])] + rules(of: .view)

    /// What a role adds to those below it, by the kinds' descriptions: one rule per group and set of verbs. Who reads
    /// a kind reads its counts, states and logs; who writes it writes its counts.
    private static func rules(of role: Schema.ServedKind.UserRole) -> [PolicyRule] {
        var groups: [String] = []
        for kind in Schema.shared.served where !groups.contains(kind.resource.kind.group) {
            groups.append(kind.resource.kind.group)
        }
        return groups.flatMap { group in
            let kinds = Schema.shared.served.filter { $0.resource.kind.group == group }
            func resources(_ kinds: [Schema.ServedKind], with parts: Set<String>) -> [String] {
                kinds.flatMap { kind in
                    let served = kind.subresources.keys.filter(parts.contains).sorted()
                    return [kind.resource.plural] + served.map { "\(kind.resource.plural)/\($0)" }
                }
            }
            let readable = resources(kinds.filter { $0.readableBy == role }, with: ["log", "scale", "status"])
            let writable = resources(kinds.filter { $0.writableBy == role }, with: ["scale"])
            return [(read, readable), (write, writable)].filter { !$0.1.isEmpty }.map { rule($0, group, $1) }
        }
    }

    private static func binding(_ role: String, _ groups: [String]) -> ClusterRoleBinding {
        var binding = ClusterRoleBinding()
        binding.metadata = metadata(role)
        binding.roleRef.apiGroup = RoleRef.group
        binding.roleRef.kind = "ClusterRole"
        binding.roleRef.name = role
        binding.subjects = groups.map { group in
            var subject = Subject()
            subject.kind = "Group"
            subject.apiGroup = RoleRef.group
            subject.name = group
            return subject
        }
        return binding
    }

    static let clusterRoleBindings: [ClusterRoleBinding] = [
        binding("cluster-admin", [User.administrators]),
        binding("system:discovery", [User.authenticated]),
        binding("system:basic-user", [User.authenticated]),
        binding("system:public-info-viewer", [User.authenticated, User.unauthenticated]),
        binding("system:service-account-issuer-discovery", ["system:serviceaccounts"]),
        binding("system:monitoring", ["system:monitoring"]),
    ]
}
