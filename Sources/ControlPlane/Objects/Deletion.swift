import KubernetesAPI

/// The rules by which objects go: grace periods, finalizers, preconditions (apiserver `registry/rest/delete.go`,
/// `registry/generic/registry/store.go`).
enum Deletion {
    static let orphanFinalizer = "orphan"
    static let foregroundFinalizer = "foregroundDeletion"
    static let namespaceFinalizer = "kubernetes"

    /// Namespaces that cannot be deleted.
    static let immortalNamespaces: Set<String> = ["default", "kube-system", "kube-public"]

    /// Whether an object that is being deleted has nothing left to wait for.
    static func isComplete(_ metadata: ObjectMeta, _ value: JSONValue, _ resource: ServedResource) -> Bool {
        guard metadata.deletionTimestamp != nil, metadata.finalizers.isEmpty,
            (metadata.deletionGracePeriodSeconds ?? 0) == 0
        else { return false }
        return resource.plural != "namespaces" || namespaceFinalizers(value).isEmpty
    }

    static func namespaceFinalizers(_ namespace: JSONValue) -> [JSONValue] {
        namespace[path: "spec", "finalizers"]?.arrayValue ?? []
    }

    /// Seconds that an object may take to stop: only pods that run somewhere have any.
    static func gracePeriod(of value: JSONValue, _ resource: ServedResource, asked: Int64?) -> Int64 {
        guard resource.plural == "pods", resource.kind.group.isEmpty else { return 0 }
        let phase = value[path: "status", "phase"]?.stringValue ?? ""
        guard !(value[path: "spec", "nodeName"]?.stringValue ?? "").isEmpty,
            phase != "Failed", phase != "Succeeded"
        else { return 0 }
        let period = asked ?? value[path: "spec", "terminationGracePeriodSeconds"]?.integerValue ?? 30
        // A negative period means at once, but not unasked (`BeforeDelete`).
        return period < 0 ? 1 : period
    }

    /// Throws 409 where the object is not the one that is to go.
    static func check(
        _ preconditions: Preconditions?, _ metadata: ObjectMeta, _ request: ObjectRequest
    ) throws(APIError) {
        if let uid = preconditions?.uid, !uid.isEmpty, uid != metadata.uid {
            throw .conflict(
                request.resource, request.name,
                "Precondition failed: UID in precondition: \(uid), UID in object meta: \(metadata.uid)")
        }
        if let version = preconditions?.resourceVersion, !version.isEmpty, version != metadata.resourceVersion {
            throw .conflict(
                request.resource, request.name,
                "Precondition failed: ResourceVersion in precondition: \(version), "
                    + "ResourceVersion in object meta: \(metadata.resourceVersion)")
        }
    }

    /// The finalizers after a deletion was asked for: the policy of what becomes of dependents is one of them.
    static func finalizers(_ present: [String], _ options: DeleteOptions, _ resource: ServedResource) -> [String] {
        var policy = options.propagationPolicy
        if policy == nil, let orphan = options.orphanDependents { policy = orphan ? .orphan : .background }
        // What an object says of itself comes before what its kind does.
        if policy == nil, resource.served.orphansDependents, !present.contains(orphanFinalizer),
            !present.contains(foregroundFinalizer)
        {
            policy = .orphan
        }
        guard let policy else { return present }
        var finalizers = present.filter { $0 != orphanFinalizer && $0 != foregroundFinalizer }
        switch policy {
        case .orphan: finalizers.append(orphanFinalizer)
        case .foreground: finalizers.append(foregroundFinalizer)
        default: break
        }
        return finalizers
    }
}
