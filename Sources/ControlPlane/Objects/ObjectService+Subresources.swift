import KubernetesAPI

extension ObjectService {
    /// `status`, `resize`, `scale`, `finalize`, `binding`, `eviction`, `log`, `token`, `proxy`.
    func answerSubresource(_ request: ObjectRequest) async throws -> Outcome {
        switch (request.subresource, request.verb) {
        case ("status", .get), ("resize", .get): return Outcome(answer: .stored(try object(of: request), code: 200))
        case ("status", .update), ("resize", .update), ("finalize", .update): return try await update(request)
        case ("status", .patch), ("resize", .patch): return try await patch(request)
        case ("scale", .get): return Outcome(answer: .made(try scale(of: try object(of: request)), code: 200))
        case ("scale", .update): return try await updateScale(request) { _ in try decodedScale(request) }
        case ("scale", .patch): return try await patchScale(request)
        case ("binding", .create): return Outcome(answer: try await bind(request))
        case ("eviction", .create): return Outcome(answer: try await evict(request))
        case ("log", .get): return Outcome(answer: try await log(request))
        case ("token", .create): return try await issueToken(request)
        case ("proxy", .get): return Outcome(answer: try await proxy(request))
        default: throw APIError.methodNotAllowed("the server does not allow this method on the requested resource")
        }
    }

    private static func success(code: Int32) -> ObjectAnswer {
        var status = Status()
        status.status = "Success"
        status.code = code
        return .made(status.json, code: Int(code))
    }

    // MARK: scale

    static let scaleKind = GroupVersionKind(group: "autoscaling", version: "v1", kind: "Scale")

