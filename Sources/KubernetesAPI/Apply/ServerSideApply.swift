/// Server-side apply (KEP-555): somebody says which fields he wants and how, and the server merges that, takes out
/// what he does not want any more, and keeps book of who owns what.
public struct ServerSideApply: Sendable {
    public var kind: GroupVersionKind
    public var manager: FieldManager
    /// Takes fields from others instead of refusing.
    public var force: Bool
    /// Fields, with all below them, that are not written by this request: `status` of whole objects.
    public var ignored: FieldSet
    /// The only places that are written by this request, as `FieldSet.limited(to:)` takes them; none: all others.
    public var places: [[String]]
    /// RFC 3339.
    public var time: String

    public init(
        kind: GroupVersionKind, manager: FieldManager, force: Bool, ignoring ignored: FieldSet = FieldSet(),
        only places: [[String]] = [], time: String
    ) {
        self.kind = kind
        self.manager = manager
        self.force = force
        self.ignored = ignored
        self.places = places
        self.time = time
    }

    /// What this request writes of some fields.
    private func concerned(_ fields: FieldSet) -> FieldSet {
        var fields = places.isEmpty ? fields : fields.limited(to: places)
        fields.subtractTrees(ignored)
        return fields
    }

    /// Why a configuration cannot be applied.
    public enum Refusal: Error, Sendable {
        /// The configuration is not of its kind.
        case untyped(String)
        case conflict(APIError)
    }

    /// The object as it is then, without `managedFields`, and who owns what of it.
    public struct Result: Sendable {
        public var object: JSONValue
        public var managed: ManagedFields
    }

