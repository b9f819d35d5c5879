import KubernetesAPI

/// How a write is entered into `metadata.managedFields` (KEP-555).
enum FieldBooking: Sendable {
    /// Whoever writes takes what he changes. Empty for the whole object.
    case update(subresource: String)
    /// An apply has already said who owns what.
    case applied(ManagedFields)
}

extension ObjectService {
    /// The managers of an object while it is being changed.
    struct ManagerState {
        var fields: ManagedFields
        /// Whether they are others than are stored, whatever becomes of the object.
        var isChanged: Bool
    }

    /// Refuses what cannot be the name of a manager (`ValidateCreateOptions`, `ValidatePatchOptions`, ...).
    static func checkFieldManager(_ request: ObjectRequest) throws(APIError) {
        let options: String
        switch request.verb {
        case .create: options = "CreateOptions"
        case .update: options = "UpdateOptions"
        case .patch: options = "PatchOptions"
        default: return
        }
        let manager = request.options.fieldManager
        if request.verb == .patch {
            let isApply = request.patchType == .apply
            guard isApply || request.options.force == nil else {
                throw .invalidOption(options, "force", "Forbidden: may not be specified for non-apply patch")
            }
            guard !isApply || !manager.isEmpty else {
                throw .invalidOption(options, "fieldManager", "Required value: is required for apply patch")
            }
        }
        guard manager.utf8.count <= FieldManager.maximumNameLength else {
            throw .invalidOption(
                options, "fieldManager",
                "Too long: may not be more than \(FieldManager.maximumNameLength) bytes")
        }
        guard FieldManager.isPrintable(manager) else {
            throw .invalidOption(
                options, "fieldManager",
                "Invalid value: \(manager.quoted): should only contain printable characters")
        }
    }

    /// Seconds as `managedFields` have them.
    var managedTime: String { Timestamp(seconds: now()).json.stringValue ?? "" }

    /// What requests for an object, or a part of it, do not write, whatever they say.
    static func ignoredFields(_ request: ObjectRequest) -> FieldSet {
        switch request.subresource {
        case "status":
            var paths = [["spec"], ["metadata", "ownerReferences"], ["metadata", "finalizers"]]
            if request.resource.kind.kind != "Pod", request.resource.kind.kind != "Node" {
                paths.append(["metadata", "labels"])
            }
            return FieldSet(paths)
        case "resize": return FieldSet([["status"], ["metadata"]])
        default: return request.resource.hasStatus ? FieldSet([["status"]]) : FieldSet()
        }
    }

    /// `managedFields` of an object that is being made, with its defaults and before admission.
    func newManagedFields(of value: JSONValue, _ request: ObjectRequest, _ booking: FieldBooking) -> JSONValue? {
        guard case .update = booking else {
            guard case .applied(let fields) = booking else { return nil }
            return fields.json
        }
        guard request.resource.tracksManagers else { return nil }
        var fields = ManagedFields()
        let kind = request.resource.kind
        fields.update(
            ObjectChanges(from: .object(JSONObject()), to: value, kind: kind),
            by: FieldManager(request.fieldManager, .update, apiVersion: kind.apiVersion),
            ignoring: Self.ignoredFields(request), time: managedTime)
        return fields.json
    }

    /// The managers that a change begins with: the stored ones, or those that a client sets itself. A list of one empty
    /// entry means that nobody owns anything any more.
    func managedFields(
        of present: StoredObject, given value: JSONValue, _ booking: FieldBooking
    ) throws -> ManagerState {
        let stored = ManagedFields(json: present.value[path: "metadata", "managedFields"]) ?? ManagedFields()
        switch booking {
        case .applied(let fields): return ManagerState(fields: fields, isChanged: fields != stored)
        case .update(let subresource):
            guard subresource.isEmpty, let given = value[path: "metadata", "managedFields"] else {
                return ManagerState(fields: stored, isChanged: false)
            }
            if given == [[:]] { return ManagerState(fields: ManagedFields(), isChanged: !stored.isEmpty) }
            guard let fields = ManagedFields(json: given), !fields.isEmpty else {
                return ManagerState(fields: stored, isChanged: false)
            }
            return ManagerState(fields: fields, isChanged: fields != stored)
        }
    }

    /// Enters an update. Objects that nobody owns anything of stay so until somebody applies.
    func book(
        _ changes: @autoclosure () -> ObjectChanges, in state: inout ManagerState, _ request: ObjectRequest,
        _ booking: FieldBooking
    ) {
        guard case .update(let subresource) = booking, !state.fields.isEmpty else { return }
        let manager = FieldManager(
            request.fieldManager, .update, apiVersion: request.resource.kind.apiVersion, subresource: subresource)
        state.fields.update(changes(), by: manager, time: managedTime)
    }

    /// Whether a patch touches `metadata.managedFields`.
    static func concernsManagedFields(_ patch: JSONValue, _ type: APIRequest.PatchType) -> Bool {
        guard type == .json else { return patch[path: "metadata", "managedFields"] != nil }
        return (patch.arrayValue ?? []).contains { operation in
            [operation["path"], operation["from"]].contains { pointer in
                guard let text = pointer?.stringValue else { return false }
                return text.isEmpty || text == "/metadata" || text.hasPrefix("/metadata/managedFields")
            }
        }
    }
}

extension APIError {
    /// 422 for a parameter of a request.
    fileprivate static func invalidOption(_ options: String, _ name: String, _ problem: String) -> APIError {
        APIError(
            code: 422, reason: .invalid,
            message: "\(options).meta.k8s.io \"\" is invalid: \(name): \(problem)")
    }
}
