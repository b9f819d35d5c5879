import KubernetesAPI
import Yams

/// YAML bodies of requests, as JSON values.
enum YAMLBody {
    /// Throws 400 where the text is not one YAML document.
    static func value(_ text: String, kind: String) throws -> JSONValue {
        do {
            guard let node = try Yams.compose(yaml: text) else { return .null }
            return try value(of: node, depth: 0)
        } catch let error as APIError {
            throw error
        } catch {
            throw APIError.badRequest(
                "the object provided is unrecognized (must be of type \(kind)): yaml parse error: \(error)")
        }
    }

    private static func value(of node: Node, depth: Int) throws -> JSONValue {
        guard depth < JSONParser.maximumDepth else { throw APIError.badRequest("the YAML is too deep") }
        switch node {
        case .mapping(let mapping):
            var object = JSONObject()
            for (key, member) in mapping { object[key.string ?? ""] = try value(of: member, depth: depth + 1) }
            return .object(object)
        case .sequence(let sequence): return .array(try sequence.map { try value(of: $0, depth: depth + 1) })
        case .scalar(let scalar):
            if scalar.style == .singleQuoted || scalar.style == .doubleQuoted || scalar.style == .literal
                || scalar.style == .folded
            {
                return .string(scalar.string)
            }
            if node.null != nil { return .null }
            if let flag = node.bool { return .bool(flag) }
            if let number = node.int { return .integer(Int64(number)) }
            if let number = node.float { return .number(number) }
            return .string(scalar.string)
        case .alias: throw APIError.badRequest("YAML aliases are not supported")
        }
    }
}
