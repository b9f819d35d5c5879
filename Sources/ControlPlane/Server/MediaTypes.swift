import KubernetesAPI

/// The forms in which objects are answered, chosen by the `Accept` header.
enum AnswerForm: Sendable, Hashable {
    case object
    /// `meta.k8s.io/v1` Table: what `kubectl get` prints.
    case table
    /// `meta.k8s.io/v1` PartialObjectMetadata, or a list of them.
    case metadata

    /// The first form of the header that is served; nil where none is.
    init?(accept header: String) {
        // What most clients send needs no taking apart.
        guard !header.isEmpty, header != "application/json", header != "*/*" else {
            self = .object
            return
        }
        for range in MediaRange.list(header) {
            guard range.isJSON else { continue }
            guard let form = range.parameters["as"] else {
                self = .object
                return
            }
            guard range.parameters["g"] == "meta.k8s.io", range.parameters["v"] == "v1" else { continue }
            switch form {
            case "Table":
                self = .table
                return
            case "PartialObjectMetadata", "PartialObjectMetadataList":
                self = .metadata
                return
            default: continue
            }
        }
        return nil
    }
}

/// One entry of an `Accept` header, or a `Content-Type`.
struct MediaRange: Sendable, Hashable {
    /// Lower case: `application/json`, `*/*`.
    var type: String
    var parameters: [String: String] = [:]

    init(_ text: some StringProtocol) {
        let parts = text.split(separator: ";")
        type = parts.first.map { Self.trimmed($0).lowercased() } ?? ""
        for parameter in parts.dropFirst() {
            let sides = parameter.split(separator: "=", maxSplits: 1)
            guard sides.count == 2 else { continue }
            parameters[Self.trimmed(sides[0]).lowercased()] = Self.trimmed(sides[1])
        }
    }

    static func list(_ header: String) -> [MediaRange] { header.split(separator: ",").map { MediaRange($0) } }

    var isJSON: Bool { ["application/json", "application/*", "*/*"].contains(type) }

    private static func trimmed(_ text: some StringProtocol) -> String {
        // By bytes: this is done for every request.
        let space = UInt8(ascii: " ")
        var bytes = Substring(text).utf8
        while bytes.first == space { bytes.removeFirst() }
        while bytes.last == space { bytes.removeLast() }
        return String(Substring(bytes))
    }
}
