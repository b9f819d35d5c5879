/// A kind with columns of its own for `kubectl get`.
public protocol TablePrinted: KubernetesObject {
    /// Those with priority 0 are always shown, the others with `-o wide`.
    static var columns: [TableColumnDefinition] { get }

    /// One for each column, in their order.
    func cells(now: Timestamp) -> [JSONValue]

    /// What is notable about the whole row.
    var rowConditions: [TableRowCondition] { get }
}

extension TablePrinted {
    public var rowConditions: [TableRowCondition] { [] }
}

/// The `meta.k8s.io/v1` Table of objects: what the API server answers to `kubectl get`.
public enum Tables {
    /// What of an object goes into its row (`includeObject`).
    public enum IncludedObject: String, Sendable {
        case none = "None"
        case metadata = "Metadata"
        case object = "Object"
    }

    public static func columns(of kind: GroupVersionKind) -> [TableColumnDefinition] {
        (Kinds.type(of: kind) as? any TablePrinted.Type)?.columns ?? [.name, .createdAt]
    }

    /// The row of one object as stored; of what its Swift type cannot read, name and age.
    public static func row(
        of object: JSONValue, kind: GroupVersionKind, now: Timestamp, include: IncludedObject = .metadata
    ) -> TableRow {
        var row = TableRow()
        let decoded = (try? Kinds.decode(object, as: kind)) ?? nil
        if let printed = decoded as? any TablePrinted {
            row.cells = printed.cells(now: now)
            row.conditions = printed.rowConditions
        } else {
            let created = object[path: "metadata", "creationTimestamp"].flatMap { try? Timestamp(json: $0) }
            row.cells = [object[path: "metadata", "name"] ?? "", .string(Age.text(since: created, now: now))]
            // Missing cells are shown empty; the columns are those of the kind all the same.
            let missing = columns(of: kind).count - row.cells.count
            if missing > 0 { row.cells += Array(repeating: "", count: missing) }
        }
        switch include {
        case .none: break
        case .object: row.object = object
        case .metadata:
            row.object = [
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": object["metadata"] ?? [:],
            ]
        }
        return row
    }

    public static func table(
        of objects: [JSONValue], kind: GroupVersionKind, metadata: ListMeta = ListMeta(), now: Timestamp,
        include: IncludedObject = .metadata
    ) -> Table {
        var table = Table()
        table.metadata = metadata
        table.columnDefinitions = columns(of: kind)
        table.rows = objects.map { row(of: $0, kind: kind, now: now, include: include) }
        return table
    }
}

extension TableColumnDefinition {
    init(_ name: String, type: String = "string", format: String = "", wide: Bool = false, _ description: String) {
        self.init()
        self.name = name
        self.type = type
        self.format = format
        self.priority = wide ? 1 : 0
        self.description = description
    }

    static let name = TableColumnDefinition(
        "Name", format: "name",
        "The object's name, unique among the objects of its kind in its namespace. It cannot be changed.")
    static let age = TableColumnDefinition("Age", "How long ago the object was created.")
    static let createdAt = TableColumnDefinition("Created At", type: "date", "When the object was created.")
    static let containers = TableColumnDefinition(
        "Containers", wide: true, "Names of each container in the template.")
    static let images = TableColumnDefinition(
        "Images", wide: true, "Images referenced by each container in the template.")
    static let selector = TableColumnDefinition("Selector", wide: true, "The labels of the pods that are meant.")
}

extension ObjectMeta {
    func ageCell(now: Timestamp) -> JSONValue { .string(Age.text(since: creationTimestamp, now: now)) }
}

extension String {
    /// `<none>` where there is nothing.
    var cell: JSONValue { .string(isEmpty ? "<none>" : self) }
}

extension [String: String] {
    /// `app=web,tier=db`; `<none>` for no labels.
    var labelsCell: JSONValue { map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ",").cell }
}

extension [Container] {
    var namesCell: JSONValue { .string(map(\.name).joined(separator: ",")) }
    var imagesCell: JSONValue { .string(map(\.image).joined(separator: ",")) }
}

extension LabelSelector? {
    /// `app=web,tier in (a,b)`; `<none>` for an empty one.
    var cell: JSONValue {
        guard let self else { return "<none>" }
        return ((try? LabelMatcher(self))?.description ?? "<error>").cell
    }
}
