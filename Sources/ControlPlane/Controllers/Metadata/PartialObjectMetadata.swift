import KubernetesAPI

/// Any object as far as its metadata goes: what the garbage collector and the namespace controller follow of kinds
/// that hold much data, so that no second copy of it is kept.
struct PartialObjectMetadata: KubernetesObject {
    static let groupVersionKind = GroupVersionKind(
        group: "meta.k8s.io", version: "v1", kind: "PartialObjectMetadata")

    var metadata = ObjectMeta()

    init() {}

    init(json: JSONValue) throws(JSONTypeError) {
        metadata = try json.requireObject().decode("metadata") ?? ObjectMeta()
        // Of no use here, and the bigger half.
        metadata.managedFields = []
    }

    var json: JSONValue { ["metadata": metadata.json] }
}

/// Requests for an object of a kind that is known by name only.
struct KindClient: Sendable {
    let client: APIClient
    let kind: GroupVersionKind
    private let resource: Schema.Resource

    /// Nil for a kind that the API's description does not have.
    init?(_ client: APIClient, _ kind: GroupVersionKind) {
        guard let resource = Schema.shared.resource(of: kind) else { return nil }
        self.client = client
        self.kind = kind
        self.resource = resource
    }

    var isNamespaced: Bool { resource.namespaced }
    /// `pods`, or `deployments.apps`.
    var name: String { kind.group.isEmpty ? resource.plural : "\(resource.plural).\(kind.group)" }

    /// Nil where there is no such object.
    func get(_ key: ObjectKey) async throws -> ObjectMeta? {
        do {
            let answer = try await client.transport.send(request(.get, key))
            return try PartialObjectMetadata(json: answer).metadata
        } catch let error as APIError where error.isNotFound {
            return nil
        }
    }

    func list(namespace: String) async throws -> [ObjectMeta] {
        let answer = try await client.transport.send(request(.list, ObjectKey(namespace: namespace, name: "")))
        return try ObjectList<PartialObjectMetadata>(json: answer).items.map(\.metadata)
    }

    /// Changes metadata of exactly this version of the object. One that is gone needs no change.
    func patch(_ object: ObjectMeta, _ changes: JSONObject) async throws {
        var metadata = changes
        metadata["uid"] = .string(object.uid)
        metadata["resourceVersion"] = .string(object.resourceVersion)
        var request = request(.patch, ObjectKey(namespace: object.namespace, name: object.name))
        request.patchType = .merge
        request.body = ["metadata": .object(metadata)]
        do {
            _ = try await client.transport.send(request)
        } catch let error as APIError where error.isNotFound {
            return
        }
    }

    /// Deletes this very object and no namesake. One that is gone, or replaced by another, needs no deletion.
    func delete(_ object: ObjectMeta, _ policy: DeletionPropagation, gracePeriodSeconds: Int64? = nil) async throws {
        var options = DeleteOptions()
        options.propagationPolicy = policy
        options.gracePeriodSeconds = gracePeriodSeconds
        options.preconditions = Preconditions()
        options.preconditions?.uid = object.uid
        var request = request(.delete, ObjectKey(namespace: object.namespace, name: object.name))
        request.body = options.json
        do {
            _ = try await client.transport.send(request)
        } catch let error as APIError where error.isNotFound || error.isConflict {
            return
        }
    }

    private func request(_ verb: APIRequest.Verb, _ key: ObjectKey) -> APIRequest {
        APIRequest(
            verb: verb, group: kind.group, version: kind.version, resource: resource.plural,
            namespace: resource.namespaced ? key.namespace : "", name: key.name)
    }
}
