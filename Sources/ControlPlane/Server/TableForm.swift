import KubernetesAPI

/// Objects as tables (`meta.k8s.io/v1` Table): what `kubectl get` prints.
enum TableForm {
    private static let scaleColumns: JSONValue = [
        ["name": "Name", "type": "string", "format": "name", "description": "", "priority": 0],
        ["name": "Desired", "type": "integer", "format": "", "description": "", "priority": 0],
        ["name": "Available", "type": "integer", "format": "", "description": "", "priority": 0],
        ["name": "Age", "type": "string", "format": "", "description": "", "priority": 0],
    ]

    /// - Parameters:
    ///   - metadata: the list's, or of one object its resourceVersion.
    ///   - now: seconds since 1970, for ages.
    ///   - includeObject: as in the query: `None`, `Metadata` (also where it is empty), `Object`.
    static func table(
        of objects: [JSONValue], kind: GroupVersionKind, metadata: JSONObject, now: Int64, includeObject: String
    ) -> JSONValue {
        let include = Tables.IncludedObject(rawValue: includeObject) ?? .metadata
        let now = Timestamp(seconds: now)
        var rows = objects.map { Tables.row(of: $0, kind: kind, now: now, include: include).json }
        var columns = Tables.columns(of: kind).json
        if kind.kind == "Scale" {
            columns = scaleColumns
            for index in rows.indices { rows[index]["cells"] = scaleCells(objects[index], now: now) }
        }
        return [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": .object(metadata),
            "columnDefinitions": columns, "rows": .array(rows),
        ]
    }

    private static func scaleCells(_ scale: JSONValue, now: Timestamp) -> JSONValue {
        let created = scale[path: "metadata", "creationTimestamp"].flatMap { try? Timestamp(json: $0) }
        return [
            scale[path: "metadata", "name"] ?? "", scale[path: "spec", "replicas"] ?? 0,
            scale[path: "status", "replicas"] ?? 0, .string(Age.text(since: created, now: now)),
        ]
    }
}