    /// Applies a configuration to an object, or to nothing.
    ///
    /// - Parameters:
    ///   - configuration: with the apiVersion and kind of the object's.
    ///   - live: nil where there is none yet.
    public func apply(_ configuration: JSONValue, to live: JSONValue?) throws(Refusal) -> Result {
        var live = live ?? ["kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion)]
        var managed = ManagedFields(json: live[path: "metadata", "managedFields"]) ?? ManagedFields()
        live = live.withoutManagedFields
        if managed.isEmpty, live["metadata"] != nil {
            managed.update(
                ObjectChanges(from: Self.empty, to: live, kind: kind), by: .beforeFirstApply(kind.apiVersion),
                ignoring: ignored, time: time)
        }
        let claimed: FieldSet
        do {
            claimed = try FieldSet(ofConfiguration: configuration, kind: kind)
        } catch {
            throw .untyped(error.description)
        }
        let previous = managed.fields(of: manager)
        var merged = AppliedMerge.merge(configuration, into: live, kind: kind)
        if let previous { merged = pruned(merged, previous, claimed, managed) }
        // What is not written by this request is in no conflict, and changes hands no more than it changes.
        let changes = ObjectChanges(from: live, to: merged, kind: kind).filtered(concerned)
        if !force {
            let conflicts = unresolved(managed.conflicts(of: changes.written, with: manager), live)
            if !conflicts.isEmpty { throw .conflict(.applyConflict(conflicts)) }
        }
        var owned = concerned(claimed)
        owned.subtract(ManagedFields.unowned)
        managed.apply(owned, changes, by: manager, time: time)
        return Result(object: withLastApplied(merged, configuration), managed: managed)
    }

    /// Without what the manager applied last time and does not apply now, as far as nobody else owns it.
    private func pruned(
        _ merged: JSONValue, _ previous: FieldSet, _ claimed: FieldSet, _ managed: ManagedFields
    ) -> JSONValue {
        guard !claimed.isSuperset(of: previous) else { return merged }
        let last = previous.withNamedFields(kind)
        let everything = FieldSet(of: merged, kind: kind).withNamedFields(kind)
        func named(_ value: JSONValue) -> FieldSet { FieldSet(of: value, kind: kind).withNamedFields(kind) }
        // What is kept: all that he did not apply last time...
        var kept = named(AppliedMerge.remove(last, from: merged, kind: kind))
        // ...and what he claims now, or others own...
        var owners = managed
        owners.apply(claimed, ObjectChanges(from: merged, to: merged, kind: kind), by: manager, time: time)
        kept.formUnion(owners.all.withNamedFields(kind))
        var unwanted = everything
        unwanted.subtract(kept)
        let bare = AppliedMerge.remove(unwanted, from: merged, kind: kind)
        // ...and what went with them though it never was his.
        var gone = everything
        gone.subtract(named(bare))
        return AppliedMerge.remove(gone.intersection(last), from: merged, kind: kind)
    }

    // MARK: From client-side apply

    /// The annotation in which `kubectl apply` keeps what was applied last.
    private static let lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
    /// The manager to which kubectl's client-side apply is handed over.
    private static let kubectl = "kubectl"
    private static let empty = JSONValue.object(JSONObject())

    /// Without the conflicts over fields that client-side apply set and nobody changed since: they are kubectl's, too.
    private func unresolved(_ conflicts: [ApplyConflict], _ live: JSONValue) -> [ApplyConflict] {
        guard manager.name == Self.kubectl, !conflicts.isEmpty, let allowed = fieldsOfClientSideApply(live) else {
            return conflicts
        }
        return conflicts.compactMap { conflict in
            var conflict = conflict
            conflict.fields.subtract(allowed)
            return conflict.fields.isEmpty ? nil : conflict
        }
    }

    private func fieldsOfClientSideApply(_ live: JSONValue) -> FieldSet? {
        guard let text = live[path: "metadata", "annotations", Self.lastApplied]?.stringValue,
            let last = try? JSONParser.parse(text.utf8), last["apiVersion"]?.stringValue == kind.apiVersion,
            var fields = try? FieldSet(ofConfiguration: last, kind: kind)
        else { return nil }
        let changes = ObjectChanges(from: last, to: live, kind: kind)
        for set in [changes.modified, changes.added, changes.removed] { fields.subtract(set) }
        return fields
    }

    /// With kubectl's annotation brought up to date where the object has it, so that client-side apply can go on.
    private func withLastApplied(_ object: JSONValue, _ configuration: JSONValue) -> JSONValue {
        guard manager.name == Self.kubectl, object[path: "metadata", "annotations", Self.lastApplied] != nil else {
            return object
        }
        var applied = configuration
        applied["metadata"]?["annotations"]?[Self.lastApplied] = nil
        var object = object
        object["metadata"]?["annotations"]?[Self.lastApplied] = .string(applied.text + "\n")
        return object
    }
}

extension JSONValue {
    /// An object as it is without `metadata.managedFields`.
    public var withoutManagedFields: JSONValue {
        guard self[path: "metadata", "managedFields"] != nil else { return self }
        var object = self
        object["metadata"]?["managedFields"] = nil
        return object
    }
}

extension APIError {
    /// 409 with each field that somebody else owns.
    static func applyConflict(_ conflicts: [ApplyConflict]) -> APIError {
        let conflicts = conflicts.map { ($0.manager.title, $0.fields.paths) }.sorted { $0.0 < $1.0 }
        var details = StatusDetails()
        details.causes = conflicts.flatMap { title, paths in
            paths.map { path in
                var cause = StatusCause()
                cause.reason = .fieldManagerConflict
                cause.message = "conflict with \(title)"
                cause.field = path.description
                return cause
            }
        }
        let message: String
        if details.causes.count == 1, let title = conflicts.first?.0, let field = details.causes.first?.field {
            message = "1 conflict: conflict with \(title): \(field)"
        } else {
            let lines = conflicts.flatMap { title, paths in
                ["conflicts with \(title):"] + paths.map { "- \($0)" }
            }
            message = "\(details.causes.count) conflicts: \(lines.joined(separator: "\n"))"
        }
        return APIError(
            code: 409, reason: .conflict, message: "Apply failed with \(message)", details: details)
    }
}
