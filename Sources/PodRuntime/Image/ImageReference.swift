/// The name of an image: `[registry/]path[:tag][@digest]` (distribution's reference grammar), in its full form.
///
/// `nginx` is short for `docker.io/library/nginx:latest`.
public struct ImageReference: Sendable, Hashable, CustomStringConvertible {
    /// `docker.io`, `localhost:5000`.
    public let registry: String
    /// `library/nginx`.
    public let path: String
    /// `latest` where neither a tag nor a digest is named.
    public let tag: String?
    /// `sha256:...`
    public let digest: String?

    /// - Throws: `RuntimeError(.configuration)` that says what is wrong with the text.
    public init(_ text: String) throws {
        func wrong(_ reason: String) -> RuntimeError {
            RuntimeError(
                .configuration, step: "image reference", object: text,
                message: "invalid image reference \"\(text)\": \(reason)")
        }
        guard !text.isEmpty else { throw wrong("it is empty") }
        guard text.utf8.count <= 512 else { throw wrong("it is longer than 512 bytes") }
        var rest = text[...]
        if let at = rest.firstIndex(of: "@") {
            let digest = String(rest[rest.index(after: at)...])
            let hexadecimal = digest.dropFirst(7)
            guard digest.hasPrefix("sha256:"), hexadecimal.utf8.count == 64,
                hexadecimal.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
            else { throw wrong("the digest is not sha256: and 64 lower-case hexadecimal digits") }
            self.digest = digest
            rest = rest[..<at]
        } else {
            digest = nil
        }
        let lastSlash = rest.lastIndex(of: "/")
        if let colon = rest.lastIndex(of: ":"), lastSlash.map({ colon > $0 }) ?? true {
            let tag = String(rest[rest.index(after: colon)...])
            guard Self.isTag(tag) else { throw wrong("\"\(tag)\" is not a tag") }
            self.tag = tag
            rest = rest[..<colon]
        } else {
            tag = digest == nil ? "latest" : nil
        }
        var components = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if components.count > 1, let first = components.first,
            first.contains(".") || first.contains(":") || first == "localhost"
        {
            guard first.utf8.allSatisfy({ Self.isAlphanumeric($0, upper: true) || ".-:".utf8.contains($0) }) else {
                throw wrong("\"\(first)\" is not a registry")
            }
            // docker.io's other name.
            registry = first == "index.docker.io" ? "docker.io" : first
            components.removeFirst()
        } else {
            registry = "docker.io"
        }
        for component in components {
            guard Self.isPathComponent(component) else {
                throw wrong(
                    component.contains(where: \.isUppercase)
                        ? "repository name must be lowercase" : "\"\(component)\" is not a part of a repository's name")
            }
        }
        if registry == "docker.io", components.count == 1 { components.insert("library", at: 0) }
        path = components.joined(separator: "/")
    }

    /// The full form.
    public var description: String {
        "\(registry)/\(path)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// The form that people type: without `docker.io/` and `library/`.
    public var familiar: String {
        var name = "\(registry)/\(path)"
        if registry == "docker.io" { name = path.hasPrefix("library/") ? String(path.dropFirst(8)) : path }
        return name + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    private static func isAlphanumeric(_ byte: UInt8, upper: Bool) -> Bool {
        (48...57).contains(byte) || (97...122).contains(byte) || (upper && (65...90).contains(byte))
    }

    private static func isTag(_ tag: String) -> Bool {
        guard let first = tag.utf8.first, tag.utf8.count <= 128 else { return false }
        return (isAlphanumeric(first, upper: true) || first == UInt8(ascii: "_"))
            && tag.utf8.allSatisfy { isAlphanumeric($0, upper: true) || "_.-".utf8.contains($0) }
    }

    /// Lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
    private static func isPathComponent(_ component: String) -> Bool {
        guard let first = component.utf8.first, let last = component.utf8.last, isAlphanumeric(first, upper: false),
            isAlphanumeric(last, upper: false)
        else { return false }
        let separators = component.split { character in
            character.isASCII && isAlphanumeric(character.asciiValue ?? 0, upper: false)
        }
        return separators.allSatisfy { $0 == "." || $0 == "_" || $0 == "__" || $0.allSatisfy { $0 == "-" } }
    }
}
