/// Who owns which fields of an object: `metadata.managedFields` (KEP-555).
///
/// Every write changes it. Who updates takes what he changes from all others; who applies shares what he claims with
/// those who want the same, and is in conflict with those who want something else. What a server writes into metadata
/// itself is nobody's.
public struct ManagedFields: Sendable, Hashable {
    struct Entry: Sendable, Hashable {
        var manager: FieldManager
        /// RFC 3339, of the last write that changed something.
        var time: String
        var fields: FieldSet
    }

    /// More entries of updates than this are put together, the oldest first (`DefaultMaxUpdateManagers`).
    private static let maximumUpdaters = 10
    private static let ancient = "ancient-changes"
    /// Fields that are never owned.
    static let unowned = FieldSet([
        ["apiVersion"], ["kind"], ["metadata", "name"], ["metadata", "namespace"], ["metadata", "creationTimestamp"],
        ["metadata", "selfLink"], ["metadata", "uid"], ["metadata", "clusterName"], ["metadata", "generation"],
        ["metadata", "managedFields"], ["metadata", "resourceVersion"],
    ])

    private(set) var entries: [Entry] = []

    public init() {}

    /// Reads the value of `metadata.managedFields`; nil where it is not one that a server could have written.
    public init?(json: JSONValue?) {
        for entry in json?.arrayValue ?? [] {
            guard let operation = FieldManager.Operation(rawValue: entry["operation"]?.stringValue ?? ""),
                entry["fieldsType"]?.stringValue == "FieldsV1"
            else { return nil }
            let manager = FieldManager(
                entry["manager"]?.stringValue ?? "", operation, apiVersion: entry["apiVersion"]?.stringValue ?? "",
                subresource: entry["subresource"]?.stringValue ?? "")
            entries.append(
                Entry(
                    manager: manager, time: entry["time"]?.stringValue ?? "",
                    fields: FieldSet(json: entry["fieldsV1"] ?? .null)))
        }
    }

    /// The value of `metadata.managedFields`; nil where nobody owns anything.
    public var json: JSONValue? {
        guard !entries.isEmpty else { return nil }
        let ordered = entries.sorted { left, right in
            func rank(_ entry: Entry) -> (String, String, String, String, String) {
                let manager = entry.manager
                return (manager.operation.rawValue, entry.time, manager.name, manager.apiVersion, manager.subresource)
            }
            return rank(left) < rank(right)
        }
        return .array(
            ordered.map { entry in
                var json: JSONObject = [
                    "manager": .string(entry.manager.name), "operation": .string(entry.manager.operation.rawValue),
                    "apiVersion": .string(entry.manager.apiVersion),
                ]
                if !entry.time.isEmpty { json["time"] = .string(entry.time) }
                json["fieldsType"] = "FieldsV1"
                json["fieldsV1"] = entry.fields.json
                if !entry.manager.subresource.isEmpty { json["subresource"] = .string(entry.manager.subresource) }
                return .object(json)
            })
    }

    public var isEmpty: Bool { entries.isEmpty }

    func fields(of manager: FieldManager) -> FieldSet? {
        entries.first { $0.manager.isSame(as: manager) }?.fields
    }

    /// The fields that anybody owns.
    var all: FieldSet {
        entries.reduce(into: FieldSet()) { $0.formUnion($1.fields) }
    }

    // MARK: Updates

    /// Takes note of an update: the manager takes what the write changed; what it removed is nobody's any more.
    ///
    /// - Parameters:
    ///   - ignored: fields with all below them that are not the manager's to write, e.g. `status`.
    ///   - time: RFC 3339.
    public mutating func update(
        _ changes: ObjectChanges, by manager: FieldManager, ignoring ignored: FieldSet = FieldSet(), time: String
    ) {
        var written = changes.written
        written.subtractTrees(ignored)
        written.subtract(Self.unowned)
        let mine = entries.firstIndex { $0.manager.isSame(as: manager) }
        for index in entries.indices {
            entries[index].fields.subtract(changes.removed)
            if index != mine { entries[index].fields.subtract(written) }
        }
        if !written.isEmpty {
            if let mine {
                entries[mine].fields.formUnion(written)
                entries[mine].time = time
            } else {
                entries.append(Entry(manager: manager, time: time, fields: written))
            }
        }
        entries.removeAll { $0.fields.isEmpty }
        putOldUpdatesTogether()
    }

    private mutating func putOldUpdatesTogether() {
        let updates = entries.filter { $0.manager.operation == .update }.count
        guard updates > Self.maximumUpdaters else { return }
        let oldest = entries.indices.filter { entries[$0].manager.operation == .update }
            .sorted { (entries[$0].time, $0) < (entries[$1].time, $1) }
            .prefix(updates - Self.maximumUpdaters + 1)
        var kept: [Entry] = entries.indices.filter { !oldest.contains($0) }.map { entries[$0] }
        for old in oldest.map({ entries[$0] }) {
            let ancient = FieldManager(Self.ancient, .update, apiVersion: old.manager.apiVersion)
            if let index = kept.firstIndex(where: { $0.manager.isSame(as: ancient) }) {
                kept[index].fields.formUnion(old.fields)
                kept[index].time = max(kept[index].time, old.time)
            } else {
                kept.append(Entry(manager: ancient, time: old.time, fields: old.fields))
            }
        }
        entries = kept
    }

    // MARK: Apply

    /// Fields of others that would become otherwise, by who owns them.
    func conflicts(of written: FieldSet, with manager: FieldManager) -> [ApplyConflict] {
        entries.filter { !$0.manager.isSame(as: manager) && !$0.fields.isDisjoint(with: written) }
            .map { ApplyConflict(manager: $0.manager, fields: $0.fields.intersection(written)) }
    }

    /// Takes note of what was applied: the manager owns what he claims and nothing else, and others lose what the
    /// write changed or removed.
    mutating func apply(_ claimed: FieldSet, _ changes: ObjectChanges, by manager: FieldManager, time: String) {
        let written = changes.written
        var entry = Entry(manager: manager, time: time, fields: claimed)
        let mine = entries.firstIndex { $0.manager.isSame(as: manager) }
        for index in entries.indices where index != mine {
            entries[index].fields.subtract(written)
            entries[index].fields.subtract(changes.removed)
        }
        if let mine {
            let present = entries[mine]
            let isSame = present.fields == claimed && written.isEmpty && changes.removed.isEmpty
            if isSame, !present.time.isEmpty { entry.time = present.time }
            // In its place: the same entries in another order would be a change.
            entries[mine] = entry
        } else {
            entries.append(entry)
        }
        entries.removeAll { $0.fields.isEmpty }
    }
}

/// Fields that one applies and another one owns with another value.
struct ApplyConflict: Sendable, Hashable {
    var manager: FieldManager
    var fields: FieldSet
}
