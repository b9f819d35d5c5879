import KubernetesAPI

/// `/openapi/v2`, for clients that do not know version 3 (kubectl before 1.27): as JSON, and as the protobuf message
/// of gnostic's `openapi.v2.Document`, which is all that kubectl asks for.
struct OpenAPIv2: Sendable {
    /// What it is called, and what clients call it: an `@` may not be in a type.
    static let protobufTypes = [
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    ]

    let json: [UInt8]
    let protobuf: [UInt8]

    init(catalogue: ResourceCatalogue) {
        var schemas = OpenAPISchemas(.v2)
        schemas.add(DeleteOptions.groupVersionKind)
        schemas.add(Status.groupVersionKind)
        var paths: [(path: String, kind: GroupVersionKind)] = []
        for resource in catalogue.resources {
            schemas.add(resource.kind)
            _ = schemas.addList(of: resource.kind)
            for subresource in resource.subresources.keys {
                schemas.add(Discovery.responseKind(resource, subresource))
            }
            guard resource.verbs.contains(.patch) else { continue }
            let root = resource.kind.group.isEmpty ? "/api" : "/apis/\(resource.kind.group)"
            let scope = resource.isNamespaced ? "/namespaces/{namespace}" : ""
            paths.append(("\(root)/\(resource.kind.version)\(scope)/\(resource.plural)/{name}", resource.kind))
        }
        let definitions = schemas.definitions.sorted { $0.key < $1.key }
        json = Self.document(definitions, paths).bytes
        protobuf = Self.message(definitions, paths)
    }

    /// What kubectl looks for in a path: whether patches can be dry runs.
    private static let patchParameters = ["dryRun", "fieldManager", "fieldValidation", "force"]

    private static func kindEntry(_ kind: GroupVersionKind) -> JSONValue {
        ["group": .string(kind.group), "kind": .string(kind.kind), "version": .string(kind.version)]
    }

    private static func document(
        _ definitions: [(key: String, value: JSONValue)], _ paths: [(path: String, kind: GroupVersionKind)]
    ) -> JSONValue {
        var schemas = JSONObject()
        for (name, schema) in definitions { schemas[name] = schema }
        var items = JSONObject()
        for (path, kind) in paths {
            items[path] = [
                "patch": [
                    "parameters": .array(
                        patchParameters.map {
                            ["name": .string($0), "in": "query", "type": "string", "uniqueItems": true]
                        }),
                    "responses": ["200": ["description": "OK"]],
                    "x-kubernetes-group-version-kind": kindEntry(kind),
                ]
            ]
        }
        return [
            "swagger": "2.0", "info": ["title": "Kubernetes", "version": .string(ServerVersion.git)],
            "paths": .object(items), "definitions": .object(schemas),
        ]
    }

    // MARK: The protobuf message (gnostic's OpenAPIv2.proto)

    private static func message(
        _ definitions: [(key: String, value: JSONValue)], _ paths: [(path: String, kind: GroupVersionKind)]
    ) -> [UInt8] {
        var document = ProtobufWriter()
        document.string(1, "2.0")
        document.message(2) { info in
            info.string(1, "Kubernetes")
            info.string(2, ServerVersion.git)
        }
        document.message(8) { items in
            for (path, kind) in paths {
                items.message(2) { named in
                    named.string(1, path)
                    named.message(2) { item in item.message(8) { patch(&$0, kind) } }
                }
            }
        }
        document.message(9) { all in
            for (name, definition) in definitions {
                all.message(1) { named in
                    named.string(1, name)
                    named.message(2) { schema(definition, into: &$0) }
                }
            }
        }
        return document.bytes
    }

    private static func patch(_ operation: inout ProtobufWriter, _ kind: GroupVersionKind) {
        for name in patchParameters {
            // ParametersItem.parameter.non_body_parameter.query_parameter_sub_schema
            operation.message(8) { item in
                item.message(1) { parameter in
                    parameter.message(2) { nonBody in
                        nonBody.message(3) { query in
                            query.string(2, "query")
                            query.string(4, name)
                            query.string(6, "string")
                        }
                    }
                }
            }
        }
        operation.message(9) { responses in
            responses.message(1) { named in
                named.string(1, "200")
                named.message(2) { value in value.message(1) { $0.string(1, "OK") } }
            }
        }
        operation.message(13) { `extension`("x-kubernetes-group-version-kind", kindEntry(kind), into: &$0) }
    }

    /// A `Schema`.
    private static func schema(_ schema: JSONValue, into message: inout ProtobufWriter) {
        for (key, value) in schema.objectValue ?? JSONObject() {
            switch key {
            case "$ref": message.string(1, value.stringValue ?? "")
            case "format": message.string(2, value.stringValue ?? "")
            case "description": message.string(4, value.stringValue ?? "")
            case "default": message.message(5) { $0.string(2, value.text + "\n") }
            case "required": for name in value.arrayValue ?? [] { message.string(19, name.stringValue ?? "") }
            case "enum": for item in value.arrayValue ?? [] { message.message(20) { $0.string(2, item.text + "\n") } }
            case "additionalProperties":
                message.message(21) { item in item.message(1) { Self.schema(value, into: &$0) } }
            case "type": message.message(22) { $0.string(1, value.stringValue ?? "") }
            case "items": message.message(23) { item in item.message(1) { Self.schema(value, into: &$0) } }
            case "properties":
                message.message(25) { properties in
                    for (name, property) in value.objectValue ?? JSONObject() {
                        properties.message(1) { named in
                            named.string(1, name)
                            named.message(2) { Self.schema(property, into: &$0) }
                        }
                    }
                }
            default: message.message(31) { `extension`(key, value, into: &$0) }
            }
        }
    }

    /// A `NamedAny`: the value as YAML, which JSON is.
    private static func `extension`(_ name: String, _ value: JSONValue, into message: inout ProtobufWriter) {
        message.string(1, name)
        message.message(2) { $0.string(2, value.text + "\n") }
    }
}
