import KubernetesAPI

/// Objects as tables (`meta.k8s.io/v1` Table).
enum TableForm {
    static func table(
        of objects: [JSONValue], kind: GroupVersionKind, metadata: JSONObject, now: Int64, includeObject: String
    ) -> JSONValue {
        let rows: [JSONValue] = objects.map { object in
            var row: JSONObject = ["cells": [object[path: "metadata", "name"] ?? "", "<unknown>"]]
            switch includeObject {
            case "None": break
            case "Object": row["object"] = object
            default: row["object"] = PartialMetadata.object(object)
            }
            return .object(row)
        }
        return [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": .object(metadata),
            "columnDefinitions": [
                ["name": "Name", "type": "string", "format": "name", "description": "", "priority": 0],
                ["name": "Age", "type": "string", "format": "", "description": "", "priority": 0],
            ],
            "rows": .array(rows),
        ]
    }
}
