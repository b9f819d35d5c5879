import Foundation
import KubernetesAPI

/// Where a list goes on: after a name, in the state of a version.
struct ContinueToken: Sendable, Hashable {
    var resourceVersion: Int64
    var after: ObjectKey

    init(resourceVersion: Int64, after: ObjectKey) {
        self.resourceVersion = resourceVersion
        self.after = after
    }

    /// Throws 400 where the text is not one of ours.
    init(parsing text: String) throws(APIError) {
        guard let data = Data(base64Encoded: text), let json = try? JSONParser.parse(data),
            let version = json["rv"]?.integerValue, let namespace = json["namespace"]?.stringValue,
            let name = json["name"]?.stringValue
        else { throw .badRequest("continue key is not valid: \(text)") }
        self.init(resourceVersion: version, after: ObjectKey(namespace: namespace, name: name))
    }

    var text: String {
        let json: JSONValue = [
            "rv": .integer(resourceVersion), "namespace": .string(after.namespace), "name": .string(after.name),
        ]
        return Data(json.bytes).base64EncodedString()
    }
}
