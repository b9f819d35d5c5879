import KubernetesAPI

extension ObjectService {
    /// What a change of an object comes to.
    enum Change: Sendable {
        case keep
        /// - Parameter ticket: what a Service has claimed for this.
        case put(JSONValue, ticket: ServiceTicket? = nil)
        case delete(JSONValue)
    }

    /// How often a change is computed anew when another one came first, before that is the client's problem.
    static let attempts = 10

    /// Reads the object, computes its new state, and writes it if nobody else wrote meanwhile; else starts again.
    ///
    /// `transform` throws a conflict itself where the client named a version.
    func change(
        _ request: ObjectRequest, _ transform: (StoredObject) throws -> Change
    ) async throws -> (object: StoredObject, wasDeleted: Bool) {
        for _ in 0..<Self.attempts {
            let present = try object(of: request)
            let change: StoreWrite.Change
            let isDeletion: Bool
            var ticket: ServiceTicket?
            switch try transform(present) {
            case .keep: return (present, false)
            case .put(let value, let claims): (change, isDeletion, ticket) = (.put(value), false, claims)
            case .delete(let value): (change, isDeletion) = (.delete(value), true)
            }
            // Whatever comes of it: what a Service has is what is stored then.
            defer { settle(present, ticket, request) }
            if request.options.isDryRun {
                let value: JSONValue
                switch change {
                case .put(let state), .delete(let state): value = state
                }
                let made = StoredObject(
                    collection: present.collection, key: present.key, resourceVersion: present.resourceVersion,
                    writtenAt: present.writtenAt, bytes: value.bytes, value: value)
                return (made, isDeletion)
            }
            do {
                let version = StoreWrite.Expectation.version(present.resourceVersion)
                return (try await commit(request.resource, request.key, version, change), isDeletion)
            } catch StoreError.conflict {
                continue
            }
        }
        throw APIError.conflict(request.resource, request.name, APIError.objectWasModified)
    }

    func update(_ request: ObjectRequest) async throws -> Outcome {
        let (value, warnings) = try decode(request)
        let (object, _) = try await change(request) { present in
            try updated(present, to: value, request, .update(subresource: request.subresource))
        }
        return Outcome(answer: .stored(object, code: 200), warnings: warnings + remarks(on: object, request))
    }

    func patch(_ request: ObjectRequest) async throws -> Outcome {
        guard let patchType = request.patchType, let body = request.body else {
            throw APIError.badRequest("a patch needs a body and its type")
        }
        guard patchType != .apply else { return try await apply(request) }
        let concernsManagers = Self.concernsManagedFields(body.value, patchType)
        var warnings: [String] = []
        let (object, _) = try await change(request) { present in
            // Who owns what is half of an object, and seldom a patch's concern.
            let base = concernsManagers ? present.value : present.value.withoutManagedFields
            var value = try ObjectRules.patch(base, patchType, body.value, request.resource.kind)
            guard value["kind"] == present.value["kind"], value["apiVersion"] == present.value["apiVersion"] else {
                throw APIError.badRequest("a patch cannot change apiVersion or kind")
            }
            warnings = try ObjectRules.checkPatched(
                &value, request.resource.kind, duplicates: body.duplicates,
                validation: request.options.fieldValidation)
            return try updated(present, to: value, request, .update(subresource: request.subresource))
        }
        return Outcome(answer: .stored(object, code: 200), warnings: warnings + remarks(on: object, request))
    }

    /// What a changed object sets without effect here. A pod's spec does not change, and has parts from the server.
    func remarks(on object: StoredObject, _ request: ObjectRequest) -> [String] {
        guard request.subresource.isEmpty, request.options.fieldValidation != .ignore,
            request.resource.kind.kind != "Pod",
            let typed = (try? ObjectRules.typed(object.value, request.resource)) ?? nil
        else { return [] }
        return Validation.warnings(for: typed)
    }

    static let unsupportedPatch = APIError.unsupportedMediaType(
        accepted: [
            APIRequest.PatchType.json, .merge, .strategic, .apply,
        ].map(\.rawValue))

