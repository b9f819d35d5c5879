import Foundation
import KubernetesAPI

/// Where a list goes on: at a key, in the state of a version. The text is that of the Kubernetes API server
/// (apiserver `storage/continue.go`), and as opaque to clients.
struct ContinueToken: Sendable, Hashable {
    private static let format = "meta.k8s.io/v1"

    /// Nil: the list goes on in the present state, whatever has changed since it began.
    var resourceVersion: Int64?
    /// The first key that is not listed yet.
    var start: ObjectKey

    init(resourceVersion: Int64?, start: ObjectKey) {
        self.resourceVersion = resourceVersion
        self.start = start
    }

    /// - Parameter last: the last object of the chunk before.
    init(resourceVersion: Int64, after last: ObjectKey) {
        // U+0000 cannot be in a name, so nothing comes between the two.
        self.init(
            resourceVersion: resourceVersion, start: ObjectKey(namespace: last.namespace, name: last.name + "\u{0}"))
    }

    /// Throws 400 where the text is not one of ours.
    ///
    /// - Parameter namespace: what the list is of; nil where its keys have namespaces, or are of the cluster's scope.
    init(parsing text: String, namespace: String?, isNamespaced: Bool) throws(APIError) {
        func refusal(_ problem: String) -> APIError {
            .badRequest("invalid continue token: continue key is not valid\(problem)")
        }
        guard let data = Self.decode(text), let json = try? JSONParser.parse(data), case .object = json else {
            throw refusal("")
        }
        guard let format = json["v"]?.stringValue, format == Self.format else {
            throw refusal(": server does not recognize this encoded version \(json["v"]?.stringValue ?? "")")
        }
        guard let version = json["rv"]?.integerValue, version != 0 else {
            throw refusal(": incorrect encoded start resourceVersion (version \(Self.format))")
        }
        guard let start = json["start"]?.stringValue, !start.isEmpty else {
            throw refusal(": encoded start key empty (version \(Self.format))")
        }
        let parts = start.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        // A list cannot be left by its token.
        guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("/") }) else {
            throw refusal(": \(start)")
        }
        resourceVersion = version < 0 ? nil : version
        switch (parts.count, namespace) {
        case (1, let namespace?): self.start = ObjectKey(namespace: namespace, name: parts[0])
        case (1, nil) where isNamespaced: self.start = ObjectKey(namespace: parts[0], name: "")
        case (1, nil): self.start = ObjectKey(namespace: "", name: parts[0])
        case (_, nil) where isNamespaced: self.start = ObjectKey(namespace: parts[0], name: parts[1])
        default: throw refusal(": \(start)")
        }
    }

    /// - Parameter spansNamespaces: whether keys of the list need their namespace.
    func text(spansNamespaces: Bool) -> String {
        let json: JSONValue = [
            "v": .string(Self.format), "rv": .integer(resourceVersion ?? -1),
            "start": .string(spansNamespaces ? "\(start.namespace)/\(start.name)" : start.name),
        ]
        return Data(json.bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            .replacing("=", with: "")
    }

    /// Base64 as URLs have it, without padding (RFC 4648, section 5).
    private static func decode(_ text: String) -> Data? {
        guard !text.contains(where: { "+/=".contains($0) }) else { return nil }
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        return Data(base64Encoded: text.replacing("-", with: "+").replacing("_", with: "/") + padding)
    }
}
