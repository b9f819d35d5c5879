import Foundation
import KubernetesAPI
import Testing

@testable import ControlPlane

/// RBAC's decisions, on tables.
@Suite struct AccessPolicyTests {
    private static func rule(
        _ verbs: [String], _ groups: [String] = [""], _ resources: [String] = [], names: [String] = [],
        paths: [String] = []
    ) -> PolicyRule {
        var rule = PolicyRule()
        (rule.verbs, rule.resourceNames, rule.nonResourceURLs) = (verbs, names, paths)
        if paths.isEmpty { (rule.apiGroups, rule.resources) = (groups, resources) }
        return rule
    }

    private static func wish(_ verb: String, _ path: String, _ name: String = "", group: String = "")
        -> AccessAttributes
    {
        guard !path.hasPrefix("/") else { return AccessAttributes(verb: verb, path: path) }
        let parts = path.split(separator: "/")
        return AccessAttributes(
            verb: verb, group: group, resource: String(parts[0]), subresource: parts.count == 2 ? String(parts[1]) : "",
            name: name)
    }

    @Test(arguments: [
        (rule(["get"], [""], ["pods"]), wish("get", "pods"), true),
        (rule(["get"], [""], ["pods"]), wish("list", "pods"), false),
        (rule(["*"], [""], ["pods"]), wish("deletecollection", "pods"), true),
        // A resource is not its parts, and a part not the resource.
        (rule(["get"], [""], ["pods"]), wish("get", "pods/log"), false),
        (rule(["get"], [""], ["pods/log"]), wish("get", "pods/log"), true),
        (rule(["get"], [""], ["pods/log"]), wish("get", "pods"), false),
        (rule(["get"], [""], ["pods/*"]), wish("get", "pods/log"), false),
        (rule(["get"], [""], ["*/log"]), wish("get", "pods/log"), true),
        (rule(["get"], [""], ["*/log"]), wish("get", "pods/status"), false),
        (rule(["get"], [""], ["*/log"]), wish("get", "log"), false),
        (rule(["get"], [""], ["xpods/log"]), wish("get", "pods/log"), false),
        (rule(["get"], [""], ["*"]), wish("get", "pods/log"), true),
        (rule(["get"], ["apps"], ["*"]), wish("get", "pods"), false),
        (rule(["get"], ["*"], ["deployments"]), wish("get", "deployments", group: "apps"), true),
        (rule(["get"], [""], ["pods"], names: ["a", "b"]), wish("get", "pods", "b"), true),
        (rule(["get"], [""], ["pods"], names: ["a"]), wish("get", "pods", "b"), false),
        // No name is none of the names: a list needs more.
        (rule(["list"], [""], ["pods"], names: ["a"]), wish("list", "pods"), false),
        (rule(["get"], paths: ["/healthz"]), wish("get", "/healthz"), true),
        (rule(["get"], paths: ["/healthz"]), wish("get", "/healthz/ping"), false),
        (rule(["get"], paths: ["/healthz/*"]), wish("get", "/healthz/ping"), true),
        (rule(["get"], paths: ["/healthz/*"]), wish("get", "/healthz"), false),
        (rule(["get"], paths: ["*"]), wish("get", "/anything"), true),
        (rule(["get"], paths: ["/*/x"]), wish("get", "/a/x"), false),
        (rule(["post"], paths: ["/api"]), wish("get", "/api"), false),
        (rule(["*"], ["*"], ["*"]), wish("get", "/metrics"), false),
        (rule(["*"], paths: ["*"]), wish("get", "pods"), false),
    ])
    func aRuleAllows(_ rule: PolicyRule, _ attributes: AccessAttributes, _ isAllowed: Bool) {
        #expect(rule.allows(attributes) == isAllowed)
    }

    private static func subject(_ kind: String, _ name: String, _ namespace: String = "") -> Subject {
        var subject = Subject()
        (subject.kind, subject.name, subject.namespace) = (kind, name, namespace)
        return subject
    }

