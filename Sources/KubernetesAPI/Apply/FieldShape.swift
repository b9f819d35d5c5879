/// What of a value can be owned apart: nothing, its members, or its items (the markers `listType`, `listMapKey`,
/// `mapType` and `structType` of the API's types; KEP-555).
enum FieldShape {
    /// A scalar, or what is owned as a whole (`atomic`).
    case leaf(Schema.TypeReference)
    case structure(Schema.Structure)
    case map(of: Schema.TypeReference)
    /// A list of scalars, each there once.
    case set(of: Schema.TypeReference)
    /// A list of structures that are found by some of their fields.
    case keyed(of: Schema.TypeReference, ListKeys)

    /// Of an object; of a kind without a description, a map of anything.
    init(_ kind: GroupVersionKind) {
        self = Schema.shared.structure(of: kind).map(FieldShape.structure) ?? .map(of: .scalar(.raw))
    }

    /// Of a list's items or a map's values.
    init(_ type: Schema.TypeReference) {
        switch type {
        case .structure(let name):
            guard let structure = Schema.shared.structures[name], !structure.isAtomic else {
                self = .leaf(type)
                return
            }
            self = .structure(structure)
        case .map(let values): self = .map(of: values)
        case .list, .scalar, .enumeration: self = .leaf(type)
        }
    }

    init(_ field: Schema.Field) {
        guard !field.isAtomic else {
            self = .leaf(field.type)
            return
        }
        guard case .list(let items) = field.type else {
            self.init(field.type)
            return
        }
        switch field.listType {
        case .set: self = .set(of: items)
        case .map: self = .keyed(of: items, ListKeys(field.listMapKeys, of: items))
        case .atomic, nil: self = .leaf(field.type)
        }
    }

    /// The shape of a member; nil where a structure does not have it.
    func member(_ name: String) -> FieldShape? {
        switch self {
        case .structure(let structure): structure[name].map { FieldShape($0) }
        case .map(let values): FieldShape(values)
        default: nil
        }
    }

    /// What a member is that is not written: structures that Go does not keep behind a pointer, and lists and maps
    /// that it always writes, are there and empty. Nil where it is absent.
    func absent(_ name: String) -> JSONValue? {
        guard case .structure(let structure) = self, let field = structure[name], !field.isNullable else { return nil }
        return switch field.type {
        case .structure: .some(.object(JSONObject()))
        case .map: field.isRequired ? .some(.object(JSONObject())) : .none
        case .list: field.isRequired ? .some(.array([])) : .none
        case .scalar, .enumeration: .none
        }
    }
}

/// The fields by which the items of a list are told apart.
struct ListKeys {
    /// In the order in which they are written, with what counts where an item does not have one.
    private let keys: [(name: String, standard: JSONValue?)]

    init(_ names: [String], of items: Schema.TypeReference) {
        let structure = items.innermostStructure.flatMap { Schema.shared.structures[$0] }
        keys = names.sorted().map { ($0, structure?[$0]?.defaultValue) }
    }

    /// The item's element of a path, `k:{"name":"x"}`. A key that is missing counts as null.
    func element(_ item: JSONValue) -> String {
        var found = JSONObject()
        for key in keys { found[key.name] = present(item[key.name]) ?? key.standard ?? .null }
        return "k:" + JSONValue.object(found).text
    }

    /// A key that the item has to have and has not.
    func missing(_ item: JSONValue) -> String? {
        keys.first { $0.standard == nil && present(item[$0.name]) == nil }?.name
    }

    private func present(_ value: JSONValue?) -> JSONValue? { value == .null ? nil : value }
}
