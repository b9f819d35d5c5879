import KubernetesAPI

/// The API's structures as OpenAPI schemas, with the extensions that clients read: kinds, list types, merge keys.
struct OpenAPISchemas {
    /// The two editions differ in how they refer to and combine schemas.
    enum Edition { case v2, v3 }

    let edition: Edition
    private let schema = Schema.shared
    private let documentation = SchemaDocumentation.shared
    /// Made so far, by OpenAPI name.
    private(set) var definitions: [String: JSONValue] = [:]

    init(_ edition: Edition) { self.edition = edition }

    /// `core.v1.PodSpec` as `io.k8s.api.core.v1.PodSpec`.
    static func name(_ structure: String) -> String {
        structure.hasPrefix("meta.")
            ? "io.k8s.apimachinery.pkg.apis.\(structure)" : "io.k8s.api.\(structure)"
    }

    /// Adds a kind with everything that it refers to, and returns its name; nil where the kind is unknown.
    @discardableResult
    mutating func add(_ kind: GroupVersionKind) -> String? {
        guard let structure = schema.structure(of: kind) else { return nil }
        add(structure)
        let name = Self.name(structure.name)
        var kinds = definitions[name]?["x-kubernetes-group-version-kind"]?.arrayValue ?? []
        let entry: JSONValue = [
            "group": .string(kind.group), "kind": .string(kind.kind), "version": .string(kind.version),
        ]
        if !kinds.contains(entry) { kinds.append(entry) }
        definitions[name]?["x-kubernetes-group-version-kind"] = .array(kinds)
        return name
    }

    /// Adds the list of a kind, which the description of the types does not have.
    mutating func addList(of kind: GroupVersionKind) -> String? {
        guard let structure = schema.structure(of: kind), let meta = schema.structures["meta.v1.ListMeta"] else {
            return nil
        }
        add(meta)
        let name = Self.name(structure.name) + "List"
        definitions[name] = [
            "type": "object", "required": ["items"],
            "properties": [
                "apiVersion": ["type": "string"], "items": ["type": "array", "items": reference(structure.name)],
                "kind": ["type": "string"], "metadata": reference(meta.name),
            ],
            "x-kubernetes-group-version-kind": [
                [
                    "group": .string(kind.group), "kind": .string(kind.kind + "List"),
                    "version": .string(kind.version),
                ]
            ],
        ]
        return name
    }

    private mutating func add(_ structure: Schema.Structure) {
        let name = Self.name(structure.name)
        guard definitions[name] == nil else { return }
        definitions[name] = .null  // being made: structures refer to each other
        var properties = JSONObject()
        var required: [JSONValue] = []
        for field in structure.fields.sorted(by: { $0.name < $1.name }) {
            properties[field.name] = property(field, of: structure)
            if field.isRequired { required.append(.string(field.name)) }
        }
        var definition: JSONObject = ["type": "object"]
        if let text = documentation.description(of: structure) { definition["description"] = .string(text) }
        if !required.isEmpty { definition["required"] = .array(required) }
        definition["properties"] = .object(properties)
        if structure.isAtomic { definition["x-kubernetes-map-type"] = "atomic" }
        definitions[name] = .object(definition)
    }

    private mutating func property(_ field: Schema.Field, of structure: Schema.Structure) -> JSONValue {
        var property = value(of: field.type)
        let description = documentation.description(of: field, in: structure)
        let hasMore = field.defaultValue != nil || description != nil || !field.patchStrategies.isEmpty
        if edition == .v3, property["$ref"] != nil, hasMore {
            // Beside `$ref` nothing else counts in OpenAPI 3.0.
            property = ["allOf": [property]]
        }
        if let description { property["description"] = .string(description) }
        if let standard = field.defaultValue { property["default"] = standard }
        if !field.patchStrategies.isEmpty {
            let order: [Schema.PatchStrategy] = [.merge, .retainKeys, .replace]
            let names = order.filter(field.patchStrategies.contains).map(\.rawValue)
            property["x-kubernetes-patch-strategy"] = .string(names.joined(separator: ","))
        }
        if let key = field.patchMergeKey { property["x-kubernetes-patch-merge-key"] = .string(key) }
        if let type = field.listType { property["x-kubernetes-list-type"] = .string(type.rawValue) }
        if !field.listMapKeys.isEmpty {
            property["x-kubernetes-list-map-keys"] = .array(field.listMapKeys.map { .string($0) })
        }
        if field.isAtomic { property["x-kubernetes-map-type"] = "atomic" }
        return property
    }

    private mutating func value(of type: Schema.TypeReference) -> JSONValue {
        switch type {
        case .structure(let name):
            guard let structure = schema.structures[name] else { return ["type": "object"] }
            add(structure)
            return reference(name)
        case .list(let item): return ["type": "array", "items": value(of: item)]
        case .map(let item): return ["type": "object", "additionalProperties": value(of: item)]
        case .enumeration(_, let values, let isClosed):
            guard isClosed else { return ["type": "string"] }
            return ["type": "string", "enum": .array(values.map { .string($0) })]
        case .scalar(let scalar): return value(of: scalar)
        }
    }

    private mutating func value(of scalar: Schema.Scalar) -> JSONValue {
        switch scalar {
        case .string, .duration: ["type": "string"]
        case .int32: ["type": "integer", "format": "int32"]
        case .int64: ["type": "integer", "format": "int64"]
        case .boolean: ["type": "boolean"]
        case .double: ["type": "number", "format": "double"]
        case .bytes: ["type": "string", "format": "byte"]
        case .time: named("io.k8s.apimachinery.pkg.apis.meta.v1.Time", ["type": "string", "format": "date-time"])
        case .microTime:
            named("io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime", ["type": "string", "format": "date-time"])
        case .quantity:
            named(
                "io.k8s.apimachinery.pkg.api.resource.Quantity",
                edition == .v2 ? ["type": "string"] : ["oneOf": [["type": "string"], ["type": "number"]]])
        case .intOrString:
            named(
                "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
                edition == .v2
                    ? ["type": "string", "format": "int-or-string"]
                    : ["oneOf": [["type": "integer"], ["type": "string"]], "format": "int-or-string"])
        case .raw: named("io.k8s.apimachinery.pkg.runtime.RawExtension", ["type": "object"])
        case .object: named("io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1", ["type": "object"])
        }
    }

    /// Adds a definition that is not of the API's description.
    mutating func define(_ name: String, _ definition: JSONValue) { definitions[name] = definition }

    private mutating func named(_ name: String, _ definition: JSONValue) -> JSONValue {
        definitions[name] = definition
        return reference(toDefinition: name)
    }

    private func reference(_ structure: String) -> JSONValue { reference(toDefinition: Self.name(structure)) }

    func reference(toDefinition name: String) -> JSONValue {
        ["$ref": .string((edition == .v2 ? "#/definitions/" : "#/components/schemas/") + name)]
    }
}
