import Foundation
import HTTPTypes
import KubernetesAPI
import Logging
import Synchronization
import Testing

@testable import ControlPlane

/// The roles that Kubernetes begins with, who may make others, and who may be somebody else.
@Suite(.timeLimit(.minutes(5))) struct RoleTests {
    private static let policy: AccessPolicy = {
        var roles = BootstrapRoles.clusterRoles
        for index in roles.indices {
            guard let aggregation = roles[index].aggregationRule else { continue }
            // `edit` is a part of `admin`, and has been put together by then.
            for _ in 0..<3 {
                roles[index].rules = ClusterRoleAggregation.rules(
                    of: aggregation, in: roles, except: roles[index].metadata.name)
            }
        }
        for index in roles.indices.reversed() {
            guard let aggregation = roles[index].aggregationRule else { continue }
            roles[index].rules = ClusterRoleAggregation.rules(
                of: aggregation, in: roles, except: roles[index].metadata.name)
        }
        let bindings = roles.map { role in
            var binding = RoleBinding()
            (binding.metadata.name, binding.metadata.namespace) = (role.metadata.name, "default")
            (binding.roleRef.kind, binding.roleRef.name) = ("ClusterRole", role.metadata.name)
            var subject = Subject()
            (subject.kind, subject.name) = ("User", role.metadata.name)
            binding.subjects = [subject]
            return binding
        }
        return AccessPolicy(clusterRoles: roles, bindings: bindings)
    }()

    private static func may(_ role: String, _ verb: String, _ path: String, group: String = "") -> Bool {
        let parts = path.split(separator: "/").map(String.init)
        return policy.decide(
            AccessAttributes(
                verb: verb, group: group, resource: parts[0], subresource: parts.count > 1 ? parts[1] : "",
                namespace: "default"), for: User(name: role, groups: [])
        ).isAllowed
    }

    struct Row: Sendable {
        var path: String
        var group = ""
        /// Who may read it, and who may write it, of view, edit and admin: each may what those before may.
        var reader: String?
        var writer: String?
    }

    /// The documentation's user-facing roles, for what is served here.
    static let rows: [Row] = [
        Row(path: "pods", reader: "view", writer: "edit"), Row(path: "pods/log", reader: "view"),
        Row(path: "pods/status", reader: "view"), Row(path: "pods/exec", reader: "edit", writer: "edit"),
        Row(path: "pods/attach", reader: "edit", writer: "edit"),
        Row(path: "pods/portforward", reader: "edit", writer: "edit"),
        Row(path: "services", reader: "view", writer: "edit"), Row(path: "services/status", reader: "view"),
        Row(path: "services/proxy", reader: "edit", writer: "edit"),
        Row(path: "endpoints", reader: "view"), Row(path: "configmaps", reader: "view", writer: "edit"),
        // Whoever reads Secrets can be any service account, so `view` does not.
        Row(path: "secrets", reader: "edit", writer: "edit"),
        Row(path: "serviceaccounts", reader: "view", writer: "edit"),
        Row(path: "replicationcontrollers", reader: "view", writer: "edit"),
        Row(path: "replicationcontrollers/scale", reader: "view", writer: "edit"),
        Row(path: "events", reader: "view", writer: "edit"), Row(path: "namespaces", reader: "view"),
        Row(path: "namespaces/status", reader: "view"), Row(path: "bindings", reader: "view"),
        Row(path: "nodes"), Row(path: "podtemplates"),
        Row(path: "deployments", group: "apps", reader: "view", writer: "edit"),
        Row(path: "deployments/scale", group: "apps", reader: "view", writer: "edit"),
        Row(path: "deployments/status", group: "apps", reader: "view"),
        Row(path: "replicasets", group: "apps", reader: "view", writer: "edit"),
        Row(path: "replicasets/scale", group: "apps", reader: "view", writer: "edit"),
        Row(path: "leases", group: "coordination.k8s.io", reader: "edit", writer: "edit"),
        Row(path: "endpointslices", group: "discovery.k8s.io", reader: "view"),
        Row(path: "roles", group: RoleRef.group, reader: "admin", writer: "admin"),
        Row(path: "rolebindings", group: RoleRef.group, reader: "admin", writer: "admin"),
        Row(path: "clusterroles", group: RoleRef.group), Row(path: "clusterrolebindings", group: RoleRef.group),
        Row(path: "priorityclasses", group: "scheduling.k8s.io"),
        Row(path: "pods", group: "metrics.k8s.io", reader: "view"),
    ]

    @Test(arguments: rows) func usersRolesAreTheDocumentedOnes(_ row: Row) {
        let levels = ["view", "edit", "admin"]
        func expect(_ verbs: [String], from role: String?) {
            let first = role.flatMap { levels.firstIndex(of: $0) } ?? levels.count
            for (index, level) in levels.enumerated() {
                for verb in verbs {
                    #expect(
                        Self.may(level, verb, row.path, group: row.group) == (index >= first),
                        "\(level) \(verb) \(row.path)")
                }
            }
        }
        expect(["get", "list", "watch"], from: row.reader)
        expect(["create", "update", "patch", "delete", "deletecollection"], from: row.writer)
    }

    @Test func someVerbsAreOfTheirOwn() {
        for role in ["edit", "admin"] {
            #expect(Self.may(role, "create", "pods/eviction") && Self.may(role, "create", "serviceaccounts/token"))
            #expect(Self.may(role, "impersonate", "serviceaccounts"))
            #expect(!Self.may(role, "impersonate", "users"))
        }
        #expect(!Self.may("view", "create", "pods/eviction") && !Self.may("view", "impersonate", "serviceaccounts"))
        let reviews = "localsubjectaccessreviews"
        #expect(Self.may("admin", "create", reviews, group: "authorization.k8s.io"))
        #expect(!Self.may("edit", "create", reviews, group: "authorization.k8s.io"))
        #expect(Self.may("cluster-admin", "anything", "whatever", group: "example.com"))
        #expect(Self.may("system:kube-dns", "watch", "services") && !Self.may("system:kube-dns", "get", "secrets"))
        #expect(Self.may("system:node-proxier", "list", "endpointslices", group: "discovery.k8s.io"))
        #expect(Self.may("system:kubelet-api-admin", "get", "nodes/proxy"))
        #expect(Self.may("system:node-problem-detector", "patch", "nodes/status"))
    }

    @Test func standardRolesAndBindingsAreThere() {
        let names = Set(BootstrapRoles.clusterRoles.map(\.metadata.name))
        #expect(
            names.isSuperset(of: [
                "cluster-admin", "admin", "edit", "view", "system:aggregate-to-admin", "system:aggregate-to-edit",
                "system:aggregate-to-view", "system:discovery", "system:basic-user", "system:public-info-viewer",
                "system:auth-delegator", "system:monitoring", "system:service-account-issuer-discovery",
                "system:kubelet-api-admin", "system:kube-dns", "system:node-problem-detector", "system:node-proxier",
            ]))
        for role in BootstrapRoles.clusterRoles {
            #expect(role.metadata.labels["kubernetes.io/bootstrapping"] == "rbac-defaults")
            #expect(role.metadata.annotations["rbac.authorization.kubernetes.io/autoupdate"] == "true")
            #expect(role.rules.allSatisfy { !$0.verbs.isEmpty })
        }
        let bindings = BootstrapRoles.clusterRoleBindings.map { "\($0.roleRef.name): \($0.subjects.map(\.name))" }
        #expect(bindings.contains(#"cluster-admin: ["system:masters"]"#))
        #expect(bindings.contains(#"system:public-info-viewer: ["system:authenticated", "system:unauthenticated"]"#))
        #expect(BootstrapRoles.clusterRoleBindings.allSatisfy { names.contains($0.roleRef.name) })
    }

    // MARK: Through the API, as somebody

    /// One request as a user whom the administrator plays.
    private static func request(
        _ cluster: TestCluster, as user: String, groups: [String] = [], headers: [(String, String)] = [],
        _ method: String, _ path: String, _ body: JSONValue? = nil
    ) async throws -> (code: UInt, body: JSONValue) {
        var result: (UInt, JSONValue) = (0, .null)
        try await cluster.withClient { client in
            let answer = try await client.answer(
                .init(rawValue: method), cluster.server + path,
                [("impersonate-user", user), ("content-type", "application/json")]
                    + groups.map { ("impersonate-group", $0) } + headers, body: body?.bytes ?? [])
            result = (answer.code, try JSONParser.parse(answer.bytes))
        }
        return result
    }

    private static func grant(_ cluster: TestCluster, _ user: String, _ rules: [PolicyRule]) async throws {
        var role = ClusterRole()
        role.metadata.name = "of-\(user)"
        role.rules = rules
        _ = try await cluster.client.create(role)
        var binding = ClusterRoleBinding()
        binding.metadata.name = "of-\(user)"
        (binding.roleRef.apiGroup, binding.roleRef.kind, binding.roleRef.name) = (
            RoleRef.group, "ClusterRole", "of-\(user)"
        )
        var subject = Subject()
        (subject.kind, subject.apiGroup, subject.name) = ("User", RoleRef.group, user)
        binding.subjects = [subject]
        _ = try await cluster.client.create(binding)
    }

    private static func rule(
        _ verbs: [String], _ resources: [String], group: String = RoleRef.group, names: [String] = []
    ) -> PolicyRule {
        var rule = PolicyRule()
        (rule.verbs, rule.apiGroups, rule.resources, rule.resourceNames) = (verbs, [group], resources, names)
        return rule
    }

    private static let clusterRoles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    private static let clusterRoleBindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"

    private static func role(_ name: String, _ members: JSONObject) -> JSONValue {
        var object: JSONObject = ["metadata": ["name": .string(name)]]
        for (key, value) in members { object[key] = value }
        return .object(object)
    }

    private static let secrets: JSONValue = [["verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]]]

    @Test func escalateAndBindLetSomebodyGrantMore() async throws {
        try await TestCluster.run { cluster in
            let rules = [Self.rule(["*"], ["clusterroles", "clusterrolebindings"], names: [])]
            // `*` of clusterroles has escalate and bind in it, so they are named one by one.
            let write = Self.rule(["create", "update", "patch"], ["clusterroles", "clusterrolebindings"])
            try await Self.grant(cluster, "writer", [write])
            try await Self.grant(
                cluster, "escalator", [write, Self.rule(["escalate"], ["clusterroles"], names: ["mine"])])
            try await Self.grant(cluster, "binder", [write, Self.rule(["bind"], ["clusterroles"], names: ["view"])])
            try await Self.grant(cluster, "owner", rules)
            func make(_ user: String, _ name: String) async throws -> (code: UInt, message: String) {
                let answer = try await Self.request(
                    cluster, as: user, "POST", Self.clusterRoles, Self.role(name, ["rules": Self.secrets]))
                return (answer.code, answer.body["message"]?.stringValue ?? "")
            }
            let refused = try await make("writer", "r")
            #expect(refused.code == 403)
            #expect(
                refused.message
                    == #"clusterroles.rbac.authorization.k8s.io "r" is forbidden: user "writer" "#
                    + #"(groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:"#
                    + "\n" + #"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"#)
            #expect(try await make("escalator", "mine").code == 201)
            #expect(try await make("escalator", "another").code == 403)
            #expect(try await make("owner", "owners").code == 201)
            func bind(_ user: String, _ role: String) async throws -> UInt {
                try await Self.request(
                    cluster, as: user, "POST", Self.clusterRoleBindings,
                    Self.role(
                        "\(user)-\(role)",
                        [
                            "roleRef": [
                                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": .string(role),
                            ],
                            "subjects": [
                                ["kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "eve"]
                            ],
                        ])
                ).code
            }
            #expect(try await bind("binder", "view") == 201)
            #expect(try await bind("binder", "edit") == 403)
            #expect(try await bind("writer", "view") == 403)
            #expect(try await bind("owner", "edit") == 201)
        }
    }

    @Test func onlyAdministratorsLetRulesComeFromElsewhere() async throws {
        try await TestCluster.run { cluster in
            try await Self.grant(cluster, "writer", [Self.rule(["create", "update"], ["clusterroles"])])
            let aggregated = Self.role(
                "sum", ["aggregationRule": ["clusterRoleSelectors": [["matchLabels": ["add": "up"]]]]])
            let refused = try await Self.request(cluster, as: "writer", "POST", Self.clusterRoles, aggregated)
            #expect(
                refused.code == 403
                    && refused.body["message"]?.stringValue
                        == #"clusterroles.rbac.authorization.k8s.io "sum" is forbidden: must have cluster-admin "#
                        + "privileges to use the aggregationRule",
                "\(refused.body.text)")
            let made = try await Self.request(
                cluster, as: "root", groups: ["system:masters"], "POST", Self.clusterRoles, aggregated)
            #expect(made.code == 201)
            // It is acted on: whatever gets the label is in it, and goes out again with it.
            var part = ClusterRole()
            part.metadata.name = "part"
            part.metadata.labels = ["add": "up"]
            part.rules = [Self.rule(["get"], ["secrets"], group: "")]
            part = try await cluster.client.create(part)
            try await Self.until(cluster) { $0.rules.map(\.resources) == [["secrets"]] }
            part.metadata.labels = [:]
            _ = try await cluster.client.update(part)
            try await Self.until(cluster) { $0.rules.isEmpty }
        }
    }

    private static func until(
        _ cluster: TestCluster, _ condition: @escaping @Sendable (ClusterRole) -> Bool
    ) async throws {
        for try await event in try await cluster.client.watch(
            ClusterRole.self, options: ["fieldSelector": "metadata.name=sum"])
        where event.type != "BOOKMARK" {
            if condition(try ClusterRole(json: event.object)) { return }
        }
        Issue.record("the watch ended")
    }

    struct Guise: Sendable {
        var headers: [(String, String)]
        /// Empty where it is allowed.
        var refusal: String
    }

    /// What `actor` may be, who may impersonate ann, the group team, the uid u-1, the extra scopes=view, and the account
    /// robot.
    static let guises: [Guise] = [
        Guise(headers: [("Impersonate-User", "ann")], refusal: ""),
        Guise(
            headers: [("Impersonate-User", "bob")],
            refusal: #"users "bob" is forbidden: User "actor" cannot impersonate resource "users" in API group "" "#
                + "at the cluster scope"),
        Guise(headers: [("Impersonate-User", "ann"), ("Impersonate-Group", "team")], refusal: ""),
        Guise(
            headers: [("Impersonate-User", "ann"), ("Impersonate-Group", "system:masters")],
            refusal: #"groups "system:masters" is forbidden: User "actor" cannot impersonate resource "groups" in API "#
                + #"group "" at the cluster scope"#),
        Guise(headers: [("Impersonate-User", "ann"), ("Impersonate-Uid", "u-1")], refusal: ""),
        Guise(
            headers: [("Impersonate-User", "ann"), ("Impersonate-Uid", "u-2")],
            refusal: #"uids.authentication.k8s.io "u-2" is forbidden: User "actor" cannot impersonate resource "uids" "#
                + #"in API group "authentication.k8s.io" at the cluster scope"#),
        Guise(headers: [("Impersonate-User", "ann"), ("Impersonate-Extra-Scopes", "view")], refusal: ""),
        Guise(
            headers: [("Impersonate-User", "ann"), ("Impersonate-Extra-scopes", "admin")],
            refusal:
                #"userextras.authentication.k8s.io "admin" is forbidden: User "actor" cannot impersonate resource "#
                + #""userextras/scopes" in API group "authentication.k8s.io" at the cluster scope"#),
        Guise(headers: [("Impersonate-User", "system:serviceaccount:default:robot")], refusal: ""),
        Guise(
            headers: [("Impersonate-User", "system:serviceaccount:kube-system:robot")],
            refusal: #"serviceaccounts "robot" is forbidden: User "actor" cannot impersonate resource "#
                + #""serviceaccounts" in API group "" in the namespace "kube-system""#),
    ]

    @Test func eachPartOfAGuiseNeedsItsPermission() async throws {
        try await TestCluster.run { cluster in
            let authentication = "authentication.k8s.io"
            let policy = [
                Self.rule(["impersonate"], ["users"], group: "", names: ["ann"]),
                Self.rule(["impersonate"], ["groups"], group: "", names: ["team"]),
                Self.rule(["impersonate"], ["uids"], group: authentication, names: ["u-1"]),
                Self.rule(["impersonate"], ["userextras/scopes"], group: authentication, names: ["view"]),
            ]
            try await Self.grant(cluster, "actor", policy)
            var local = RoleBinding()
            (local.metadata.name, local.metadata.namespace) = ("actor", "default")
            (local.roleRef.apiGroup, local.roleRef.kind, local.roleRef.name) = (RoleRef.group, "ClusterRole", "edit")
            var subject = Subject()
            (subject.kind, subject.apiGroup, subject.name) = ("User", RoleRef.group, "actor")
            local.subjects = [subject]
            _ = try await cluster.client.create(local)
            try await Self.untilEditIsThere(cluster)
            // Nobody can be somebody twice, so what the server decides is asked for directly.
            let authorizer = cluster.plane.service.access.authorizer
            for guise in Self.guises {
                var fields = HTTPFields()
                for (name, value) in guise.headers {
                    fields.append(HTTPField(name: try #require(HTTPField.Name(name)), value: value))
                }
                let wanted = try #require(try Impersonation(fields))
                let actor = User(name: "actor", groups: [User.authenticated])
                do throws(APIError) {
                    let user = try wanted.apply(for: actor, authorizer)
                    #expect(guise.refusal.isEmpty, "\(guise.headers)")
                    #expect(user.groups.contains(User.authenticated))
                } catch {
                    #expect(error.code == 403 && error.status.message == guise.refusal, "\(error.status.message)")
                }
            }
            // Over the wire, with all of it.
            let review = try await Self.request(
                cluster, as: "ann", groups: ["team"],
                headers: [("impersonate-uid", "u-1"), ("impersonate-extra-example.com%2fscope", "view")], "POST",
                "/apis/authentication.k8s.io/v1/selfsubjectreviews", [:])
            let info = review.body[path: "status", "userInfo"]
            #expect(info?["username"] == "ann" && info?["uid"] == "u-1")
            #expect(info?["groups"] == ["team", "system:authenticated"])
            #expect(info?["extra"] == ["example.com/scope": ["view"]])
        }
    }

    private static func untilEditIsThere(_ cluster: TestCluster) async throws {
        for try await event in try await cluster.client.watch(
            ClusterRole.self, options: ["fieldSelector": "metadata.name=edit"])
        where event.type != "BOOKMARK" {
            if try ClusterRole(json: event.object).rules.contains(where: { $0.verbs == ["impersonate"] }) { return }
        }
    }

    // MARK: Who it was

    @Test func aCredentialIsKnownByItsName() async throws {
        try await TestCluster.run { cluster in
            try await cluster.withClient { client in
                let answer = try await client.answer(
                    .POST, cluster.server + "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                    [("content-type", "application/json")], body: Array("{}".utf8))
                let info = try JSONParser.parse(answer.bytes)[path: "status", "userInfo"]
                #expect(info?["username"] == "kubernetes-admin")
                let id = info?[path: "extra", "authentication.kubernetes.io/credential-id"]?.arrayValue?.first
                let digest = try Self.digest("\(cluster.directory)/pki/admin.crt")
                #expect(id?.stringValue == "X509SHA256=\(digest)")
            }
        }
    }

    private static func digest(_ path: String) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"]
        let out = Pipe()
        process.standardOutput = out
        try process.run()
        let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // `sha256 Fingerprint=AB:CD:...`
        return (text.split(separator: "=").last ?? "").filter(\.isHexDigit).lowercased()
    }

    /// Keeps what is logged.
    private struct Recorder: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.notice

        final class Lines: Sendable {
            let all = Mutex<[String]>([])
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.all.withLock { $0.append("\(event.level) \(event.message) \(event.metadata?["message"] ?? "")") }
        }
    }

    @Test func denialsAreInTheLog() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let lines = Recorder.Lines()
        let logger = Logger(label: "test") { _ in Recorder(lines: lines) }
        try await TestCluster.run(in: directory, logger: logger) { cluster in
            let answer = try await Self.request(cluster, as: "eve", "GET", "/api/v1/namespaces/default/secrets/s")
            #expect(answer.code == 403)
            let expected =
                #"secrets "s" is forbidden: User "eve" cannot get resource "secrets" in API group "" in the "#
                + #"namespace "default""#
            #expect(answer.body["message"]?.stringValue == expected)
            let found = lines.all.withLock { $0.filter { $0.contains("access was denied") } }
            #expect(found.contains { $0.hasPrefix("notice") && $0.contains(expected) }, "\(found)")
            // What is allowed is not.
            _ = try await Self.request(cluster, as: "root", groups: ["system:masters"], "GET", "/api/v1/nodes")
            #expect(lines.all.withLock { $0.filter { $0.contains("access was denied") }.count } == found.count)
        }
    }
}
