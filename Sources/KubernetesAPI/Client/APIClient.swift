/// What controllers, the node agent and the command line use to reach the API, and nothing else.
public struct APIClient: Sendable {
    public let transport: any APITransport

    public init(transport: any APITransport) { self.transport = transport }

    public func get<Object: KubernetesObject>(
        _ type: Object.Type = Object.self, _ name: String, namespace: String = ""
    ) async throws -> Object {
        try await answer(request(type, .get, namespace: namespace, name: name))
    }

    public func list<Object: KubernetesObject>(
        _ type: Object.Type = Object.self, namespace: String = "", options: [String: String] = [:]
    ) async throws -> ObjectList<Object> {
        try ObjectList(json: await transport.send(request(type, .list, namespace: namespace, options: options)))
    }

    public func create<Object: KubernetesObject>(
        _ object: Object, options: [String: String] = [:]
    ) async throws -> Object {
        var request = request(Object.self, .create, namespace: object.metadata.namespace, options: options)
        request.body = object.json
        return try await answer(request)
    }

    /// Replaces the object; its resourceVersion has to be the present one (409 Conflict otherwise).
    public func update<Object: KubernetesObject>(
        _ object: Object, subresource: String = "", options: [String: String] = [:]
    ) async throws -> Object {
        var request = request(
            Object.self, .update, namespace: object.metadata.namespace, name: object.metadata.name, options: options)
        request.subresource = subresource
        request.body = object.json
        return try await answer(request)
    }

    public func updateStatus<Object: KubernetesObject>(_ object: Object) async throws -> Object {
        try await update(object, subresource: "status")
    }

    public func patch<Object: KubernetesObject>(
        _ type: Object.Type = Object.self, _ name: String, namespace: String = "", subresource: String = "",
        _ patchType: APIRequest.PatchType, _ patch: JSONValue, options: [String: String] = [:]
    ) async throws -> Object {
        var request = request(type, .patch, namespace: namespace, name: name, options: options)
        request.subresource = subresource
        request.patchType = patchType
        request.body = patch
        return try await answer(request)
    }

    /// Deletes; returns the object where it goes on for a while (grace period, finalizers), else the `Status`.
    @discardableResult
    public func delete<Object: KubernetesObject>(
        _ type: Object.Type, _ name: String, namespace: String = "", options: DeleteOptions = DeleteOptions()
    ) async throws -> JSONValue {
        var request = request(type, .delete, namespace: namespace, name: name)
        request.body = options.json
        return try await transport.send(request)
    }

    /// Watches from a resource version. See `APITransport.watch` for how it ends; `Reflector` goes on for ever.
    public func watch<Object: KubernetesObject>(
        _ type: Object.Type, namespace: String = "", options: [String: String] = [:]
    ) async throws -> AsyncThrowingStream<RawWatchEvent, any Error> {
        try await transport.watch(request(type, .watch, namespace: namespace, options: options))
    }

    private func answer<Object: KubernetesObject>(_ request: APIRequest) async throws -> Object {
        try Object(json: await transport.send(request))
    }

    private func request<Object: KubernetesObject>(
        _ type: Object.Type, _ verb: APIRequest.Verb, namespace: String, name: String = "",
        options: [String: String] = [:]
    ) -> APIRequest {
        let kind = Object.groupVersionKind
        let resource = Schema.shared.resource(of: kind)
        return APIRequest(
            verb: verb, group: kind.group, version: kind.version, resource: resource?.plural ?? kind.kind.lowercased(),
            namespace: resource?.namespaced == false ? "" : namespace, name: name, options: options)
    }
}

/// A list as the API returns it.
public struct ObjectList<Object: KubernetesObject>: Sendable {
    public var items: [Object]
    public var resourceVersion: String
    /// Where the next chunk begins; empty after the last.
    public var continueToken: String

    public init(json: JSONValue) throws(JSONTypeError) {
        items = try json.requireObject().decode("items") ?? []
        resourceVersion = json[path: "metadata", "resourceVersion"]?.stringValue ?? ""
        continueToken = json[path: "metadata", "continue"]?.stringValue ?? ""
    }
}
