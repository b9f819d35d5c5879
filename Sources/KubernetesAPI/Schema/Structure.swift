extension Schema {
    /// One structure of the API, e.g. `core.v1.PodSpec`, as it is in JSON: the fields of structures that Go inlines
    /// are among its own.
    public struct Structure: Sendable {
        /// E.g. `core.v1.PodSpec`.
        public let name: String
        /// In the order of the description; `apiVersion` and `kind` of a kind come first.
        public let fields: [Field]
        /// Whether it is a kind's: it has apiVersion and kind.
        public let hasTypeMeta: Bool
        /// Server-side apply owns it as a whole (`+structType=atomic`).
        public let isAtomic: Bool
        /// At most one of its members is set (`+union`).
        public let isUnion: Bool
        /// The structures that Go inlines, with their message's number in protobuf: there they are messages of
        /// their own, e.g. `core.v1.VolumeSource` as 2 in `core.v1.Volume`.
        public let embeddedMessages: [(name: String, number: Int)]
        private let indices: [String: Int]
        private let indicesByNumber: [Int: Int]

        init(
            name: String, fields: [Field], hasTypeMeta: Bool, isAtomic: Bool, isUnion: Bool,
            embeddedMessages: [(name: String, number: Int)]
        ) {
            self.name = name
            self.fields = fields
            self.hasTypeMeta = hasTypeMeta
            self.isAtomic = isAtomic
            self.isUnion = isUnion
            self.embeddedMessages = embeddedMessages
            indices = Dictionary(fields.enumerated().map { ($0.element.name, $0.offset) }) { first, _ in first }
            let messages = Set(embeddedMessages.map(\.name))
            indicesByNumber = Dictionary(
                fields.enumerated().compactMap { index, field in
                    if let inner = field.embeddedIn, messages.contains(inner) { return nil }
                    return field.number.map { ($0, index) }
                }
            ) { first, _ in first }
        }

        public subscript(field: String) -> Field? { indices[field].map { fields[$0] } }

        /// The field of a protobuf number. Fields of embedded messages are found in those.
        public subscript(number number: Int) -> Field? { indicesByNumber[number].map { fields[$0] } }

        /// The name without group and version, e.g. `PodSpec`.
        public var shortName: String { String(name.split(separator: ".").last ?? "") }
    }

    /// One field of a structure.
    public struct Field: Sendable, Hashable {
        /// As in JSON.
        public let name: String
        public let type: TypeReference
        /// Not `omitempty`, not optional.
        public let isRequired: Bool
        /// A pointer in Go: absent and zero are different things.
        public let isNullable: Bool
        /// The number in protobuf; nil where the field is not sent (apiVersion and kind are in the envelope).
        public let number: Int?
        /// The structure that Go inlines and that this field is from; in protobuf it is in that message.
        public let embeddedIn: String?
        /// What strategic merge patch does with it; empty is `replace`.
        public let patchStrategies: Set<PatchStrategy>
        /// The key by which strategic merge patch finds a list's items; nil for lists of scalars.
        public let patchMergeKey: String?
        /// What server-side apply owns of a list; nil counts as `atomic`.
        public let listType: ListType?
        /// The fields that name an item of a list of type `map`.
        public let listMapKeys: [String]
        /// Server-side apply owns the field's map or structure as a whole.
        public let isAtomic: Bool
        /// The default that the API documents, where it does.
        public let defaultValue: JSONValue?
        /// The Kubernetes feature gate that the field belongs to.
        public let featureGate: String?
    }

    public enum PatchStrategy: String, Sendable { case merge, replace, retainKeys }
    public enum ListType: String, Sendable { case atomic, set, map }
}

