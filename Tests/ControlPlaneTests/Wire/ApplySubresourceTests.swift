import KubernetesAPI
import Testing

@testable import ControlPlane

/// Server-side apply where an object is written in parts, and where several managers write it (KEP-555).
@Suite(.timeLimit(.minutes(5))) struct ApplySubresourceTests {
    private static func refusal(_ body: () async throws -> Void) async -> APIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? APIError
        }
    }

    private static func send(
        _ cluster: TestCluster, _ verb: APIRequest.Verb, _ resource: String, _ name: String,
        subresource: String = "", _ options: [String: String] = [:], type: APIRequest.PatchType? = nil,
        _ body: JSONValue? = nil
    ) async throws -> JSONValue {
        try await cluster.client.transport.send(
            APIRequest(
                verb: verb, group: resource == "deployments" ? "apps" : "", version: "v1", resource: resource,
                namespace: "default", name: name, subresource: subresource, options: options, patchType: type,
                body: body))
    }

    /// Applies a part of the pod `p`.
    private static func apply(
        _ cluster: TestCluster, as manager: String, to subresource: String = "", force: Bool = false,
        _ members: JSONObject
    ) async throws -> JSONValue {
        var configuration: JSONObject = ["apiVersion": "v1", "kind": "Pod", "metadata": ["name": "p"]]
        for (name, value) in members { configuration[name] = value }
        return try await send(
            cluster, .patch, "pods", "p", subresource: subresource,
            ["fieldManager": manager].merging(force ? ["force": "true"] : [:]) { $1 }, type: .apply,
            .object(configuration))
    }

    private static func entry(of manager: String, in object: JSONValue) -> JSONValue? {
        object[path: "metadata", "managedFields"]?.arrayValue?.first { $0["manager"] == .string(manager) }
    }

    private static func makePod(_ cluster: TestCluster) async throws {
        // Nobody schedules it, so nobody else writes.
        _ = try await send(
            cluster, .create, "pods", "", ["fieldManager": "maker"],
            [
                "metadata": ["name": "p"],
                "spec": [
                    "schedulerName": "nobody",
                    "containers": [
                        [
                            "name": "c", "image": "busybox",
                            "resources": ["requests": ["cpu": "100m"], "limits": ["cpu": "500m", "memory": "64Mi"]],
                        ]
                    ],
                ],
            ])
    }

    @Test func theStatusIsAppliedApart() async throws {
        try await TestCluster.run { cluster in
            try await Self.makePod(cluster)
            let condition: JSONValue = ["type": "example.com/Ready", "status": "True"]
            // What it says of the spec is not its business: neither written, nor in conflict, nor owned.
            let applied = try await Self.apply(
                cluster, as: "ctl", to: "status",
                [
                    "spec": ["schedulerName": "another", "containers": [["name": "c", "image": "other"]]],
                    "status": ["phase": "Running", "conditions": [condition]],
                ])
            #expect(applied[path: "spec", "schedulerName"] == "nobody")
            #expect(applied[path: "spec", "containers"]?.arrayValue?.first?["image"] == "busybox")
            #expect(applied[path: "status", "phase"] == "Running")
            let entry = try #require(Self.entry(of: "ctl", in: applied))
            #expect(entry["operation"] == "Apply" && entry["subresource"] == "status")
            #expect(
                entry["fieldsV1"] == [
                    "f:status": [
                        "f:conditions": [
                            #"k:{"type":"example.com/Ready"}"#: [".": [:], "f:status": [:], "f:type": [:]]
                        ], "f:phase": [:],
                    ]
                ], "\(entry.text)")
            let error = await Self.refusal {
                _ = try await Self.apply(
                    cluster, as: "rival", to: "status",
                    ["status": ["conditions": [["type": "example.com/Ready", "status": "False"]]]])
            }
            #expect(
                error?.status.message
                    == #"Apply failed with 1 conflict: conflict with "ctl" with subresource "status": "#
                    + #".status.conditions[type="example.com/Ready"].status"#)
            // What is not applied any more goes, and only that.
            let less = try await Self.apply(cluster, as: "ctl", to: "status", ["status": ["phase": "Running"]])
            let types = less[path: "status", "conditions"]?.arrayValue?.map { $0["type"] } ?? []
            #expect(!types.contains("example.com/Ready") && less[path: "status", "phase"] == "Running")
            let again = try await Self.apply(cluster, as: "ctl", to: "status", ["status": ["phase": "Running"]])
            // Nothing new, so no new version, though somebody else owns other fields.
            #expect(again == less)
            // There has to be something whose status it is.
            try await cluster.client.delete(Pod.self, "p", namespace: "default")
            let gone = await Self.refusal {
                _ = try await Self.apply(cluster, as: "ctl", to: "status", ["status": ["phase": "Running"]])
            }
            #expect(gone?.isNotFound == true)
        }
    }

    /// An object as it was read, applied as a whole: its status is passed over, however old.
    @Test func theStatusOfAWholeObjectIsNobodysBusiness() async throws {
        try await TestCluster.run { cluster in
            try await Self.makePod(cluster)
            _ = try await Self.send(
                cluster, .patch, "pods", "p", subresource: "status", ["fieldManager": "kubelet"], type: .merge,
                ["status": ["phase": "Running", "podIP": "10.0.0.1"]])
            let applied = try await Self.apply(
                cluster, as: "user",
                [
                    "metadata": ["name": "p", "labels": ["a": "b"]],
                    "status": ["phase": "Pending", "podIP": "10.9.9.9", "hostIP": "10.0.0.2"],
                ])
            #expect(applied[path: "status", "phase"] == "Running" && applied[path: "status", "podIP"] == "10.0.0.1")
            #expect(applied[path: "status", "hostIP"] == nil && applied[path: "metadata", "labels"] == ["a": "b"])
            #expect(Self.entry(of: "user", in: applied)?["fieldsV1"] == ["f:metadata": ["f:labels": ["f:a": [:]]]])
            let kubelet = Self.entry(of: "kubelet", in: applied)
            #expect(kubelet?["fieldsV1"]?[path: "f:status", "f:podIP"] == [:])
        }
    }

    @Test func aResizeOwnsResourcesAndNothingElse() async throws {
        try await TestCluster.run { cluster in
            try await Self.makePod(cluster)
            let wanted: JSONObject = [
                "metadata": ["name": "p", "labels": ["a": "b"]],
                "spec": [
                    "containers": [["name": "c", "image": "busybox", "resources": ["limits": ["cpu": "1"]]]]
                ],
            ]
            let error = await Self.refusal {
                _ = try await Self.apply(cluster, as: "sizer", to: "resize", wanted)
            }
            #expect(
                error?.status.message
                    == #"Apply failed with 1 conflict: conflict with "maker" using v1: "#
                    + #".spec.containers[name="c"].resources.limits.cpu"#)
            let resized = try await Self.apply(cluster, as: "sizer", to: "resize", force: true, wanted)
            let container = resized[path: "spec", "containers"]?.arrayValue?.first
            #expect(container?["image"] == "busybox" && resized[path: "metadata", "labels"] == nil)
            #expect(container?[path: "resources", "limits"] == ["cpu": "1", "memory": "64Mi"])
            let entry = try #require(Self.entry(of: "sizer", in: resized))
            #expect(entry["subresource"] == "resize" && entry["operation"] == "Apply")
            let fields: JSONValue = ["f:resources": ["f:limits": ["f:cpu": [:]]]]
            #expect(
                entry["fieldsV1"] == ["f:spec": ["f:containers": [#"k:{"name":"c"}"#: fields]]], "\(entry.text)")
            let same = try await Self.apply(cluster, as: "sizer", to: "resize", wanted)
            #expect(same[path: "metadata", "resourceVersion"] == resized[path: "metadata", "resourceVersion"])
        }
    }

    // MARK: Two managers

    private static func deployment(_ spec: JSONObject) -> JSONValue {
        var whole: JSONObject = [
            "selector": ["matchLabels": ["app": "web"]],
            "template": [
                "metadata": ["labels": ["app": "web"]],
                "spec": ["containers": [["name": "c", "image": "nginx"]]],
            ],
        ]
        for (name, value) in spec { whole[name] = value }
        return [
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"], "spec": .object(whole),
        ]
    }

    private static func applyWeb(
        _ cluster: TestCluster, as manager: String, _ configuration: JSONValue, force: Bool = false
    ) async throws -> JSONValue {
        try await send(
            cluster, .patch, "deployments", "web",
            ["fieldManager": manager].merging(force ? ["force": "true"] : [:]) { $1 }, type: .apply, configuration)
    }

    /// The KEP's hand-over of replicas to an autoscaler: it claims the value that is there, and only then the user lets
    /// go, so that the default never comes back in between.
    @Test func replicasAreHandedOverToAnAutoscaler() async throws {
        try await TestCluster.run { cluster in
            var made = try await Self.applyWeb(cluster, as: "user", Self.deployment(["paused": true, "replicas": 3]))
            #expect(made[path: "spec", "replicas"] == 3)
            let claim: JSONValue = [
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"], "spec": ["replicas": 3],
            ]
            made = try await Self.applyWeb(cluster, as: "handover", claim)
            made = try await Self.applyWeb(cluster, as: "user", Self.deployment(["paused": true]))
            #expect(made[path: "spec", "replicas"] == 3)
            #expect(Self.entry(of: "user", in: made)?[path: "fieldsV1", "f:spec", "f:replicas"] == nil)
            // The autoscaler's update takes the field from the stand-in, who had nothing else.
            _ = try await Self.send(
                cluster, .patch, "deployments", "web", subresource: "scale", ["fieldManager": "hpa"], type: .merge,
                ["spec": ["replicas": 5]])
            made = try await Self.applyWeb(cluster, as: "user", Self.deployment(["paused": true]))
            #expect(made[path: "spec", "replicas"] == 5 && Self.entry(of: "handover", in: made) == nil)
            // Without the hand-over the field goes with its only owner, and the default is back.
            _ = try await Self.applyWeb(
                cluster, as: "user", Self.deployment(["paused": true, "replicas": 4]), force: true)
            made = try await Self.applyWeb(cluster, as: "user", Self.deployment(["paused": true]))
            #expect(made[path: "spec", "replicas"] == 1)
        }
    }

    /// Two managers each with a container of one pod template: what one drops the other keeps.
    @Test func eachOwnsItemsOfTheSameList() async throws {
        try await TestCluster.run { cluster in
            func containers(_ object: JSONValue) -> [String] {
                (object[path: "spec", "template", "spec", "containers"]?.arrayValue ?? []).compactMap {
                    $0["name"]?.stringValue
                }
            }
            func sidecar(_ image: String?) -> JSONValue {
                var spec: JSONObject = ["containers": []]
                if let image { spec["containers"] = [["name": "sidecar", "image": .string(image)]] }
                return [
                    "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "web"],
                    "spec": ["template": ["spec": .object(spec)]],
                ]
            }
            _ = try await Self.applyWeb(cluster, as: "user", Self.deployment(["paused": true]))
            let both = try await Self.applyWeb(cluster, as: "injector", sidecar("envoy:1"))
            #expect(containers(both) == ["c", "sidecar"])
            // The user's next apply leaves alone what is not his.
            let applied = try await Self.applyWeb(
                cluster, as: "user", Self.deployment(["paused": true, "replicas": 2]))
            #expect(containers(applied) == ["c", "sidecar"])
            var rival = Self.deployment(["paused": true])
            rival["spec"]?["template"]?["spec"]?["containers"] = [
                ["name": "c", "image": "nginx"], ["name": "sidecar", "image": "envoy:2"],
            ]
            let error = await Self.refusal { _ = try await Self.applyWeb(cluster, as: "user", rival) }
            #expect(
                error?.status.message
                    == #"Apply failed with 1 conflict: conflict with "injector": "#
                    + #".spec.template.spec.containers[name="sidecar"].image"#)
            let less = try await Self.applyWeb(cluster, as: "injector", sidecar(nil))
            #expect(containers(less) == ["c"])
        }
    }

    /// Fields of which two managers want the same are both's; they go when both have let go.
    @Test func whatTwoShareGoesWithTheLast() async throws {
        try await TestCluster.run { cluster in
            func apply(_ manager: String, _ data: JSONValue?) async throws -> JSONValue {
                var map: JSONObject = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "m"]]
                map["data"] = data
                return try await Self.send(
                    cluster, .patch, "configmaps", "m", ["fieldManager": manager], type: .apply, .object(map))
            }
            _ = try await apply("one", ["shared": "x", "mine": "1"])
            var object = try await apply("two", ["shared": "x"])
            #expect(Self.entry(of: "one", in: object)?[path: "fieldsV1", "f:data", "f:shared"] == [:])
            #expect(Self.entry(of: "two", in: object)?[path: "fieldsV1", "f:data", "f:shared"] == [:])
            // Neither may change it alone.
            let error = await Self.refusal { _ = try await apply("one", ["shared": "y", "mine": "1"]) }
            #expect(error?.status.message == #"Apply failed with 1 conflict: conflict with "two": .data.shared"#)
            object = try await apply("one", ["mine": "1"])
            #expect(object["data"] == ["mine": "1", "shared": "x"])
            object = try await apply("two", nil)
            #expect(object["data"] == ["mine": "1"] && Self.entry(of: "two", in: object) == nil)
        }
    }
}