    /// What the object becomes when a client wants it to be `value`.
    func updated(
        _ present: StoredObject, to value: JSONValue, _ request: ObjectRequest, _ booking: FieldBooking
    ) throws -> Change {
        var managed = try managedFields(of: present, given: value, booking)
        let (old, value) = (present.value.withoutManagedFields, value.withoutManagedFields)
        var metadata = try Self.metadata(of: value, request)
        let oldMetadata = try Self.metadata(of: old, request)
        guard metadata.name == request.name else {
            throw APIError.badRequest(
                "the name of the object (\(metadata.name)) does not match the name on the URL (\(request.name))")
        }
        try Self.checkNamespace(&metadata, request)
        guard metadata.uid.isEmpty || metadata.uid == oldMetadata.uid else {
            throw APIError.conflict(
                request.resource, request.name,
                "Precondition failed: UID in precondition: \(metadata.uid), UID in object meta: \(oldMetadata.uid)")
        }
        guard metadata.resourceVersion.isEmpty || metadata.resourceVersion == oldMetadata.resourceVersion
        else {
            throw APIError.conflict(request.resource, request.name, APIError.objectWasModified)
        }
        // A resize is of the spec only.
        if request.subresource == "resize" { metadata = oldMetadata }
        metadata.uid = oldMetadata.uid
        metadata.resourceVersion = oldMetadata.resourceVersion
        metadata.generateName = oldMetadata.generateName
        metadata.generation = oldMetadata.generation
        metadata.creationTimestamp = oldMetadata.creationTimestamp
        metadata.deletionTimestamp = oldMetadata.deletionTimestamp
        metadata.deletionGracePeriodSeconds = oldMetadata.deletionGracePeriodSeconds
        metadata.selfLink = ""
        metadata.managedFields = []
        if request.subresource == "status" {
            // The status is written by those who run the object; what it is to be, and who owns it, is not theirs.
            metadata.ownerReferences = oldMetadata.ownerReferences
            metadata.finalizers = oldMetadata.finalizers
            if request.resource.plural != "pods", request.resource.plural != "nodes" {
                metadata.labels = oldMetadata.labels
            }
        }
        var new = value
        new["metadata"] = metadata.json
        var prepared = try ObjectRules.prepareForUpdate(
            new, from: old, request.resource, subresource: request.subresource)
        var ticket: ServiceTicket?
        var isTaken = false
        defer { if !isTaken, let ticket { settle(ticket) } }
        if request.subresource.isEmpty, let service = prepared.object as? Service {
            let present = try ObjectRules.typed(old, request.resource) as? Service
            var preparation = ServicePreparation(service, replacing: present, allocator: allocator)
            ticket = preparation.ticket
            let complete = try preparation.run()
            prepared = ObjectRules.Typed(json: complete.json, object: complete)
        }
        new = prepared.json
        let isOtherIntent =
            switch request.resource.generation {
            case .none: false
            case .spec: new["spec"] != old["spec"]
            case .specAndAnnotations:
                new["spec"] != old["spec"]
                    || request.subresource != "status" && metadata.annotations != oldMetadata.annotations
            case .anything: new.withoutMetadata != old.withoutMetadata
            }
        if isOtherIntent {
            metadata.generation = oldMetadata.generation + 1
            new["metadata"] = metadata.json
        }
        guard new != old || managed.isChanged else { return .keep }
        try ObjectRules.validate(prepared.object, from: old, request.resource, subresource: request.subresource)
        if let object = prepared.object { try checkEscalation(object, from: old, request) }
        if let changed = prepared.object as? PriorityClass { try checkPriorityClass(changed, request) }
        book(ObjectChanges(from: old, to: new, kind: request.resource.kind), in: &managed, request, booking)
        new["metadata"]?["managedFields"] = managed.fields.json
        if Deletion.isComplete(metadata, new, request.resource) { return .delete(new) }
        isTaken = true
        return .put(new, ticket: ticket)
    }

    /// Changes an object without a client's whole new state: what subresources such as `scale` do.
    func modify(
        _ request: ObjectRequest, _ body: (inout JSONValue) throws -> Void
    ) async throws -> StoredObject {
        let whole = request.onWholeObject
        return try await change(whole) { present in
            var value = present.value
            try body(&value)
            return try updated(present, to: value, whole, .update(subresource: request.subresource))
        }.object
    }
}

extension ObjectRequest {
    /// The same request, about the object instead of a part of it.
    var onWholeObject: ObjectRequest {
        var whole = self
        whole.subresource = ""
        return whole
    }
}

extension JSONValue {
    /// An object's content.
    fileprivate var withoutMetadata: JSONValue {
        var content = self
        content["metadata"] = nil
        return content
    }
}
