import KubernetesAPI

/// What the node agent answers: its own HTTP paths, and `metrics.k8s.io`, which is not stored.
extension ObjectService {
    // MARK: nodes/{name}/proxy

    /// A path of the kubelet's HTTP server, e.g. `stats/summary`.
    func proxy(_ request: ObjectRequest) async throws -> ObjectAnswer {
        var whole = request.onWholeObject
        // A node may be named with its kubelet's port.
        whole.name = String(request.name.prefix { $0 != ":" })
        _ = try object(of: whole)
        guard whole.name == node.nodeName, let kubelet = node.kubelet else {
            throw APIError(
                code: 503, reason: .serviceUnavailable,
                message: "error trying to reach service: the agent of node \(whole.name) is not there")
        }
        return .raw(try await kubelet.answer(path: request.subpath, query: request.options.raw))
    }

    // MARK: metrics.k8s.io

    /// Usage of nodes or pods, as metrics-server tells it.
    func usage(_ request: ObjectRequest) async throws -> ObjectAnswer {
        let isOfPods = request.resource.isNamespaced
        switch request.verb {
        case .get:
            if isOfPods { try requirePod(request) }
            let name = isOfPods ? "\(request.namespace)/\(request.name)" : request.name
            guard let found = try await usage(request, isOfPods: isOfPods).first else {
                throw Self.noUsage(of: request.resource, name)
            }
            return .made(found, code: 200)
        case .list:
            let selection = try Selection(request.options, of: request.resource.kind)
            let found = try await usage(request, isOfPods: isOfPods).map { value in
                StoredObject(
                    collection: request.resource.collection, key: request.key, resourceVersion: 0, writtenAt: 0,
                    bytes: value.bytes, value: value)
            }
            return .list(ObjectPage(objects: found.filter(selection.matches), resourceVersion: 0))
        default: throw APIError.methodNotAllowed("the server does not allow this method on the requested resource")
        }
    }

    private func requirePod(_ request: ObjectRequest) throws(APIError) {
        guard let pods = catalogue.resource(of: Pod.groupVersionKind) else { return }
        guard store.object(pods.collection, request.key) != nil else { throw .notFound(pods, request.name) }
    }

    /// With the labels of the objects that use, by which lists are selected.
    private func usage(_ request: ObjectRequest, isOfPods: Bool) async throws -> [JSONValue] {
        guard let kubelet = node.kubelet else { return [] }
        if isOfPods {
            let namespace = request.namespace.isEmpty ? nil : request.namespace
            let name = request.name.isEmpty ? nil : request.name
            return try await kubelet.podUsage(namespace: namespace, name: name).flatMap { usage -> [JSONValue] in
                var usage = usage
                return labelled(&usage.metadata, of: Pod.groupVersionKind) ? [usage.json] : []
            }
        }
        guard request.name.isEmpty || request.name == node.nodeName else { return [] }
        do {
            var usage = try await kubelet.nodeUsage()
            return labelled(&usage.metadata, of: Node.groupVersionKind) ? [usage.json] : []
        } catch let error as APIError where error.isNotFound {
            return []  // not sampled yet
        }
    }

    /// Completes the metadata of a usage; false where the object is gone.
    private func labelled(_ metadata: inout ObjectMeta, of kind: GroupVersionKind) -> Bool {
        let key = ObjectKey(namespace: metadata.namespace, name: metadata.name)
        guard let resource = catalogue.resource(of: kind), let object = store.object(resource.collection, key) else {
            return false
        }
        let stored = try? object.value["metadata"].map { try ObjectMeta(json: $0) }
        metadata.labels = stored?.labels ?? [:]
        if metadata.creationTimestamp == nil { metadata.creationTimestamp = Timestamp(seconds: now()) }
        return true
    }

    /// metrics-server names its kinds here, not the resources.
    private static func noUsage(of resource: ServedResource, _ name: String) -> APIError {
        var details = StatusDetails()
        details.name = name
        details.group = resource.kind.group
        details.kind = resource.kind.kind.lowercased()
        return APIError(
            code: 404, reason: .notFound,
            message: "\(resource.kind.kind.lowercased()).\(resource.kind.group) \"\(name)\" not found", details: details
        )
    }
}