extension Schema {
    /// Reads the description's types; what it refers to and does not have is any JSON value.
    static func readStructures(types: JSONObject, aliases: JSONObject) -> [String: Structure] {
        var structures: [String: Structure] = [:]
        structures.reserveCapacity(types.count)
        for (name, facts) in types where facts["fields"] != nil {
            let numbers = facts["inlineProto"]?.objectValue ?? JSONObject()
            let inlined = strings(facts, "inline")
            structures[name] = Structure(
                name: name, fields: readFields(of: facts, embeddedIn: nil, types: types, aliases: aliases),
                hasTypeMeta: inlined.contains("meta.v1.TypeMeta"),
                isAtomic: facts["structType"]?.stringValue == "atomic", isUnion: facts["union"]?.boolValue ?? false,
                embeddedMessages: inlined.compactMap { inner in
                    numbers[inner]?.integerValue.map { (inner, Int($0)) }
                })
        }
        return structures
    }

    private static func readFields(
        of facts: JSONValue, embeddedIn: String?, types: JSONObject, aliases: JSONObject
    ) -> [Field] {
        var fields: [Field] = []
        for inner in strings(facts, "inline") {
            let numberless = facts["inlineProto"]?[inner] == nil
            fields += readFields(
                of: types[inner] ?? .null, embeddedIn: numberless ? embeddedIn : inner, types: types, aliases: aliases
            ).map { numberless && inner == "meta.v1.TypeMeta" ? $0.withoutNumber() : $0 }
        }
        for (name, field) in facts["fields"]?.objectValue ?? JSONObject() {
            fields.append(
                Field(
                    name: name, type: readType(field, types: types, aliases: aliases),
                    isRequired: field["required"]?.boolValue ?? false,
                    isNullable: field["nullable"]?.boolValue ?? false,
                    number: field["proto"]?.integerValue.map(Int.init), embeddedIn: embeddedIn,
                    patchStrategies: Set(
                        (field["patchStrategy"]?.stringValue ?? "").split(separator: ",")
                            .compactMap { PatchStrategy(rawValue: String($0)) }),
                    patchMergeKey: field["patchMergeKey"]?.stringValue,
                    listType: field["listType"]?.stringValue.flatMap(ListType.init(rawValue:)),
                    listMapKeys: strings(field, "listMapKeys"),
                    isAtomic: field["mapType"]?.stringValue == "atomic"
                        || field["structType"]?.stringValue == "atomic",
                    defaultValue: field["default"].flatMap(readDefault),
                    featureGate: field["featureGate"]?.stringValue))
        }
        return fields
    }

    /// A default stands as JSON text; `ref(...)` names a Go constant that the description does not have.
    private static func readDefault(_ value: JSONValue) -> JSONValue? {
        guard case .string(let text) = value else { return value }
        return try? JSONParser.parse(text.utf8)
    }

    private static func readType(_ facts: JSONValue, types: JSONObject, aliases: JSONObject) -> TypeReference {
        if let name = facts["ref"]?.stringValue {
            if let type = types[name] {
                if let scalar = type["scalar"]?.stringValue.flatMap(Scalar.init(rawValue:)) { return .scalar(scalar) }
                return .structure(name)
            }
            guard let alias = aliases[name] else { return .scalar(.raw) }
            guard alias["type"]?.stringValue == "string" else {
                return readType(alias, types: types, aliases: aliases)
            }
            return .enumeration(
                name: name, values: strings(alias, "values"), isClosed: alias["enum"]?.boolValue ?? false)
        }
        switch facts["type"]?.stringValue ?? "" {
        case "list": return .list(of: readType(facts["items"] ?? .null, types: types, aliases: aliases))
        case "map": return .map(of: readType(facts["values"] ?? .null, types: types, aliases: aliases))
        case let scalar: return .scalar(Scalar(rawValue: scalar) ?? .raw)
        }
    }

    private static func strings(_ facts: JSONValue, _ key: String) -> [String] {
        facts[key]?.arrayValue?.compactMap(\.stringValue) ?? []
    }
}

extension Schema.Field {
    fileprivate func withoutNumber() -> Self {
        Self(
            name: name, type: type, isRequired: isRequired, isNullable: isNullable, number: nil, embeddedIn: embeddedIn,
            patchStrategies: patchStrategies, patchMergeKey: patchMergeKey, listType: listType,
            listMapKeys: listMapKeys, isAtomic: isAtomic, defaultValue: defaultValue, featureGate: featureGate)
    }
}
