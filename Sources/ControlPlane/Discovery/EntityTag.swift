/// The tag that names a document's content (RFC 9110, section 8.8.3).
enum EntityTag {
    /// Whether an `If-None-Match` header names the tag (section 13.1.2): one of several, a weak one, or any.
    ///
    /// - Parameter tag: with its quotes.
    static func matches(_ tag: String, ifNoneMatch header: String) -> Bool {
        header.split(separator: ",").contains { entry in
            let entry = entry.drop { $0 == " " || $0 == "\t" }
            let end = entry.lastIndex { $0 != " " && $0 != "\t" }.map(entry.index(after:)) ?? entry.startIndex
            let named = entry[..<end]
            return named == "*" || (named.hasPrefix("W/") ? named.dropFirst(2) : named) == tag
        }
    }
}
