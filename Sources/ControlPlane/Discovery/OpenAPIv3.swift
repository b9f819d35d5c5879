import KubernetesAPI

/// `/openapi/v3` and the documents it points to, one per group version.
///
/// kubectl reads three things in them: whether `PATCH` of a kind takes `fieldValidation` (then the server validates
/// what it applies), merge keys for `apply`, and the fields for `explain`.
struct OpenAPIv3: Sendable {
    /// Encoded documents by path: `api/v1`, `apis/apps/v1`.
    let documents: [String: [UInt8]]
    let index: JSONValue

    init(catalogue: ResourceCatalogue) {
        var documents: [String: [UInt8]] = [:]
        var paths = JSONObject()
        for (group, version) in catalogue.groupVersions {
            let name = group.isEmpty ? "api/\(version)" : "apis/\(group)/\(version)"
            let served = catalogue.resources.filter { $0.kind.group == group && $0.kind.version == version }
            let bytes = Self.document(name, served).bytes
            documents[name] = bytes
            paths[name] = ["serverRelativeURL": .string("/openapi/v3/\(name)?hash=\(APIDocuments.hash(bytes))")]
        }
        self.documents = documents
        index = ["paths": .object(paths)]
    }

    private static func document(_ root: String, _ served: [ServedResource]) -> JSONValue {
        var schemas = OpenAPISchemas(.v3)
        var paths = JSONObject()
        schemas.add(DeleteOptions.groupVersionKind)
        schemas.add(Status.groupVersionKind)
        for resource in served { addPaths(of: resource, root, to: &paths, &schemas) }
        var components = JSONObject()
        for (name, schema) in schemas.definitions.sorted(by: { $0.key < $1.key }) { components[name] = schema }
        return [
            "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": .string(ServerVersion.git)],
            "paths": .object(paths), "components": ["schemas": .object(components)],
        ]
    }

    private static func addPaths(
        of resource: ServedResource, _ root: String, to paths: inout JSONObject, _ schemas: inout OpenAPISchemas
    ) {
        guard let object = schemas.add(resource.kind), let list = schemas.addList(of: resource.kind) else { return }
        let base = resource.isNamespaced ? "/\(root)/namespaces/{namespace}" : "/\(root)"
        let collection = "\(base)/\(resource.plural)"
        func operation(
            _ action: String, _ kind: GroupVersionKind, _ parameters: [String], body: String? = nil, answer: String
        ) -> JSONValue {
            self.operation(action, kind, parameters, body: body, answer: answer, schemas)
        }
        let kind = resource.kind
        guard resource.origin != .review else {
            paths[collection] = [
                "post": operation("post", kind, writeParameters, body: object, answer: object),
                "parameters": pathParameters(resource, hasName: false),
            ]
            return
        }
        var ofAll: JSONObject = [
            "get": operation("list", kind, listParameters, answer: list),
            "parameters": pathParameters(resource, hasName: false),
        ]
        var ofOne: JSONObject = [
            "get": operation("get", kind, [], answer: object),
            "parameters": pathParameters(resource, hasName: true),
        ]
        if resource.origin == .store {
            ofAll["post"] = operation("post", kind, writeParameters, body: object, answer: object)
            ofAll["delete"] = operation("deletecollection", kind, listParameters + ["dryRun"], answer: statusName)
            ofOne["put"] = operation("put", kind, writeParameters, body: object, answer: object)
            ofOne["patch"] = operation("patch", kind, writeParameters + ["force"], body: patchName, answer: object)
            ofOne["delete"] = operation("delete", kind, deleteParameters, answer: statusName)
        }
        paths[collection] = .object(ofAll)
        if resource.isNamespaced {
            paths["/\(root)/\(resource.plural)"] = [
                "get": operation("list", kind, listParameters, answer: list), "parameters": [],
            ]
        }
        paths["\(collection)/{name}"] = .object(ofOne)
        schemas.addPatch()
        for (subresource, verbs) in resource.subresources.sorted(by: { $0.key < $1.key }) {
            let kind = Discovery.responseKind(resource, subresource)
            guard let object = schemas.add(kind) else { continue }
            var item: JSONObject = ["parameters": pathParameters(resource, hasName: true)]
            for verb in verbs {
                switch verb {
                case .get: item["get"] = operation("get", kind, [], answer: object)
                case .update: item["put"] = operation("put", kind, writeParameters, body: object, answer: object)
                case .patch:
                    item["patch"] = operation(
                        "patch", kind, writeParameters + ["force"], body: patchName, answer: object)
                case .create: item["post"] = operation("post", kind, writeParameters, body: object, answer: object)
                default: continue
                }
            }
            paths["\(collection)/{name}/\(subresource)"] = .object(item)
        }
    }

    /// What a patch may be, by `Content-Type`.
    private static let patchTypes = [APIRequest.PatchType.apply, .json, .merge, .strategic].map(\.rawValue)
    private static let patchName = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
    private static let statusName = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
    private static let writeParameters = ["dryRun", "fieldManager", "fieldValidation"]
    private static let deleteParameters = ["dryRun", "gracePeriodSeconds", "propagationPolicy"]
    private static let listParameters = [
        "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
        "resourceVersionMatch", "sendInitialEvents", "timeoutSeconds", "watch",
    ]

    /// Of parameters that are not strings.
    private static let parameterTypes = [
        "limit": "integer", "timeoutSeconds": "integer", "gracePeriodSeconds": "integer", "watch": "boolean",
        "allowWatchBookmarks": "boolean", "sendInitialEvents": "boolean", "force": "boolean",
    ]

    private static func pathParameters(_ resource: ServedResource, hasName: Bool) -> JSONValue {
        var names: [String] = []
        if hasName { names.append("name") }
        if resource.isNamespaced { names.append("namespace") }
        return .array(
            names.map {
                [
                    "name": .string($0), "in": "path", "required": true,
                    "schema": ["type": "string", "uniqueItems": true],
                ]
            })
    }

    private static func operation(
        _ action: String, _ kind: GroupVersionKind, _ parameters: [String], body: String?, answer: String,
        _ schemas: OpenAPISchemas
    ) -> JSONValue {
        let content: (String, String) -> JSONValue = { type, name in
            .object(JSONObject([type: ["schema": schemas.reference(toDefinition: name)]]))
        }
        var operation: JSONObject = [
            "parameters": .array(
                parameters.map { name in
                    [
                        "name": .string(name), "in": "query",
                        "schema": ["type": .string(parameterTypes[name] ?? "string"), "uniqueItems": true],
                    ]
                }),
            "responses": ["200": ["description": "OK", "content": content("application/json", answer)]],
            "x-kubernetes-action": .string(action),
            "x-kubernetes-group-version-kind": [
                "group": .string(kind.group), "kind": .string(kind.kind), "version": .string(kind.version),
            ],
        ]
        if let body {
            let types = action == "patch" ? patchTypes : ["*/*"]
            let schema: JSONValue = ["schema": schemas.reference(toDefinition: body)]
            var bodies = JSONObject()
            for type in types { bodies[type] = schema }
            operation["requestBody"] = ["content": .object(bodies), "required": true]
        }
        return .object(operation)
    }
}

extension OpenAPISchemas {
    /// A patch is any object.
    mutating func addPatch() { define("io.k8s.apimachinery.pkg.apis.meta.v1.Patch", ["type": "object"]) }
}