    private static func policy() -> AccessPolicy {
        var reader = ClusterRole()
        reader.metadata.name = "reader"
        reader.rules = [rule(["get"], [""], ["pods"])]
        var local = Role()
        (local.metadata.name, local.metadata.namespace) = ("local", "a")
        local.rules = [rule(["delete"], [""], ["pods"])]
        func binding(_ name: String, _ kind: String, _ role: String, _ subjects: [Subject]) -> RoleBinding {
            var binding = RoleBinding()
            (binding.metadata.name, binding.metadata.namespace) = (name, "a")
            (binding.roleRef.kind, binding.roleRef.name) = (kind, role)
            binding.subjects = subjects
            return binding
        }
        var everywhere = ClusterRoleBinding()
        everywhere.metadata.name = "everywhere"
        (everywhere.roleRef.kind, everywhere.roleRef.name) = ("ClusterRole", "reader")
        everywhere.subjects = [subject("Group", "team")]
        return AccessPolicy(
            roles: [local], clusterRoles: [reader],
            bindings: [
                binding("own", "Role", "local", [subject("ServiceAccount", "robot")]),
                binding("other", "ClusterRole", "reader", [subject("ServiceAccount", "robot", "b")]),
                binding("lost", "Role", "gone", [subject("User", "eve")]),
            ], clusterBindings: [everywhere])
    }

    @Test(arguments: [
        ("system:serviceaccount:a:robot", "delete", "a", true), ("system:serviceaccount:a:robot", "delete", "b", false),
        ("system:serviceaccount:a:robot", "get", "a", false), ("system:serviceaccount:b:robot", "get", "a", true),
        ("system:serviceaccount:b:robot", "get", "b", false), ("system:serviceaccount:b:robot", "get", "", false),
        ("system:serviceaccount:b:robot", "delete", "a", false), ("eve", "get", "a", false),
    ])
    func bindingsCountInTheirNamespaces(_ user: String, _ verb: String, _ namespace: String, _ isAllowed: Bool) {
        var attributes = Self.wish(verb, "pods")
        attributes.namespace = namespace
        #expect(Self.policy().decide(attributes, for: User(name: user, groups: [])).isAllowed == isAllowed)
    }

    @Test func decisionsSayWhy() {
        var attributes = Self.wish("get", "pods")
        attributes.namespace = "a"
        let policy = Self.policy()
        let member = User(name: "ann", groups: ["x", "team"])
        #expect(
            policy.decide(attributes, for: member).reason
                == #"RBAC: allowed by ClusterRoleBinding "everywhere" of ClusterRole "reader" to Group "team""#)
        let robot = User(name: "system:serviceaccount:b:robot", groups: [])
        #expect(
            policy.decide(attributes, for: robot).reason
                == #"RBAC: allowed by RoleBinding "other/a" of ClusterRole "reader" to ServiceAccount "robot/b""#)
        let eve = User(name: "eve", groups: [])
        let decision = policy.decide(attributes, for: eve)
        #expect(decision.reason == #"RBAC: role.rbac.authorization.k8s.io "gone" not found"#)
        #expect(
            attributes.refusal(of: eve, because: decision.reason).status.message
                == #"pods is forbidden: User "eve" cannot get resource "pods" in API group "" in the namespace "a": "#
                + #"RBAC: role.rbac.authorization.k8s.io "gone" not found"#)
        #expect(policy.decide(attributes, for: .thisProcess).isAllowed)
    }