    /// The object's replica counts as an `autoscaling/v1` Scale.
    func scale(of object: StoredObject) throws -> JSONValue {
        let value = object.value
        var metadata = JSONObject()
        for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata[key] = value[path: "metadata", key]
        }
        var status: JSONObject = ["replicas": value[path: "status", "replicas"] ?? 0]
        var selector = try value[path: "spec", "selector"].map { try LabelSelector(json: $0) }
        // A ReplicationController's is a plain map of labels.
        if let controller = try? ReplicationController(json: value), value["kind"] == "ReplicationController" {
            selector = controller.podSelector
        }
        if let matcher = try? LabelMatcher(selector), !matcher.isEmpty {
            status["selector"] = .string(matcher.description)
        }
        var spec = JSONObject()
        // A count of zero is not written.
        if let replicas = value[path: "spec", "replicas"]?.integerValue, replicas != 0 {
            spec["replicas"] = .integer(replicas)
        }
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": .object(metadata), "spec": .object(spec),
            "status": .object(status),
        ]
    }

    private func decodedScale(_ request: ObjectRequest) throws -> JSONValue {
        guard var value = request.body?.value else { throw APIError.badRequest("a Scale is missing") }
        _ = try ObjectRules.check(
            &value, Self.scaleKind, duplicates: request.body?.duplicates ?? [],
            validation: request.options.fieldValidation)
        return value
    }

    private func updateScale(
        _ request: ObjectRequest, _ wanted: (JSONValue) throws -> JSONValue
    ) async throws -> Outcome {
        let object = try await modify(request) { value in
            let stored = StoredObject(
                collection: "", key: request.key, resourceVersion: 0, writtenAt: 0, bytes: [], value: value)
            let scale = try wanted(try scale(of: stored))
            let version = scale[path: "metadata", "resourceVersion"]?.stringValue ?? ""
            guard version.isEmpty || version == value[path: "metadata", "resourceVersion"]?.stringValue else {
                throw APIError.conflict(request.resource, request.name, APIError.objectWasModified)
            }
            let replicas = scale[path: "spec", "replicas"]?.integerValue ?? 0
            guard replicas >= 0 else {
                throw APIError.invalid(
                    request.resource, request.name, field: "spec.replicas",
                    "Invalid value: \(replicas): must be greater than or equal to 0")
            }
            value["spec"]?["replicas"] = .integer(replicas)
        }
        return Outcome(answer: .made(try scale(of: object), code: 200))
    }

    private func patchScale(_ request: ObjectRequest) async throws -> Outcome {
        guard let type = request.patchType, let patch = request.body?.value else {
            throw APIError.badRequest("a patch needs a body and its type")
        }
        guard type != .apply else { return try await applyScale(request) }
        return try await updateScale(request) { scale in
            var patched = try ObjectRules.patch(scale, type, patch, Self.scaleKind)
            _ = try ObjectRules.checkPatched(
                &patched, Self.scaleKind, duplicates: request.body?.duplicates ?? [],
                validation: request.options.fieldValidation)
            return patched
        }
    }

    // MARK: binding and eviction

    /// Assigns a pod to a node.
    private func bind(_ request: ObjectRequest) async throws -> ObjectAnswer {
        let node = request.body?.value[path: "target", "name"]?.stringValue ?? ""
        guard !node.isEmpty else {
            throw APIError.invalid(request.resource, request.name, field: "target.name", "Required value")
        }
        let uid = request.body?.value[path: "metadata", "uid"]?.stringValue ?? ""
        let time = Timestamp(seconds: now())
        _ = try await change(request.onWholeObject) { present in
            var pod = present.value
            guard uid.isEmpty || uid == pod[path: "metadata", "uid"]?.stringValue else {
                throw APIError.conflict(request.resource, request.name, "the pod is another one by now")
            }
            guard pod[path: "metadata", "deletionTimestamp"] == nil else {
                throw APIError.conflict(
                    request.resource, request.name, "pod \(request.name) is being deleted, cannot be assigned to a host"
                )
            }
            guard pod[path: "spec", "schedulingGates"]?.arrayValue?.isEmpty ?? true else {
                throw APIError.conflict(
                    request.resource, request.name, "pod \(request.name) has non-empty .spec.schedulingGates")
            }
            let assigned = pod[path: "spec", "nodeName"]?.stringValue ?? ""
            guard assigned.isEmpty else {
                throw APIError.conflict(
                    request.resource, request.name,
                    "pod \(request.name) is already assigned to node \"\(assigned)\"")
            }
            pod["spec"]?["nodeName"] = .string(node)
            var status = pod["status"] ?? .object(JSONObject())
            var conditions = status["conditions"]?.arrayValue ?? []
            conditions.removeAll { $0["type"] == "PodScheduled" }
            conditions.append([
                "type": "PodScheduled", "observedGeneration": pod[path: "metadata", "generation"] ?? 1,
                "status": "True", "lastProbeTime": nil, "lastTransitionTime": time.json,
            ])
            status["conditions"] = .array(conditions)
            pod["status"] = status
            return .put(pod.withoutNulls)
        }
        return Self.success(code: 201)
    }

    /// Deletes a pod as an eviction: there are no disruption budgets yet that could forbid it.
    private func evict(_ request: ObjectRequest) async throws -> ObjectAnswer {
        var options = DeleteOptions()
        if let given = request.body?.value["deleteOptions"] {
            options = try DeleteOptions(json: given)
        }
        _ = try await delete(request.onWholeObject, options: options)
        return Self.success(code: 201)
    }

    // MARK: log

    private func log(_ request: ObjectRequest) async throws -> ObjectAnswer {
        let pod = try object(of: request.onWholeObject).value
        var query = try Self.logQuery(request)
        query.container = try Self.container(query.container, of: pod, request)
        guard !(pod[path: "spec", "nodeName"]?.stringValue ?? "").isEmpty else {
            return .log(AsyncThrowingStream { $0.finish() })  // nothing can have been written yet
        }
        guard let source = node.logSource else {
            throw APIError(
                code: 503, reason: .serviceUnavailable, message: "the node agent is not there, so logs are not")
        }
        return .log(try await source.logs(namespace: request.namespace, pod: request.name, options: query))
    }

    /// The query, checked as `ValidatePodLogOptions` does.
    private static func logQuery(_ request: ObjectRequest) throws(APIError) -> PodLogQuery {
        let raw = request.options.raw
        var query = PodLogQuery()
        var errors = FieldErrors()
        func number(_ name: String, atLeast least: Int64) throws(APIError) -> Int64? {
            guard let text = raw[name], !text.isEmpty else { return nil }
            guard let value = Int64(text) else {
                throw .badRequest("\(name): Invalid value: \"\(text)\": has to be a number")
            }
            if value < least {
                errors.invalid(
                    FieldPath(name), value,
                    least == 0 ? "must be greater than or equal to 0" : "must be greater than 0")
            }
            return value
        }
        query.container = raw["container"] ?? ""
        query.follow = raw["follow"] == "true"
        query.previous = raw["previous"] == "true"
        query.timestamps = raw["timestamps"] == "true"
        query.tailLines = try number("tailLines", atLeast: 0)
        query.sinceSeconds = try number("sinceSeconds", atLeast: 1)
        query.limitBytes = try number("limitBytes", atLeast: 1)
        if let text = raw["sinceTime"], !text.isEmpty {
            do {
                query.sinceTime = try Timestamp(json: .string(text))
            } catch {
                throw .badRequest("sinceTime: Invalid value: \(error)")
            }
            if query.sinceSeconds != nil {
                // The API server names no field here.
                errors.forbidden(
                    FieldPath("sinceTime"), "at most one of `sinceTime` or `sinceSeconds` may be specified")
            }
        }
        let kind = GroupVersionKind(group: "", version: "v1", kind: "PodLogOptions")
        if let refusal = errors.refusal(of: kind, name: request.name) { throw refusal }
        return query
    }

    /// The container that is meant: the named one, the only one, or the one that an annotation makes the default.
    private static func container(
        _ name: String, of pod: JSONValue, _ request: ObjectRequest
    ) throws(APIError) -> String {
        func names(_ list: String) -> [String] {
            pod[path: "spec", list]?.arrayValue?.compactMap { $0["name"]?.stringValue } ?? []
        }
        let containers = names("containers")
        let all = names("initContainers") + containers + names("ephemeralContainers")
        if !name.isEmpty {
            guard all.contains(name) else {
                throw .badRequest("container \(name) is not valid for pod \(request.name)")
            }
            return name
        }
        if let chosen = pod["metadata"]?["annotations"]?["kubectl.kubernetes.io/default-container"]?.stringValue,
            all.contains(chosen)
        {
            return chosen
        }
        guard containers.count == 1, let only = containers.first else {
            throw .badRequest(
                "a container name must be specified for pod \(request.name), choose one of: "
                    + "[\(containers.joined(separator: " "))]")
        }
        return only
    }
}
