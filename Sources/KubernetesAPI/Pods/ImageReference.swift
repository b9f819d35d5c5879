/// The parts of an image's name: `registry:5000/team/web:1.4@sha256:...`.
public struct ImageReference: Sendable, Hashable {
    /// Without tag and digest.
    public var name: String
    /// `latest` where neither a tag nor a digest is given; empty where only a digest is.
    public var tag: String
    /// E.g. `sha256:...`; empty where none is given.
    public var digest: String

    public init(_ text: String) {
        var rest = text[...]
        digest = ""
        if let at = rest.firstIndex(of: "@") {
            digest = String(rest[rest.index(after: at)...])
            rest = rest[..<at]
        }
        // A colon before the last slash belongs to the registry's port.
        let afterSlash = rest.lastIndex(of: "/").map { rest.index(after: $0) } ?? rest.startIndex
        if let colon = rest[afterSlash...].lastIndex(of: ":") {
            tag = String(rest[rest.index(after: colon)...])
            name = String(rest[..<colon])
        } else {
            tag = digest.isEmpty ? "latest" : ""
            name = String(rest)
        }
    }
}