    @Test(arguments: [
        (rule(["get", "list"], [""], ["pods"]), rule(["get"], [""], ["pods"]), true),
        (rule(["get"], [""], ["pods"]), rule(["get", "list"], [""], ["pods"]), false),
        (rule(["*"], ["*"], ["*"]), rule(["get"], ["apps"], ["deployments/scale"]), true),
        (rule(["get"], [""], ["*"]), rule(["*"], [""], ["pods"]), false),
        (rule(["get"], [""], ["*/scale"]), rule(["get"], [""], ["pods/scale"]), true),
        (rule(["get"], [""], ["pods"], names: ["a"]), rule(["get"], [""], ["pods"]), false),
        (rule(["get"], [""], ["pods"]), rule(["get"], [""], ["pods"], names: ["a"]), true),
        (rule(["get"], [""], ["pods"], names: ["a", "b"]), rule(["get"], [""], ["pods"], names: ["b"]), true),
        (rule(["get"], paths: ["/a/*"]), rule(["get"], paths: ["/a/b"]), true),
        (rule(["get"], paths: ["/a/b"]), rule(["get"], paths: ["/a/*"]), false),
        (rule(["get"], [""], ["pods"]), rule(["get"], paths: ["/a"]), false),
    ])
    func rulesCoverRules(_ held: PolicyRule, _ wanted: PolicyRule, _ isCovered: Bool) {
        #expect([held].missing(from: [wanted]).isEmpty == isCovered)
    }

    @Test func whatIsMissingIsSaidShortly() {
        let held = [Self.rule(["get"], [""], ["pods"])]
        let missing = held.missing(from: [Self.rule(["get", "list", "watch"], ["", "apps"], ["pods"], names: [])])
        #expect(
            Set(missing.compacted.map(\.compactText)) == [
                #"{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}"#,
                #"{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list" "watch"]}"#,
            ])
    }

    @Test func aggregatedRulesComeOfSelectedRolesOnce() {
        func role(_ name: String, _ label: String, _ rules: [PolicyRule]) -> ClusterRole {
            var role = ClusterRole()
            role.metadata.name = name
            role.metadata.labels = [label: "true"]
            role.rules = rules
            return role
        }
        let pods = Self.rule(["get"], [""], ["pods"])
        let maps = Self.rule(["get"], [""], ["configmaps"])
        var selector = LabelSelector()
        selector.matchLabels = ["to-view": "true"]
        var aggregation = AggregationRule()
        aggregation.clusterRoleSelectors = [selector, selector]
        let rules = ClusterRoleAggregation.rules(
            of: aggregation,
            in: [
                role("z", "to-view", [maps, pods]), role("b", "to-view", [pods]), role("c", "to-edit", [maps]),
                role("self", "to-view", [Self.rule(["*"], ["*"], ["*"])]),
            ], except: "self")
        #expect(rules == [pods, maps])
    }

    @Test(arguments: [
        ("/api/v1/namespaces/a/pods", "get", "list", "pods", "a", ""),
        ("/api/v1/pods?watch=1", "get", "watch", "pods", "", ""),
        ("/api/v1/namespaces/a/pods/p/log", "get", "get", "pods/log", "a", "p"),
        ("/api/v1/namespaces/a", "get", "get", "namespaces", "a", "a"),
        ("/api/v1/namespaces/a/status", "put", "update", "namespaces/status", "a", "a"),
        ("/api/v1/namespaces/a/pods", "delete", "deletecollection", "pods", "a", ""),
        ("/api/v1/namespaces/a/serviceaccounts/s/token", "post", "create", "serviceaccounts/token", "a", "s"),
        ("/api/v1/namespaces/a/secrets?fieldSelector=metadata.name%3Dx", "get", "list", "secrets", "a", "x"),
        ("/apis/metrics.k8s.io/v1beta1/nodes/n", "get", "get", "nodes", "", "n"),
    ])
    func requestsAreReadFromTheirPaths(
        _ path: String, _ method: String, _ verb: String, _ resource: String, _ namespace: String, _ name: String
    ) throws {
        let attributes = AccessAttributes(
            try #require(RequestPath(path)), try #require(.init(rawValue: method.uppercased())))
        #expect(attributes.verb == verb && attributes.resourcePath == resource)
        #expect(attributes.namespace == namespace && attributes.name == name && attributes.isResource)
    }

    @Test func othersArePaths() throws {
        for path in ["/", "/api", "/apis/apps", "/apis/apps/v1", "/metrics", "/openapi/v3/api/v1", "/healthz/ping"] {
            let attributes = AccessAttributes(try #require(RequestPath(path)), .get)
            #expect(!attributes.isResource && attributes.path == path && attributes.verb == "get")
        }
    }
}
