import Foundation
import KubernetesAPI

extension ObjectService {
    func create(_ request: ObjectRequest) async throws -> Outcome {
        let (value, warnings) = try decode(request)
        return try await create(value, warnings: warnings, request, .update(subresource: ""))
    }

    /// Makes an object of what a client wants it to be.
    func create(
        _ value: JSONValue, warnings: [String], _ request: ObjectRequest, _ booking: FieldBooking
    ) async throws -> Outcome {
        var value = value
        var metadata = try Self.metadata(of: value, request)
        try Self.checkNamespace(&metadata, request)
        guard metadata.resourceVersion.isEmpty || metadata.resourceVersion == "0" else {
            throw APIError.badRequest("resourceVersion should not be set on objects to be created")
        }
        let generatesName = metadata.name.isEmpty && !metadata.generateName.isEmpty
        // A generated name that is taken is rolled again, as the API server does.
        for attempt in 1... {
            if generatesName { metadata.name = Self.generatedName(metadata.generateName) }
            metadata.uid = UUID().uuidString.lowercased()
            metadata.creationTimestamp = Timestamp(seconds: now())
            metadata.generation = request.resource.generation == .none ? 0 : 1
            metadata.deletionTimestamp = nil
            metadata.deletionGracePeriodSeconds = nil
            metadata.selfLink = ""
            metadata.resourceVersion = ""
            metadata.managedFields = []
            value["metadata"] = metadata.json
            var defaulted = try ObjectRules.prepareForCreation(value, request.resource)
            // Before admission: what the server sets itself is nobody's.
            let managed = newManagedFields(of: defaulted.json, request, booking)
            // Likewise: the user is not warned about that.
            let remarks = defaulted.object.map { Validation.warnings(for: $0) } ?? []
            // What is refused has no name yet, if it is to get one.
            var prepared = try await admit(
                defaulted.json, request, called: generatesName ? metadata.generateName : metadata.name)
            var ticket: ServiceTicket?
            defer { if let ticket { settle(ticket) } }
            if let service = defaulted.object as? Service {
                var preparation = ServicePreparation(service, replacing: nil, allocator: allocator)
                ticket = preparation.ticket
                let complete = try preparation.run()
                defaulted = ObjectRules.Typed(json: complete.json, object: complete)
                prepared = complete.json
            }
            // Only pods are changed by admission.
            let object =
                request.resource.plural == "pods"
                ? try ObjectRules.typed(prepared, request.resource) : defaulted.object
            if let object {
                try Validation.validateCreate(object)
                try checkEscalation(object, from: nil, request)
                if let changed = object as? PriorityClass { try checkPriorityClass(changed, request) }
            }
            prepared["metadata"]?["managedFields"] = managed
            if request.options.isDryRun {
                guard store.object(request.resource.collection, Self.key(metadata, request)) == nil else {
                    throw APIError.alreadyExists(request.resource, metadata.name)
                }
                return Outcome(answer: .made(prepared, code: 201), warnings: warnings + remarks)
            }
            do {
                let stored = try await commit(
                    request.resource, Self.key(metadata, request), .absent, .put(prepared))
                return Outcome(answer: .stored(stored, code: 201), warnings: warnings + remarks)
            } catch StoreError.conflict {
                guard generatesName, attempt < 8 else {
                    throw APIError.alreadyExists(request.resource, metadata.name)
                }
            }
        }
        throw APIError.internalError("no name could be generated")
    }

    /// `generateName` and five random characters, cut so that the whole is a name (apiserver `names.go`): no vowels,
    /// so that no words come out.
    static func generatedName(_ base: String) -> String {
        let alphabet = Array("bcdfghjklmnpqrstvwxz2456789")
        let suffix = String((0..<5).compactMap { _ in alphabet.randomElement() })
        return base.prefix(58) + suffix
    }

    static func key(_ metadata: ObjectMeta, _ request: ObjectRequest) -> ObjectKey {
        ObjectKey(namespace: request.resource.isNamespaced ? request.namespace : "", name: metadata.name)
    }

    // MARK: What create and update share

    /// The body as an object of the resource's kind, without what the kind does not have. Refuses with 400 what is
    /// of another kind or, as `fieldValidation` asks, has unknown or repeated members; else they are warned about.
    ///
    /// - Parameter kind: the kind of what a subresource takes; nil takes the resource's.
    func decode(
        _ request: ObjectRequest, as kind: GroupVersionKind? = nil
    ) throws -> (JSONValue, warnings: [String]) {
        let kind = kind ?? request.resource.kind
        guard let body = request.body, case .object = body.value else {
            throw APIError.badRequest(
                "the object provided is unrecognized (must be of type \(kind.kind)): the body is not an object")
        }
        var value = body.value
        let given = GroupVersionKind(
            apiVersion: value["apiVersion"]?.stringValue ?? kind.apiVersion,
            kind: value["kind"]?.stringValue ?? kind.kind)
        guard given.kind == kind.kind else {
            throw APIError.badRequest(
                "\(given.kind) in version \"\(given.version)\" cannot be handled as a \(kind.kind): "
                    + "the kind in the data (\(given)) does not match the expected kind (\(kind))")
        }
        guard given.apiVersion == kind.apiVersion else {
            throw APIError.badRequest(
                "the API version in the data (\(given.apiVersion)) does not match the expected API version "
                    + "(\(kind.apiVersion))")
        }
        let warnings = try ObjectRules.check(
            &value, kind, duplicates: body.duplicates, validation: request.options.fieldValidation)
        // Kind and version first, as everything that reads along expects.
        var ordered: JSONObject = ["kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion)]
        for (key, member) in value.objectValue ?? JSONObject() where ordered[key] == nil { ordered[key] = member }
        return (.object(ordered), warnings)
    }

    static func metadata(of value: JSONValue, _ request: ObjectRequest) throws -> ObjectMeta {
        do {
            return try value["metadata"].map { try ObjectMeta(json: $0) } ?? ObjectMeta()
        } catch let error as JSONTypeError {
            throw APIError.undecodable(request.resource.kind, "metadata.\(error)")
        }
    }

    static func checkNamespace(_ metadata: inout ObjectMeta, _ request: ObjectRequest) throws(APIError) {
        guard request.resource.isNamespaced else {
            guard metadata.namespace.isEmpty else {
                throw .invalid(
                    request.resource, metadata.name, field: "metadata.namespace",
                    "Forbidden: not allowed on this type")
            }
            return
        }
        guard metadata.namespace.isEmpty || metadata.namespace == request.namespace else {
            throw .badRequest(
                "the namespace of the provided object does not match the namespace sent on the request")
        }
        metadata.namespace = request.namespace
    }
}
