import Foundation
import KubernetesAPI
import Testing

@testable import ControlPlane

/// Who may what over HTTPS, with the real kubectl.
@Suite(.serialized, .enabled(if: TestCluster.hasKubectl, "no kubectl is installed")) struct AccessTests {
    /// kubectl as somebody who has nothing but a token, or not even that.
    private func kubectl(
        _ cluster: TestCluster, token: String?, _ arguments: [String], input: String = ""
    ) async throws -> TestCluster.Output {
        var credentials = ["--kubeconfig=/dev/null", "--server=\(cluster.server)"]
        credentials.append("--certificate-authority=\(cluster.directory)/pki/ca.crt")
        // kubectl asks for a name where it has none; the API knows no passwords.
        credentials += token.map { ["--token=\($0)"] } ?? ["--username=nobody", "--password=x"]
        return try await cluster.kubectl(credentials + arguments, input: input)
    }

    private func administer(_ cluster: TestCluster, _ arguments: String...) async throws -> String {
        let output = try await cluster.kubectl(arguments)
        #expect(output.status == 0, "kubectl \(arguments.joined(separator: " ")): \(output.err)")
        return output.out.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func anAccountMayWhatItIsBoundTo() async throws {
        try await TestCluster.run { cluster in
            _ = try await administer(cluster, "create", "serviceaccount", "robot")
            let token = try await administer(cluster, "create", "token", "robot", "--duration=10m")
            func robot(_ arguments: String...) async throws -> TestCluster.Output {
                try await kubectl(cluster, token: token, arguments)
            }
            let who = try await robot(
                "auth", "whoami", "-o", "jsonpath={.status.userInfo.username} {.status.userInfo.groups}")
            #expect(
                who.out
                    == #"system:serviceaccount:default:robot ["system:serviceaccounts","system:serviceaccounts:default","system:authenticated"]"#,
                "\(who.err)")
            // What a plain account has: discovery.
            #expect(try await robot("api-resources").out.contains("rolebindings"))
            let refused = try await robot("get", "pods")
            #expect(refused.status == 1)
            #expect(
                refused.err.contains(
                    #"pods is forbidden: User "system:serviceaccount:default:robot" cannot list resource "pods" in API group "" in the namespace "default""#
                ), "\(refused.err)")
            #expect(try await robot("get", "--raw", "/metrics").err.contains("forbidden"))

            _ = try await administer(cluster, "create", "role", "reader", "--verb=get,list,watch", "--resource=pods")
            _ = try await administer(
                cluster, "create", "rolebinding", "robot-reads", "--role=reader", "--serviceaccount=default:robot")
            #expect(try await robot("get", "pods").err.contains("No resources found"))
            #expect(try await robot("get", "pods", "-n", "kube-system").err.contains("forbidden"))
            #expect(try await robot("get", "secrets").err.contains("forbidden"))
            #expect(try await robot("auth", "can-i", "list", "pods").out == "yes\n")
            #expect(try await robot("auth", "can-i", "delete", "pods").out == "no\n")
            let list = try await robot("auth", "can-i", "--list")
            #expect(list.out.contains("pods") && list.out.contains("[get list watch]"), "\(list.out)\(list.err)")
            #expect(list.out.contains("selfsubjectreviews.authentication.k8s.io"))

            _ = try await administer(
                cluster, "create", "clusterrolebinding", "robot-views", "--clusterrole=view",
                "--serviceaccount=default:robot")
            #expect(try await robot("get", "configmaps", "-A").out.contains("kube-root-ca.crt"))
            #expect(try await robot("get", "secrets").err.contains("forbidden"))
            let wide = try await administer(cluster, "get", "rolebindings", "robot-reads", "-o", "wide")
            #expect(wide.contains("Role/reader") && wide.contains("default/robot"), "\(wide)")
            _ = try await administer(cluster, "delete", "rolebinding", "robot-reads")
            _ = try await administer(cluster, "delete", "clusterrolebinding", "robot-views")
            #expect(try await robot("get", "pods").err.contains("forbidden"))
            _ = try await administer(cluster, "delete", "serviceaccount", "robot")
            #expect(try await robot("get", "pods").err.contains("Unauthorized"))
        }
    }

    @Test func withoutCredentialsOnlyHealthIsSeen() async throws {
        try await TestCluster.run { cluster in
            func nobody(_ path: String, token: String? = nil) async throws -> TestCluster.Output {
                try await kubectl(cluster, token: token, ["get", "--raw", path])
            }
            for path in ["/healthz", "/livez", "/readyz", "/version"] {
                #expect(try await nobody(path).status == 0, "\(path)")
            }
            let refused = try await nobody("/api/v1/pods")
            #expect(refused.err.contains(#"User "system:anonymous" cannot list resource "pods""#), "\(refused.err)")
            #expect(try await nobody("/apis").err.contains(#"cannot get path "/apis""#))
            for token in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
                #expect(try await nobody("/version", token: token).err.contains("Unauthorized"))
            }
        }
    }

    @Test func nobodyGrantsWhatTheyDoNotHave() async throws {
        try await TestCluster.run { cluster in
            _ = try await administer(cluster, "create", "serviceaccount", "boss")
            _ = try await administer(
                cluster, "create", "rolebinding", "boss", "--clusterrole=admin", "--serviceaccount=default:boss")
            let token = try await administer(cluster, "create", "token", "boss")
            // The rules of `admin` are put together by a controller.
            try await eventually { try await cluster.client.get(ClusterRole.self, "admin").rules.count > 10 }
            func boss(_ arguments: String...) async throws -> TestCluster.Output {
                try await kubectl(cluster, token: token, arguments)
            }
            #expect(try await boss("create", "role", "ok", "--verb=get,list", "--resource=pods").status == 0)
            let refused = try await boss("create", "role", "more", "--verb=get,delete", "--resource=nodes")
            #expect(
                refused.err.contains(
                    #"roles.rbac.authorization.k8s.io "more" is forbidden: user "system:serviceaccount:default:boss" "#
                        + #"(groups=["system:serviceaccounts" "system:serviceaccounts:default" "system:authenticated"]) "#
                        + "is attempting to grant RBAC permissions not currently held:\n"
                        + #"{APIGroups:[""], Resources:["nodes"], Verbs:["get" "delete"]}"#), "\(refused.err)")
            #expect(
                try await boss("create", "rolebinding", "a", "--clusterrole=view", "--user=eve").status == 0)
            let bound = try await boss("create", "rolebinding", "b", "--clusterrole=cluster-admin", "--user=eve")
            #expect(bound.err.contains("is attempting to grant RBAC permissions not currently held"), "\(bound.err)")
            let unknown = try await boss("create", "rolebinding", "c", "--role=nothing", "--user=eve")
            #expect(unknown.err.contains("\"nothing\" not found"), "\(unknown.err)")
            let cluster = try await boss("create", "clusterrole", "x", "--verb=get", "--resource=pods")
            #expect(cluster.err.contains(#"cannot create resource "clusterroles""#), "\(cluster.err)")
            let patched = try await boss(
                "patch", "role", "ok", "--type=json",
                "-p=[{\"op\":\"add\",\"path\":\"/rules/0/verbs/-\",\"value\":\"impersonate\"}]")
            #expect(patched.err.contains("not currently held"), "\(patched.err)")
        }
    }

    /// Waits for what a controller does; fails after ten seconds.
    private func eventually(_ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while try await !condition() {
            try #require(ContinuousClock.now < deadline, "it did not happen within ten seconds")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    @Test func othersAreImpersonatedWithPermission() async throws {
        try await TestCluster.run { cluster in
            let who = try await administer(
                cluster, "auth", "whoami", "--as=ann", "--as-group=team", "-o",
                "jsonpath={.status.userInfo.username} {.status.userInfo.groups}")
            #expect(who == #"ann ["team","system:authenticated"]"#)
            let robot = "--as=system:serviceaccount:default:default"
            #expect(try await cluster.kubectl(["auth", "can-i", "get", "pods", robot]).out == "no\n")
            #expect(
                try await cluster.kubectl(["get", "secrets", robot]).err.contains(
                    #"secrets is forbidden: User "system:serviceaccount:default:default" cannot list resource "secrets""#
                ))
            let token = try await administer(cluster, "create", "token", "default")
            let refused = try await kubectl(cluster, token: token, ["get", "pods", "--as=ann"])
            #expect(
                refused.err.contains(
                    #"users "ann" is forbidden: User "system:serviceaccount:default:default" cannot impersonate resource "users" in API group "" at the cluster scope"#
                ), "\(refused.err)")
        }
    }

    @Test func tokensAreGivenOutByTheRules() async throws {
        try await TestCluster.run { cluster in
            func refusal(_ arguments: String...) async throws -> String {
                let output = try await cluster.kubectl(["create", "token"] + arguments)
                #expect(output.status != 0)
                return output.err
            }
            #expect(
                try await refusal("default", "--duration=5m").contains(
                    "may not specify a duration less than 10 minutes"))
            #expect(try await refusal("nobody").contains(#"serviceaccounts "nobody" not found"#))
            #expect(
                try await refusal("default", "--bound-object-kind=Pod", "--bound-object-name=web")
                    .contains(#"pods "web" not found"#))
            let pod = try await cluster.client.create(pod("web"))
            #expect(
                try await refusal(
                    "default", "--bound-object-kind=Pod", "--bound-object-name=web", "--bound-object-uid=x"
                ).contains("the UID in the bound object reference (x) does not match the UID in record"))
            _ = try await administer(cluster, "create", "serviceaccount", "robot")
            #expect(
                try await refusal("robot", "--bound-object-kind=Pod", "--bound-object-name=web")
                    .contains(#"cannot bind token for serviceaccount "robot" to pod running with different"#))
            let token = try await administer(
                cluster, "create", "token", "default", "--bound-object-kind=Pod", "--bound-object-name=web",
                "--audience=vault", "--audience=https://kubernetes.default.svc.cluster.local")
            var review = TokenReview()
            review.spec.token = token
            review.spec.audiences = ["vault", "other"]
            review = try await cluster.client.create(review)
            #expect(review.status.authenticated && review.status.audiences == ["vault"])
            #expect(review.status.user.extra["authentication.kubernetes.io/pod-uid"] == [pod.metadata.uid])
            #expect(try await kubectl(cluster, token: token, ["get", "--raw", "/api"]).status == 0)
            try await cluster.client.delete(Pod.self, "web", namespace: "default")
            #expect(try await kubectl(cluster, token: token, ["get", "--raw", "/api"]).err.contains("Unauthorized"))
            review.spec.audiences = []
            review = try await cluster.client.create(review)
            #expect(!review.status.authenticated && review.status.error.contains("invalidated"))
        }
    }

    @Test func reviewsAnswerForOthers() async throws {
        try await TestCluster.run { cluster in
            _ = try await administer(
                cluster, "create", "rolebinding", "ann", "-n", "kube-system", "--clusterrole=view", "--group=team")
            try await eventually { try await !cluster.client.get(ClusterRole.self, "view").rules.isEmpty }
            func review(
                _ change: (inout SubjectAccessReviewSpec) -> Void
            ) async throws -> SubjectAccessReviewStatus {
                var review = SubjectAccessReview()
                (review.spec.user, review.spec.groups) = ("ann", ["team", "system:authenticated"])
                change(&review.spec)
                return try await cluster.client.create(review).status
            }
            var attributes = ResourceAttributes()
            (attributes.verb, attributes.resource, attributes.namespace) = ("list", "pods", "kube-system")
            let allowed = try await review { $0.resourceAttributes = attributes }
            #expect(allowed.allowed)
            #expect(
                allowed.reason
                    == #"RBAC: allowed by RoleBinding "ann/kube-system" of ClusterRole "view" to Group "team""#)
            attributes.namespace = "default"
            #expect(try await !review { $0.resourceAttributes = attributes }.allowed)
            var path = NonResourceAttributes()
            (path.verb, path.path) = ("get", "/healthz")
            #expect(try await review { $0.nonResourceAttributes = path }.allowed)
            path.path = "/metrics"
            #expect(try await !review { $0.nonResourceAttributes = path }.allowed)
            for change: (inout SubjectAccessReviewSpec) -> Void in [
                { _ in },
                {
                    ($0.resourceAttributes, $0.nonResourceAttributes) = (attributes, path)
                },
                {
                    ($0.user, $0.groups, $0.nonResourceAttributes) = ("", [], path)
                },
            ] {
                await #expect(throws: APIError.self) { try await review(change) }
            }
            var local = LocalSubjectAccessReview()
            local.metadata.namespace = "kube-system"
            (local.spec.user, local.spec.resourceAttributes) = ("ann", attributes)
            do {
                _ = try await cluster.client.create(local)
                Issue.record("a review of another namespace was answered")
            } catch let error as APIError {
                #expect(error.status.message.contains("must match metadata.namespace"), "\(error)")
            }
        }
    }

    @Test func othersCanVerifyTokens() async throws {
        try await TestCluster.run { cluster in
            let token = try await administer(cluster, "create", "token", "default")
            let found = try await kubectl(cluster, token: token, ["get", "--raw", "/.well-known/openid-configuration"])
            let description = try JSONParser.parse(found.out.utf8)
            #expect(description["issuer"] == "https://kubernetes.default.svc.cluster.local")
            let keys = try await kubectl(cluster, token: token, ["get", "--raw", "/openid/v1/jwks"])
            let header = try #require(Base64URL.decode(token.prefix { $0 != "." }))
            let key = try JSONParser.parse(keys.out.utf8)["keys"]?.arrayValue?.first
            #expect(key?["kid"] == (try JSONParser.parse(header))["kid"] && key?["kty"] == "EC")
        }
    }

    @Test(arguments: [
        (
            "kind: Role\nmetadata: {name: r}\nrules: [{apiGroups: [\"\"], resources: [pods]}]",
            "rules[0].verbs: Required value: verbs must contain at least one value"
        ),
        (
            "kind: Role\nmetadata: {name: r}\nrules: [{nonResourceURLs: [/a], verbs: [get]}]",
            "namespaced rules cannot apply to non-resource URLs"
        ),
        (
            "kind: ClusterRole\nmetadata: {name: r}\nrules: [{resources: [pods], verbs: [get]}]",
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group"
        ),
        (
            "kind: RoleBinding\nmetadata: {name: b}\nroleRef: {kind: Pod, name: x}",
            "roleRef.kind: Unsupported value: \"Pod\": supported values: \"ClusterRole\", \"Role\""
        ),
        (
            "kind: ClusterRoleBinding\nmetadata: {name: b}\nroleRef: {kind: ClusterRole, name: x}\n"
                + "subjects: [{kind: ServiceAccount, name: robot}]",
            "subjects[0].namespace: Required value"
        ),
    ])
    func badRolesAreRefused(_ manifest: String, _ message: String) async throws {
        try await TestCluster.run { cluster in
            let output = try await cluster.kubectl(
                ["create", "-f", "-"], input: "apiVersion: rbac.authorization.k8s.io/v1\n\(manifest)")
            #expect(output.status == 1 && output.err.contains(message), "\(output.err)")
        }
    }

    @Test func whatABindingIsOfStays() async throws {
        try await TestCluster.run { cluster in
            _ = try await administer(cluster, "create", "rolebinding", "b", "--clusterrole=view", "--user=ann")
            let changed = try await cluster.kubectl([
                "patch", "rolebinding", "b", "-p", "{\"roleRef\":{\"name\":\"edit\"}}",
            ])
            #expect(changed.err.contains("cannot change roleRef"), "\(changed.err)")
        }
    }

    /// What was taken from a standard role is there again after a start, what was added stays.
    @Test func standardRolesAreCompletedAtEachStart() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("roles-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await TestCluster.run(in: directory) { cluster in
            var role = try await cluster.client.get(ClusterRole.self, "system:basic-user")
            #expect(role.metadata.labels["kubernetes.io/bootstrapping"] == "rbac-defaults")
            role.rules.removeFirst()
            var added = PolicyRule()
            (added.verbs, added.nonResourceURLs) = (["get"], ["/x"])
            role.rules.append(added)
            _ = try await cluster.client.update(role)
            var kept = try await cluster.client.get(ClusterRole.self, "system:discovery")
            kept.metadata.annotations["rbac.authorization.kubernetes.io/autoupdate"] = "false"
            kept.rules = []
            _ = try await cluster.client.update(kept)
            try await cluster.client.delete(ClusterRoleBinding.self, "cluster-admin")
        }
        try await TestCluster.run(in: directory) { cluster in
            let role = try await cluster.client.get(ClusterRole.self, "system:basic-user")
            #expect(role.rules.contains { $0.resources.contains("selfsubjectaccessreviews") })
            #expect(role.rules.contains { $0.nonResourceURLs == ["/x"] })
            #expect(try await cluster.client.get(ClusterRole.self, "system:discovery").rules.isEmpty)
            let binding = try await cluster.client.get(ClusterRoleBinding.self, "cluster-admin")
            #expect(binding.subjects.map(\.name) == ["system:masters"])
        }
    }

    private func pod(_ name: String) -> Pod {
        var pod = Pod()
        (pod.metadata.name, pod.metadata.namespace) = (name, "default")
        var container = Container()
        (container.name, container.image) = ("c", "busybox")
        pod.spec.containers = [container]
        return pod
    }

    @Test func aPodIsGivenWhatItNeedsToReachTheAPI() async throws {
        try await TestCluster.run { cluster in
            let path = "/var/run/secrets/kubernetes.io/serviceaccount"
            var wanted = pod("web")
            var (first, second) = (wanted.spec.containers[0], wanted.spec.containers[0])
            (first.name, second.name) = ("init", "own")
            var (volume, mount) = (Volume(), VolumeMount())
            (volume.name, volume.emptyDir) = ("mine", EmptyDirVolumeSource())
            (mount.name, mount.mountPath) = ("mine", path)
            second.volumeMounts = [mount]
            (wanted.spec.initContainers, wanted.spec.volumes) = ([first], [volume])
            wanted.spec.containers.append(second)
            let made = try await cluster.client.create(wanted)
            let access = try #require(made.spec.volumes.last)
            #expect(access.name.wholeMatch(of: /kube-api-access-[bcdfghjklmnpqrstvwxz2-9]{5}/) != nil)
            #expect(
                access.json["projected"] == [
                    "sources": [
                        ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]],
                        ["configMap": ["items": [["key": "ca.crt", "path": "ca.crt"]], "name": "kube-root-ca.crt"]],
                        [
                            "downwardAPI": [
                                "items": [
                                    [
                                        "fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"],
                                        "path": "namespace",
                                    ]
                                ]
                            ]
                        ],
                    ], "defaultMode": 420,
                ])
            let mounts = (made.spec.initContainers + made.spec.containers).map { $0.volumeMounts }
            for mount in [mounts[0], mounts[1]] {
                #expect(mount.map(\.name) == [access.name] && mount.map(\.mountPath) == [path])
                #expect(mount.allSatisfy { $0.readOnly })
            }
            #expect(mounts[2].map(\.name) == ["mine"])
            // The token that the node asks for is good for long, and says when a newer one should have been read.
            var request = TokenRequest()
            request.spec.expirationSeconds = 3607
            var reference = BoundObjectReference()
            (reference.kind, reference.apiVersion) = ("Pod", "v1")
            (reference.name, reference.uid) = ("web", made.metadata.uid)
            request.spec.boundObjectRef = reference
            let answer = try TokenRequest(
                json: try await cluster.plane.transport.send(
                    APIRequest(
                        verb: .create, group: "", version: "v1", resource: "serviceaccounts", namespace: "default",
                        name: "default", subresource: "token", body: request.json)))
            let payload = try #require(Base64URL.decode(answer.status.token.split(separator: ".")[1]))
            let claims = try #require(TokenClaims(json: try JSONParser.parse(payload)))
            #expect(claims.warnAfter == claims.issuedAt + 3607 && claims.expiresAt == claims.issuedAt + 365 * 86400)
            #expect(answer.status.expirationTimestamp?.seconds == claims.warnAfter)
            #expect(claims.pod?.uid == made.metadata.uid)
        }
    }

    @Test func whoAsksForNoTokenGetsNone() async throws {
        try await TestCluster.run { cluster in
            var refusing = pod("a")
            refusing.spec.automountServiceAccountToken = false
            #expect(try await cluster.client.create(refusing).spec.volumes.isEmpty)
            var account = ServiceAccount()
            (account.metadata.name, account.metadata.namespace) = ("quiet", "default")
            account.automountServiceAccountToken = false
            _ = try await cluster.client.create(account)
            var quiet = pod("b")
            quiet.spec.serviceAccountName = "quiet"
            #expect(try await cluster.client.create(quiet).spec.volumes.isEmpty)
            // The pod has the last word.
            quiet.metadata.name = "c"
            quiet.spec.automountServiceAccountToken = true
            #expect(try await cluster.client.create(quiet).spec.volumes.count == 1)
        }
    }

    @Test func aPodHasAnAccountThatIsThere() async throws {
        try await TestCluster.run { cluster in
            var pod = pod("web")
            pod.metadata.namespace = "fresh"
            // The account of a new namespace is a moment younger than the namespace: the pod waits for it.
            var namespace = Namespace()
            namespace.metadata.name = "fresh"
            _ = try await cluster.client.create(namespace)
            #expect(try await cluster.client.create(pod).spec.serviceAccountName == "default")
            pod.metadata.name = "other"
            pod.spec.serviceAccountName = "nobody"
            do {
                _ = try await cluster.client.create(pod)
                Issue.record("a pod without its account was made")
            } catch let error as APIError {
                #expect(
                    error.code == 403
                        && error.status.message
                            == #"pods "other" is forbidden: error looking up service account fresh/nobody: "#
                            + #"serviceaccount "nobody" not found"#
                )
            }
            var secret = LocalObjectReference()
            secret.name = "registry"
            var account = ServiceAccount()
            (account.metadata.name, account.metadata.namespace) = ("nobody", "fresh")
            account.imagePullSecrets = [secret]
            _ = try await cluster.client.create(account)
            #expect(try await cluster.client.create(pod).spec.imagePullSecrets.map(\.name) == ["registry"])
        }
    }
}
