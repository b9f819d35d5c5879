import KubernetesAPI

extension ObjectService {
    func delete(_ request: ObjectRequest) async throws -> ObjectAnswer {
        try await delete(request, options: try deleteOptions(request))
    }

    /// Deletes, or begins to: the object as it then is where it goes on for a while, else what says that it is gone.
    func delete(_ request: ObjectRequest, options: DeleteOptions) async throws -> ObjectAnswer {
        var request = request
        if options.dryRun.contains("All") { request.options.isDryRun = true }
        if request.resource.plural == "namespaces", Deletion.immortalNamespaces.contains(request.name) {
            throw APIError.forbidden(request.resource, request.name, because: "this namespace may not be deleted")
        }
        if request.resource.kind == PriorityClass.groupVersionKind, SystemPriorityClass.isOne(request.name) {
            throw APIError.forbidden(
                request.resource, request.name, because: "this is a system priority class and cannot be deleted")
        }
        let (object, wasDeleted) = try await change(request) { present in
            try deletion(of: present, request, options)
        }
        // Pods are answered with their last state, others with a success.
        guard wasDeleted, request.resource.plural != "pods" else { return .stored(object, code: 200) }
        var details = StatusDetails()
        details.name = request.name
        details.group = request.resource.kind.group
        details.kind = request.resource.plural
        details.uid = object.value[path: "metadata", "uid"]?.stringValue ?? ""
        var status = Status()
        status.status = "Success"
        status.details = details
        return .made(status.json, code: 200)
    }

    private func deletion(
        of present: StoredObject, _ request: ObjectRequest, _ options: DeleteOptions
    ) throws -> Change {
        var value = present.value
        var metadata = try Self.metadata(of: value, request)
        try Deletion.check(options.preconditions, metadata, request)
        let isNamespace = request.resource.plural == "namespaces"
        if isNamespace, metadata.deletionTimestamp != nil, !Deletion.namespaceFinalizers(value).isEmpty {
            throw APIError.conflict(
                request.resource, request.name,
                "The system is ensuring all content is removed from this namespace.  Upon completion, this "
                    + "namespace will automatically be purged by the system.")
        }
        let finalizers = Deletion.finalizers(metadata.finalizers, options, request.resource)
        let grace = Deletion.gracePeriod(of: value, request.resource, asked: options.gracePeriodSeconds)
        if let deadline = metadata.deletionTimestamp {
            // Already on its way: the end can only come nearer.
            let period = metadata.deletionGracePeriodSeconds ?? 0
            guard grace < period else {
                guard finalizers != metadata.finalizers else { return .keep }
                metadata.finalizers = finalizers
                value["metadata"] = metadata.json
                return .put(value)
            }
            guard options.gracePeriodSeconds != nil || grace == 0 else { return .keep }
            metadata.deletionTimestamp = Timestamp(seconds: deadline.seconds - period + grace)
        } else {
            metadata.deletionTimestamp = Timestamp(seconds: now() + grace)
            if metadata.generation > 0 { metadata.generation += 1 }
        }
        metadata.deletionGracePeriodSeconds = grace
        metadata.finalizers = finalizers
        if isNamespace { value["status"] = ["phase": "Terminating"] }
        value["metadata"] = metadata.json
        return Deletion.isComplete(metadata, value, request.resource) ? .delete(value) : .put(value)
    }

    /// Deletes what a list with the same parameters would show, and answers with that list.
    func deleteCollection(_ request: ObjectRequest) async throws -> ObjectAnswer {
        let options = try deleteOptions(request)
        var page = try list(request)
        var deleted: [StoredObject] = []
        for object in page.objects {
            var single = request
            single.verb = .delete
            single.namespace = object.key.namespace
            single.name = object.key.name
            do {
                _ = try await delete(single, options: options)
                deleted.append(object)
            } catch let error as APIError where error.isNotFound {
                continue  // somebody else was faster
            }
        }
        page.objects = deleted
        return .list(page)
    }

    /// The options of a deletion: from the body, else from the query.
    private func deleteOptions(_ request: ObjectRequest) throws -> DeleteOptions {
        var options = DeleteOptions()
        if let body = request.body, body.value != .null {
            do {
                options = try DeleteOptions(json: body.value)
            } catch {
                throw APIError.undecodable(DeleteOptions.groupVersionKind, "\(error)")
            }
        } else {
            let query = request.options.raw
            if let text = query["gracePeriodSeconds"] {
                guard let seconds = Int64(text) else {
                    throw APIError.badRequest("gracePeriodSeconds: Invalid value: \"\(text)\"")
                }
                options.gracePeriodSeconds = seconds
            }
            if let text = query["propagationPolicy"] { options.propagationPolicy = DeletionPropagation(rawValue: text) }
            if let text = query["orphanDependents"] { options.orphanDependents = text == "true" }
        }
        if let policy = options.propagationPolicy, options.orphanDependents != nil {
            throw APIError(
                code: 422, reason: .invalid,
                message: "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid value: \"\(policy)\": "
                    + "orphanDependents and deletionPropagation cannot be both set")
        }
        if let value = options.dryRun.first(where: { $0 != "All" }) {
            throw APIError(
                code: 422, reason: .invalid,
                message:
                    "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: \"\(value)\": supported "
                    + "values: \"All\"")
        }
        if let policy = options.propagationPolicy, !DeletionPropagation.knownValues.contains(policy.rawValue) {
            throw APIError(
                code: 422, reason: .invalid,
                message: "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: "
                    + "\"\(policy)\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"")
        }
        return options
    }
}
