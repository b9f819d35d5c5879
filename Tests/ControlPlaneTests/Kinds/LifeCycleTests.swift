import KubernetesAPI
import Testing

@testable import ControlPlane

/// How objects go: preconditions, finalizers, collections, what becomes of dependents, and namespaces; with the
/// controllers that have a part in it.
@Suite(.timeLimit(.minutes(2))) struct LifeCycleTests {
    private func map(
        _ name: String, namespace: String = "default", labels: [String: String] = [:], finalizers: [String] = [],
        owner: ConfigMap? = nil
    ) -> ConfigMap {
        var map = ConfigMap()
        map.metadata.name = name
        map.metadata.namespace = namespace
        map.metadata.labels = labels
        map.metadata.finalizers = finalizers
        map.metadata.ownerReferences = owner.map { [$0.controllerReference] } ?? []
        return map
    }

    private func options(_ change: (inout DeleteOptions) -> Void) -> DeleteOptions {
        var options = DeleteOptions()
        change(&options)
        return options
    }

    private func isThere(_ client: APIClient, _ name: String) async throws -> Bool {
        do {
            _ = try await client.get(ConfigMap.self, name, namespace: "default")
            return true
        } catch let error as APIError where error.isNotFound {
            return false
        }
    }

    private func release(_ client: APIClient, _ name: String) async throws {
        _ = try await client.patch(
            ConfigMap.self, name, namespace: "default", .merge, ["metadata": ["finalizers": .null]])
    }

    @Test func aDeletionMayNameWhatItMeans() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let made = try await client.create(map("a"))
            let other = options {
                $0.preconditions = Preconditions()
                $0.preconditions?.uid = "00000000-0000-0000-0000-000000000000"
            }
            let byUID = await refusal {
                try await client.delete(ConfigMap.self, "a", namespace: "default", options: other)
            }
            #expect(byUID?.code == 409)
            #expect(
                byUID?.status.message.contains(
                    "Precondition failed: UID in precondition: 00000000-0000-0000-0000-000000000000, UID in object "
                        + "meta: \(made.metadata.uid)") == true)
            let old = options {
                $0.preconditions = Preconditions()
                $0.preconditions?.resourceVersion = "1"
            }
            let byVersion = await refusal {
                try await client.delete(ConfigMap.self, "a", namespace: "default", options: old)
            }
            #expect(byVersion?.status.message.contains("ResourceVersion in precondition: 1") == true)
            let exact = options {
                $0.preconditions = Preconditions()
                $0.preconditions?.uid = made.metadata.uid
                $0.preconditions?.resourceVersion = made.metadata.resourceVersion
            }
            try await client.delete(ConfigMap.self, "a", namespace: "default", options: exact)
            #expect(try await !isThere(client, "a"))
        }
    }

    @Test func optionsThatMakeNoSenseAreRefused() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(map("a"))
            let cases: [(DeleteOptions, String)] = [
                (
                    options {
                        $0.propagationPolicy = .orphan
                        $0.orphanDependents = true
                    },
                    "propagationPolicy: Invalid value: \"Orphan\": orphanDependents and deletionPropagation cannot be "
                        + "both set"
                ),
                (
                    options { $0.propagationPolicy = DeletionPropagation(rawValue: "Later") },
                    "propagationPolicy: Unsupported value: \"Later\": supported values: \"Foreground\", \"Background\", "
                        + "\"Orphan\", \"nil\""
                ),
                (options { $0.dryRun = ["Some"] }, "dryRun: Unsupported value: \"Some\": supported values: \"All\""),
            ]
            for (options, problem) in cases {
                let error = await refusal {
                    try await client.delete(ConfigMap.self, "a", namespace: "default", options: options)
                }
                #expect(error?.code == 422)
                #expect(error?.status.message == "DeleteOptions.meta.k8s.io \"\" is invalid: \(problem)")
            }
            #expect(try await isThere(client, "a"))
        }
    }

    @Test func whatIsHeldTakesNoNewFinalizers() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            _ = try await client.create(map("a", finalizers: ["example.com/hold"]))
            try await client.delete(ConfigMap.self, "a", namespace: "default")
            let going = try await client.get(ConfigMap.self, "a", namespace: "default")
            #expect(going.metadata.deletionTimestamp != nil && going.metadata.deletionGracePeriodSeconds == 0)
            let error = await refusal {
                _ = try await client.patch(
                    ConfigMap.self, "a", namespace: "default", .merge,
                    ["metadata": ["finalizers": ["example.com/hold", "example.com/more"]]])
            }
            #expect(
                error?.status.message.contains(
                    "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted")
                    == true)
            try await release(client, "a")
            #expect(try await !isThere(client, "a"))
        }
    }

    @Test func aCollectionGoesAsItIsSelected() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            for (name, tier) in [("a", "web"), ("b", "db"), ("c", "web")] {
                _ = try await client.create(map(name, labels: ["tier": tier]))
            }
            _ = try await client.create(map("held", labels: ["tier": "web"], finalizers: ["example.com/hold"]))
            func deleteCollection(_ options: [String: String]) async throws -> [String] {
                let answer = try await cluster.plane.transport.send(
                    APIRequest(
                        verb: .deletecollection, group: "", version: "v1", resource: "configmaps", namespace: "default",
                        options: options))
                return answer["items"]?.arrayValue?.compactMap { $0[path: "metadata", "name"]?.stringValue } ?? []
            }
            let tried = try await deleteCollection(["labelSelector": "tier=web", "dryRun": "All"])
            #expect(tried == ["a", "c", "held"])
            #expect(try await isThere(client, "a"))
            #expect(try await deleteCollection(["labelSelector": "tier=web"]) == ["a", "c", "held"])
            #expect(try await !isThere(client, "a"))
            #expect(try await !isThere(client, "c"))
            #expect(try await isThere(client, "b"))
            let held = try await client.get(ConfigMap.self, "held", namespace: "default")
            #expect(held.metadata.deletionTimestamp != nil)
        }
    }

    @Test func dependentsGoAfterTheirOwnerInTheBackground() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let owner = try await client.create(map("owner"))
            _ = try await client.create(map("child", owner: owner))
            try await client.delete(
                ConfigMap.self, "owner", namespace: "default", options: options { $0.propagationPolicy = .background })
            #expect(try await !isThere(client, "owner"))
            try await eventually { try await !isThere(client, "child") }
        }
    }

    @Test func inTheForegroundTheOwnerWaits() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let owner = try await client.create(map("owner"))
            let child = try await client.create(map("child", finalizers: ["example.com/hold"], owner: owner))
            #expect(child.metadata.ownerReferences.first?.blockOwnerDeletion == true)
            try await client.delete(
                ConfigMap.self, "owner", namespace: "default", options: options { $0.propagationPolicy = .foreground })
            let waiting = try await client.get(ConfigMap.self, "owner", namespace: "default")
            #expect(waiting.metadata.finalizers == ["foregroundDeletion"])
            try await eventually {
                try await client.get(ConfigMap.self, "child", namespace: "default").metadata.deletionTimestamp != nil
            }
            #expect(try await isThere(client, "owner"))
            try await release(client, "child")
            try await eventually { try await !isThere(client, "owner") }
        }
    }

    @Test func orphansStay() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            let owner = try await client.create(map("owner"))
            _ = try await client.create(map("child", owner: owner))
            try await client.delete(
                ConfigMap.self, "owner", namespace: "default", options: options { $0.propagationPolicy = .orphan })
            try await eventually { try await !isThere(client, "owner") }
            let child = try await client.get(ConfigMap.self, "child", namespace: "default")
            #expect(child.metadata.ownerReferences.isEmpty && child.metadata.deletionTimestamp == nil)
        }
    }

    @Test func aNamespaceTakesNothingInWhileItGoes() async throws {
        try await TestCluster.run { cluster in
            let client = cluster.client
            var namespace = Namespace()
            namespace.metadata.name = "team"
            _ = try await client.create(namespace)
            _ = try await client.create(map("held", namespace: "team", finalizers: ["example.com/hold"]))
            try await client.delete(Namespace.self, "team")
            let going = try await client.get(Namespace.self, "team")
            #expect(going.status.phase == .terminating && going.metadata.deletionTimestamp != nil)
            let error = await refusal { _ = try await client.create(map("new", namespace: "team")) }
            #expect(error?.code == 403)
            #expect(error?.status.details?.causes.map(\.reason.rawValue) == ["NamespaceTerminating"])
            // It says what it waits for.
            try await eventually {
                try await client.get(Namespace.self, "team").status.conditions.contains {
                    $0.type.rawValue == "NamespaceFinalizersRemaining" && $0.status == .true
                }
            }
            _ = try await client.patch(
                ConfigMap.self, "held", namespace: "team", .merge, ["metadata": ["finalizers": .null]])
            try await eventually {
                await refusal { _ = try await client.get(Namespace.self, "team") }?.isNotFound == true
            }
        }
    }
}
