import KubernetesAPI

/// Server-side apply: a patch of type `application/apply-patch+yaml` (KEP-555, apiserver `handlers/patch.go`).
extension ObjectService {
    /// Makes the object, or merges the configuration into it.
    func apply(_ request: ObjectRequest) async throws -> Outcome {
        let configuration = try configuration(request)
        for _ in 0..<Self.attempts {
            guard store.object(request.resource.collection, request.key) != nil else {
                guard request.subresource.isEmpty else { throw APIError.notFound(request.resource, request.name) }
                do {
                    return try await create(applying: configuration, request)
                } catch let error as APIError where error.isAlreadyExists && !request.options.isDryRun {
                    continue  // somebody else was faster
                }
            }
            do {
                let (object, _) = try await change(request) { present in
                    let result = try applied(configuration, to: present.value, request)
                    return try updated(present, to: result.object, request, .applied(result.managed))
                }
                return Outcome(answer: .stored(object, code: 200), warnings: remarks(on: object, request))
            } catch let error as APIError where error.isNotFound && request.subresource.isEmpty {
                continue  // it went meanwhile
            }
        }
        throw APIError.conflict(request.resource, request.name, APIError.objectWasModified)
    }

    private func create(applying configuration: JSONValue, _ request: ObjectRequest) async throws -> Outcome {
        let attributes = AccessAttributes(
            verb: "create", group: request.resource.kind.group, resource: request.resource.plural,
            namespace: request.namespace, name: request.name)
        let decision = access.authorizer.decide(attributes, for: request.user)
        guard decision.isAllowed else { throw attributes.refusal(of: request.user, because: decision.reason) }
        let uid = configuration[path: "metadata", "uid"]?.stringValue ?? ""
        guard uid.isEmpty else {
            throw APIError.conflict(
                request.resource, request.name,
                "uid mismatch: the provided object specified uid \(uid), and no existing object was found")
        }
        let result = try applied(configuration, to: nil, request)
        return try await create(result.object, warnings: [], request, .applied(result.managed))
    }

    /// The body as what is to be applied; throws where it cannot be that, whatever the object is.
    private func configuration(_ request: ObjectRequest) throws(APIError) -> JSONValue {
        guard let body = request.body, case .object = body.value else {
            throw .badRequest("error decoding YAML: an object was expected")
        }
        var configuration = body.value
        try Self.checkType(of: configuration, is: request.resource.kind)
        guard (configuration[path: "metadata", "managedFields"] ?? .null) == .null else {
            throw .badRequest("metadata.managedFields must be nil")
        }
        if request.options.fieldValidation == .strict, !body.duplicates.isEmpty {
            let problems = body.duplicates.map { "key \"\($0)\" already set in map" }
            throw .badRequest("error strict decoding YAML: \(problems.joined(separator: ", "))")
        }
        let name = configuration[path: "metadata", "name"]?.stringValue ?? ""
        guard name.isEmpty || name == request.name else {
            throw .badRequest(
                "the name of the object (\(name)) does not match the name on the URL (\(request.name))")
        }
        // Whatever somebody applies, he means this object.
        var metadata = configuration["metadata"]?.objectValue ?? JSONObject()
        metadata["name"] = .string(request.name)
        configuration["metadata"] = .object(metadata)
        return configuration
    }

    private static func checkType(of configuration: JSONValue, is kind: GroupVersionKind) throws(APIError) {
        let given = GroupVersionKind(
            apiVersion: configuration["apiVersion"]?.stringValue ?? "",
            kind: configuration["kind"]?.stringValue ?? "")
        guard given == kind else {
            throw .badRequest("invalid object type: \(given.group)/\(given.version), Kind=\(given.kind)")
        }
    }

    private func applied(
        _ configuration: JSONValue, to live: JSONValue?, _ request: ObjectRequest
    ) throws(APIError) -> ServerSideApply.Result {
        let kind = request.resource.kind
        let apply = ServerSideApply(
            kind: kind,
            manager: FieldManager(
                request.fieldManager, .apply, apiVersion: kind.apiVersion, subresource: request.subresource),
            force: request.options.force ?? false, ignoring: Self.ignoredFields(request),
            only: request.subresource == "resize" ? Self.resizedPlaces : [], time: managedTime)
        var result: ServerSideApply.Result
        do {
            result = try apply.apply(configuration, to: live)
        } catch {
            switch error {
            case .conflict(let conflict): throw conflict
            case .untyped(let problem):
                // The API server has no code of its own for it.
                throw APIError(
                    code: 500, reason: StatusReason(rawValue: ""),
                    message: "failed to create typed patch object (\(request.namespace)/\(request.name); "
                        + "\(kind.apiVersion), Kind=\(kind.kind)): \(problem)")
            }
        }
        let findings = Schema.shared.check(result.object, kind: kind)
        if let refusal = findings.refusal(of: kind, strict: false) { throw refusal }
        result.object = result.object.withoutNulls
        return result
    }

    /// What `pods/resize` writes (`podResizeStrategy`).
    private static let resizedPlaces = ["containers", "initContainers"].flatMap { list in
        ["resources", "resizePolicy"].map { ["f:spec", "f:\(list)", "*", "f:\($0)"] }
    }

    // MARK: scale

    /// A Scale that is applied claims the object's `spec.replicas`.
    func applyScale(_ request: ObjectRequest) async throws -> Outcome {
        guard let scale = request.body?.value else { throw APIError.badRequest("a Scale is missing") }
        try Self.checkType(of: scale, is: Self.scaleKind)
        let kind = request.resource.kind
        var spec = JSONObject()
        spec["replicas"] = scale[path: "spec", "replicas"]
        var metadata = scale["metadata"]?.objectValue ?? JSONObject()
        metadata = JSONObject(metadata.members.filter { ["name", "namespace", "resourceVersion"].contains($0.key) })
        let configuration: JSONValue = [
            "apiVersion": .string(kind.apiVersion), "kind": .string(kind.kind), "metadata": .object(metadata),
            "spec": .object(spec),
        ]
        let (object, _) = try await change(request.onWholeObject) { present in
            let result = try applied(configuration, to: present.value, request)
            return try updated(present, to: result.object, request.onWholeObject, .applied(result.managed))
        }
        return Outcome(answer: .made(try self.scale(of: object), code: 200))
    }
}
