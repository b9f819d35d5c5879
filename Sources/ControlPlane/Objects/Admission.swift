import KubernetesAPI

/// What the API server's admission plugins do to objects on their way in: NamespaceLifecycle, ServiceAccount (see
/// `admitAccount`), Priority (see `admitPriority`), DefaultTolerationSeconds, and of PodTolerationRestriction the toleration of memory
/// pressure.
extension ObjectService {
    /// Checks that the object may be made and completes it.
    ///
    /// - Parameter name: what it is called in refusals.
    func admit(_ value: JSONValue, _ request: ObjectRequest, called name: String) async throws -> JSONValue {
        try checkNamespaceAccepts(request, name: name)
        guard request.resource.plural == "pods" else { return value }
        return try admitPod(try await admitAccount(value, request, called: name), request, called: name)
    }

    private func checkNamespaceAccepts(_ request: ObjectRequest, name: String) throws(APIError) {
        guard request.resource.isNamespaced,
            let namespaces = catalogue.resource(group: "", version: "v1", plural: "namespaces")
        else { return }
        let key = ObjectKey(namespace: "", name: request.namespace)
        guard let namespace = store.object(namespaces.collection, key) else {
            throw .notFound(namespaces, request.namespace)
        }
        guard namespace.value[path: "metadata", "deletionTimestamp"] == nil else {
            var error = APIError.forbidden(
                request.resource, name,
                because: "unable to create new content in namespace \(request.namespace) because it is being terminated"
            )
            var cause = StatusCause()
            cause.reason = CauseType(rawValue: "NamespaceTerminating")
            cause.message = "namespace \(request.namespace) is being terminated"
            cause.field = "metadata.namespace"
            error.status.details?.causes = [cause]
            throw error
        }
    }

    private func admitPod(
        _ value: JSONValue, _ request: ObjectRequest, called name: String
    ) throws(APIError) -> JSONValue {
        var pod = value
        var spec = pod["spec"]?.objectValue ?? JSONObject()
        try admitPriority(of: &spec, request, name: name)
        spec["tolerations"] = .array(
            Self.tolerations(
                spec["tolerations"]?.arrayValue ?? [],
                isBestEffort: pod[path: "status", "qosClass"]?.stringValue == PodQOSClass.bestEffort.rawValue))
        pod["spec"] = .object(spec)
        return pod
    }

    /// Pods stay for five minutes on a node that does not answer, unless they say otherwise. Pods that ask for memory or
    /// CPU may come to a node that is short of memory: they are not the first to go there.
    private static func tolerations(_ present: [JSONValue], isBestEffort: Bool) -> [JSONValue] {
        func isTolerated(_ key: String, _ effect: String) -> Bool {
            present.contains { toleration in
                let tolerated = toleration["key"]?.stringValue ?? ""
                return (tolerated == key || tolerated.isEmpty)
                    && ["", effect].contains(toleration["effect"]?.stringValue ?? "")
            }
        }
        var tolerations = present
        for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
        where !isTolerated(key, "NoExecute") {
            tolerations.append([
                "key": .string(key), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            ])
        }
        let pressure = "node.kubernetes.io/memory-pressure"
        if !isBestEffort, !isTolerated(pressure, "NoSchedule") {
            tolerations.append(["key": .string(pressure), "operator": "Exists", "effect": "NoSchedule"])
        }
        return tolerations
    }
}
