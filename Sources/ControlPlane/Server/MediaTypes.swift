import KubernetesAPI

/// The forms in which objects are answered.
enum AnswerForm: Sendable, Hashable {
    case object
    /// `meta.k8s.io/v1` Table: what `kubectl get` prints.
    case table
    /// `meta.k8s.io/v1` PartialObjectMetadata, or a list of them.
    case metadata
}

/// The encodings of objects.
enum AnswerEncoding: String, Sendable, Hashable, CaseIterable {
    case json = "application/json"
    case yaml = "application/yaml"
    case protobuf = "application/vnd.kubernetes.protobuf"

    /// The encoding that one entry of an `Accept` header is served with; nil where none is.
    fileprivate init?(_ range: MediaRange) {
        switch range.type {
        case "application/json", "application/*", "*/*": self = .json
        case "application/yaml": self = .yaml
        case "application/vnd.kubernetes.protobuf": self = .protobuf
        default: return nil
        }
    }

    /// The `Content-Type` of a watch.
    var streamType: String { self == .json ? rawValue : "\(rawValue);stream=watch" }
}

/// What an answer looks like: chosen by the `Accept` header.
struct AnswerFormat: Sendable, Hashable {
    var form = AnswerForm.object
    var encoding = AnswerEncoding.json

    /// Objects as JSON.
    static let json = AnswerFormat()

    init(form: AnswerForm = .object, encoding: AnswerEncoding = .json) {
        self.form = form
        self.encoding = encoding
    }

    /// The first format of the header that is served, the preferred ones first; nil where none is.
    ///
    /// - Parameter isWatch: YAML has no frames that a watch could be sent in.
    init?(accept header: String, isWatch: Bool = false) {
        self.init()
        // What most clients send needs no taking apart.
        guard !header.isEmpty, header != "application/json", header != "*/*" else { return }
        for range in MediaRange.preferred(header) {
            guard let encoding = AnswerEncoding(range), !(isWatch && encoding == .yaml) else { continue }
            guard let form = range.parameters["as"] else {
                self.encoding = encoding
                return
            }
            guard range.parameters["g"] == "meta.k8s.io", range.parameters["v"] == "v1" else { continue }
            switch form {
            // Cells may be anything, which protobuf has no message for.
            case "Table" where encoding != .protobuf: self.form = .table
            case "PartialObjectMetadata", "PartialObjectMetadataList": self.form = .metadata
            default: continue
            }
            self.encoding = encoding
            return
        }
        return nil
    }

    /// What is said to who takes none of them.
    static func refusal(isWatch: Bool) -> APIError {
        let types =
            isWatch
            ? ["\(AnswerEncoding.json.rawValue);stream=watch", AnswerEncoding.protobuf.streamType]
            : AnswerEncoding.allCases.map(\.rawValue)
        return refusal(accepted: types)
    }

    static func refusal(accepted types: [String]) -> APIError {
        APIError(
            code: 406, reason: .notAcceptable,
            message: "only the following media types are accepted: \(types.joined(separator: ", "))")
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

    /// Entries of a header that are looked at; no client sends a tenth of them.
    private static let maximumCount = 64

    static func list(_ header: String) -> [MediaRange] {
        header.split(separator: ",", maxSplits: maximumCount).prefix(maximumCount).map { MediaRange($0) }
    }

    /// The entries by their quality, those of the same in their order (RFC 9110, section 12.4.2); what has quality 0 is
    /// not wanted.
    static func preferred(_ header: String) -> [MediaRange] {
        let ranges = list(header)
        guard ranges.contains(where: { $0.parameters["q"] != nil }) else { return ranges }
        return ranges.enumerated().filter { $0.element.quality > 0 }.sorted {
            ($1.element.quality, $0.offset) < ($0.element.quality, $1.offset)
        }.map(\.element)
    }

    /// From 0 to 1.
    private var quality: Double {
        guard let text = parameters["q"] else { return 1 }
        return Double(text).map { min(max($0, 0), 1) } ?? 0
    }

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

/// What an `Accept-Encoding` header takes (RFC 9110, section 12.5.3).
struct AcceptedEncodings: Sendable {
    let gzip: Bool

    init(_ header: String?) {
        gzip = MediaRange.preferred(header ?? "").contains { ["gzip", "x-gzip"].contains($0.type) }
    }
}
