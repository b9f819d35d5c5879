import Foundation
import KubernetesAPI
import Testing

/// Server-side apply and `managedFields` through the API.
@Suite struct ApplyTests {
    private func refusal(_ body: () async throws -> Void) async -> APIError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? APIError
        }
    }

    /// One request for a ConfigMap or Deployment of the namespace `default`.
    private func send(
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

    private func apply(
        _ cluster: TestCluster, _ name: String, _ data: JSONValue, manager: String = "m",
        _ options: [String: String] = [:]
    ) async throws -> JSONValue {
        try await send(
            cluster, .patch, "configmaps", name, options.merging(["fieldManager": manager]) { $1 }, type: .apply,
            ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": .string(name)], "data": data])
    }

    private func managers(_ object: JSONValue) -> [String] {
        (object[path: "metadata", "managedFields"]?.arrayValue ?? []).map { entry in
            let parts = ["manager", "operation", "subresource"].compactMap { entry[$0]?.stringValue }
            return parts.joined(separator: " ")
        }
    }

    @Test func anApplyMakesAndChangesAndKeepsQuiet() async throws {
        try await TestCluster.run { cluster in
            let dry = try await apply(cluster, "a", ["k": "1"], ["dryRun": "All"])
            #expect(managers(dry) == ["m Apply"])
            #expect(await refusal { _ = try await send(cluster, .get, "configmaps", "a") }?.isNotFound == true)
            let made = try await apply(cluster, "a", ["k": "1", "l": "2"])
            #expect(made["data"] == ["k": "1", "l": "2"] && made[path: "metadata", "uid"] != nil)
            let entry = try #require(made[path: "metadata", "managedFields"]?.arrayValue?.first)
            #expect(entry["apiVersion"] == "v1" && entry["fieldsType"] == "FieldsV1" && entry["time"] != nil)
            #expect(entry["fieldsV1"] == ["f:data": ["f:k": [:], "f:l": [:]]])
            // Nothing new: no new version.
            #expect(try await apply(cluster, "a", ["k": "1", "l": "2"]) == made)
            let less = try await apply(cluster, "a", ["k": "1"])
            #expect(less["data"] == ["k": "1"])
            // Somebody else: a conflict that changes nothing, also as a dry run, and force.
            for options in [[:], ["dryRun": "All"]] {
                let error = await refusal {
                    _ = try await apply(cluster, "a", ["k": "9"], manager: "other", options)
                }
                #expect(error?.code == 409)
                #expect(error?.status.message == #"Apply failed with 1 conflict: conflict with "m": .data.k"#)
            }
            #expect(try await send(cluster, .get, "configmaps", "a") == less)
            let forced = try await apply(cluster, "a", ["k": "9"], manager: "other", ["force": "true"])
            #expect(forced["data"] == ["k": "9"] && managers(forced) == ["other Apply"])
        }
    }

    @Test func whatAnApplyHasToBe() async throws {
        try await TestCluster.run { cluster in
            func error(
                _ options: [String: String] = ["fieldManager": "m"], type: APIRequest.PatchType = .apply,
                body: JSONValue = ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a"]]
            ) async -> String {
                let error = await refusal {
                    _ = try await send(cluster, .patch, "configmaps", "a", options, type: type, body)
                }
                return "\(error?.code ?? 0) \(error?.status.message ?? "")"
            }
            #expect(
                await error([:]) == #"422 PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is "#
                    + "required for apply patch")
            #expect(
                await error(["force": "true"], type: .merge)
                    == #"422 PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for "#
                    + "non-apply patch")
            #expect(
                await error(["fieldManager": String(repeating: "x", count: 129)])
                    == #"422 PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than "#
                    + "128 bytes")
            #expect(
                await error(body: ["apiVersion": "v1", "kind": "Secret"]) == "400 invalid object type: /v1, Kind=Secret"
            )
            #expect(
                await error(body: [
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["managedFields": [["manager": "x"]]],
                ]) == "400 metadata.managedFields must be nil")
            #expect(
                await error(body: ["apiVersion": "v1", "kind": "ConfigMap", "dataa": [:]])
                    == "500 failed to create typed patch object (default/a; v1, Kind=ConfigMap): .dataa: field not "
                    + "declared in schema")
            #expect(
                await error(body: ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "b"]])
                    == "400 the name of the object (b) does not match the name on the URL (a)")
            #expect(
                await error(body: ["apiVersion": "v1", "kind": "ConfigMap", "metadata": ["uid": "u"]]).hasPrefix("409 ")
            )
            #expect(await error(body: ["apiVersion": "v1", "kind": "ConfigMap", "data": "x"]).hasPrefix("500 "))
        }
    }

    @Test func aConfigurationWithAVersionIsForThatVersion() async throws {
        try await TestCluster.run { cluster in
            let made = try await apply(cluster, "a", ["k": "1"])
            let body: (JSONValue) -> JSONValue = {
                [
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "a", "resourceVersion": $0],
                    "data": ["k": "2"],
                ]
            }
            let error = await refusal {
                _ = try await send(
                    cluster, .patch, "configmaps", "a", ["fieldManager": "m"], type: .apply, body("1"))
            }
            #expect(error?.code == 409 && error?.status.message.contains("the object has been modified") == true)
            let version = try #require(made[path: "metadata", "resourceVersion"])
            let changed = try await send(
                cluster, .patch, "configmaps", "a", ["fieldManager": "m"], type: .apply, body(version))
            #expect(changed["data"] == ["k": "2"])
        }
    }

    @Test func everyWriteIsBooked() async throws {
        try await TestCluster.run { cluster in
            let deployment: JSONValue = [
                "metadata": ["name": "web"],
                "spec": [
                    "replicas": 0, "selector": ["matchLabels": ["app": "web"]],
                    "template": [
                        "metadata": ["labels": ["app": "web"]],
                        "spec": ["containers": [["name": "c", "image": "nginx"]]],
                    ],
                ],
            ]
            _ = try await send(cluster, .create, "deployments", "", ["fieldManager": "maker"], deployment)
            _ = try await send(
                cluster, .patch, "deployments", "web", subresource: "scale", ["fieldManager": "scaler"], type: .merge,
                ["spec": ["replicas": 2]])
            _ = try await send(
                cluster, .patch, "deployments", "web", ["fieldManager": "labeller"], type: .strategic,
                ["metadata": ["labels": ["a": "b"]]])
            let object = try await send(cluster, .get, "deployments", "web")
            let owners = Set(managers(object))
            #expect(owners.isSuperset(of: ["maker Update", "scaler Update scale", "labeller Update"]))
            let entries = object[path: "metadata", "managedFields"]?.arrayValue ?? []
            func fields(_ manager: String) -> JSONValue? {
                entries.first { $0["manager"] == .string(manager) }?["fieldsV1"]
            }
            #expect(fields("scaler") == ["f:spec": ["f:replicas": [:]]])
            #expect(fields("labeller") == ["f:metadata": ["f:labels": [".": [:], "f:a": [:]]]])
            #expect(fields("maker")?[path: "f:spec", "f:replicas"] == nil)
            #expect(fields("maker")?["f:status"] == nil)
            // A Scale that is applied owns the replicas, and says whose they are.
            let scale: JSONValue = [
                "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": ["name": "web"], "spec": ["replicas": 3],
            ]
            let error = await refusal {
                _ = try await send(
                    cluster, .patch, "deployments", "web", subresource: "scale", ["fieldManager": "hpa"], type: .apply,
                    scale)
            }
            #expect(
                error?.status.message
                    == "Apply failed with 1 conflict: conflict with \"scaler\" with subresource \"scale\" using apps/v1: "
                    + ".spec.replicas")
            let forced = try await send(
                cluster, .patch, "deployments", "web", subresource: "scale", ["fieldManager": "hpa", "force": "true"],
                type: .apply, scale)
            #expect(forced["kind"] == "Scale" && forced[path: "spec", "replicas"] == 3)
            #expect(try await managers(send(cluster, .get, "deployments", "web")).contains("hpa Apply scale"))
        }
    }

    @Test func managersCanBeSetAndCleared() async throws {
        try await TestCluster.run { cluster in
            let made = try await apply(cluster, "a", ["k": "1"])
            // A client that does not know of them does not delete them.
            let kept = try await send(
                cluster, .update, "configmaps", "a", ["fieldManager": "u"],
                ["metadata": ["name": "a", "managedFields": []], "data": ["k": "1"]])
            #expect(managers(kept) == ["m Apply"])
            var entry = try #require(made[path: "metadata", "managedFields"]?.arrayValue?.first)
            entry["manager"] = "n"
            let renamed = try await send(
                cluster, .patch, "configmaps", "a", ["fieldManager": "u"], type: .json,
                [["op": "replace", "path": "/metadata/managedFields", "value": [entry]]])
            #expect(managers(renamed) == ["n Apply"])
            let cleared = try await send(
                cluster, .patch, "configmaps", "a", ["fieldManager": "u"], type: .merge,
                ["metadata": ["managedFields": [[:]]]])
            #expect(managers(cleared).isEmpty)
            // Nobody's it stays, until somebody applies.
            let updated = try await send(
                cluster, .patch, "configmaps", "a", ["fieldManager": "u"], type: .merge, ["data": ["k": "2"]])
            #expect(managers(updated).isEmpty)
            #expect(await refusal { _ = try await apply(cluster, "a", ["k": "3"]) }?.code == 409)
            #expect(
                try await managers(apply(cluster, "a", ["k": "3", "l": "1"], ["force": "true"]))
                    == ["m Apply", "before-first-apply Update"])
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func openAPISaysWhatIsOwnedApart() async throws {
        try await TestCluster.run { cluster in
            let answer = try await cluster.kubectl(["get", "--raw", "/openapi/v3/api/v1"])
            let document = try JSONParser.parse(answer.out.utf8)
            let path = "/api/v1/namespaces/{namespace}/pods/{name}"
            let types = document["paths"]?[path]?[path: "patch", "requestBody", "content"]?.objectValue?.keys
            #expect(
                types.map(Array.init) == [
                    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
                    "application/strategic-merge-patch+json",
                ])
            let schemas = document[path: "components", "schemas"]
            let container = schemas?["io.k8s.api.core.v1.Container"]?["properties"]
            #expect(container?[path: "ports", "x-kubernetes-list-type"] == "map")
            #expect(container?[path: "ports", "x-kubernetes-list-map-keys"] == ["containerPort", "protocol"])
            #expect(container?[path: "command", "x-kubernetes-list-type"] == "atomic")
            let spec = schemas?["io.k8s.api.core.v1.PodSpec"]?["properties"]
            #expect(spec?[path: "nodeSelector", "x-kubernetes-map-type"] == "atomic")
            #expect(
                schemas?["io.k8s.api.core.v1.SecretKeySelector"]?["x-kubernetes-map-type"] == "atomic")
        }
    }

    @Test(.enabled(if: TestCluster.hasKubectl, "no kubectl is installed"))
    func applyNeedsLeaveToCreate() async throws {
        try await TestCluster.run { cluster in
            let options = ["--as=jane", "--server-side"]
            let map = #"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1"}}"#
            for arguments in [
                ["create", "role", "r", "--verb=get,patch", "--resource=configmaps"],
                ["create", "rolebinding", "r", "--role=r", "--user=jane"],
            ] {
                #expect(try await cluster.kubectl(arguments).status == 0)
            }
            let refused = try await cluster.kubectl(["apply", "-f", "-"] + options, input: map)
            #expect(refused.err.contains(#"User "jane" cannot create resource "configmaps""#), "\(refused.err)")
            _ = try await apply(cluster, "a", ["k": "1"])
            let allowed = try await cluster.kubectl(["apply", "-f", "-"] + options, input: map)
            #expect(allowed.out == "configmap/a serverside-applied\n", "\(allowed.err)")
        }
    }
}
