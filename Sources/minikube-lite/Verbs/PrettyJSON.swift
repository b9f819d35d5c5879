import KubernetesAPI

/// JSON for people: four spaces a level, as kubectl indents.
enum PrettyJSON {
    static func text(_ value: JSONValue) -> String {
        var out = ""
        append(value, indent: "", to: &out)
        return out
    }

    private static func append(_ value: JSONValue, indent: String, to out: inout String) {
        let inner = indent + "    "
        switch value {
        case .object(let object) where !object.isEmpty:
            out += "{\n"
            for (offset, key) in object.keys.sorted().enumerated() {
                out += offset == 0 ? inner : ",\n\(inner)"
                out += JSONValue.string(key).text + ": "
                append(object[key] ?? .null, indent: inner, to: &out)
            }
            out += "\n\(indent)}"
        case .array(let values) where !values.isEmpty:
            out += "[\n"
            for (offset, element) in values.enumerated() {
                out += offset == 0 ? inner : ",\n\(inner)"
                append(element, indent: inner, to: &out)
            }
            out += "\n\(indent)]"
        default: out += value.text
        }
    }
}
