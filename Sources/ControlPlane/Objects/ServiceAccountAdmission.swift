import KubernetesAPI
import NIOCore
import NIOPosix

/// The admission plugin ServiceAccount (`plugin/pkg/admission/serviceaccount`): each pod runs as an account of its
/// namespace.
extension ObjectService {
    /// How long a pod waits for the account `default` of its namespace: a controller makes it shortly after the
    /// namespace.
    private static let patience = TimeAmount.seconds(2)

    func admitAccount(
        _ value: JSONValue, _ request: ObjectRequest, called podName: String
    ) async throws -> JSONValue {
        var pod = value
        var spec = pod["spec"]?.objectValue ?? JSONObject()
        let given = [spec["serviceAccountName"], spec["serviceAccount"]].compactMap { $0?.stringValue }
        let name = given.first { !$0.isEmpty } ?? "default"
        guard let stored = try await account(ObjectKey(namespace: request.namespace, name: name)) else {
            throw APIError.forbidden(
                request.resource, podName,
                because: "error looking up service account \(request.namespace)/\(name): "
                    + "serviceaccount \(name.quoted) not found")
        }
        spec["serviceAccountName"] = .string(name)
        spec["serviceAccount"] = .string(name)
        let account = stored.value
        let mounts = spec["automountServiceAccountToken"] ?? account["automountServiceAccountToken"]
        if mounts?.boolValue ?? true { Self.mountAccess(&spec) }
        if (spec["imagePullSecrets"]?.arrayValue ?? []).isEmpty, let secrets = account["imagePullSecrets"] {
            spec["imagePullSecrets"] = secrets
        }
        pod["spec"] = .object(spec)
        return pod
    }

    /// Where containers find what they need to reach the API as their account.
    private static let accessPath = "/var/run/secrets/kubernetes.io/serviceaccount"
    private static let accessVolume = "kube-api-access-"

    /// Gives every container what it needs to reach the API, but those that have something else in that place.
    private static func mountAccess(_ spec: inout JSONObject) {
        var volumes = spec["volumes"]?.arrayValue ?? []
        let present = volumes.compactMap { $0["name"]?.stringValue }.first { $0.hasPrefix(accessVolume) }
        let name = present ?? generatedName(accessVolume)
        let mount: JSONValue = ["name": .string(name), "readOnly": true, "mountPath": .string(accessPath)]
        var isMounted = false
        for list in ["initContainers", "containers"] {
            guard var containers = spec[list]?.arrayValue else { continue }
            for index in containers.indices {
                let mounts = containers[index]["volumeMounts"]?.arrayValue ?? []
                guard !mounts.contains(where: { $0["mountPath"]?.stringValue == accessPath }) else { continue }
                containers[index]["volumeMounts"] = .array(mounts + [mount])
                isMounted = true
            }
            spec[list] = .array(containers)
        }
        guard isMounted, present == nil else { return }
        let sources: JSONValue = [
            ["serviceAccountToken": ["expirationSeconds": .integer(projectedLifetime), "path": "token"]],
            [
                "configMap": [
                    "items": [["key": "ca.crt", "path": "ca.crt"]],
                    "name": .string(NamespaceDefaultsController.configMap),
                ]
            ],
            [
                "downwardAPI": [
                    "items": [
                        ["fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"], "path": "namespace"]
                    ]
                ]
            ],
        ]
        volumes.append(["name": .string(name), "projected": ["sources": sources, "defaultMode": 0o644]])
        spec["volumes"] = .array(volumes)
    }

    private func account(_ key: ObjectKey) async throws -> StoredObject? {
        let collection = "serviceaccounts"
        if let account = store.object(collection, key) { return account }
        guard key.name == NamespaceDefaultsController.serviceAccount else { return nil }
        let watch = try store.watch(
            collection, namespace: key.namespace, name: key.name, after: nil, withObjects: true)
        let deadline = MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: Self.patience, watch.cancel)
        defer {
            deadline.cancel()
            watch.cancel()
        }
        if let account = watch.objects.first { return account }
        for await item in watch.items {
            if case .event(let event) = item, event.kind != .deleted { return event.object }
        }
        return nil
    }
}
