import KubernetesAPI

/// Whether a text can be the name of an image at all (distribution/reference: name, tag and digest).
enum ImageName {
    static func isValid(_ text: String) -> Bool {
        let reference = ImageReference(text)
        guard !reference.name.isEmpty, reference.name.utf8.count <= 255 else { return false }
        if text.hasSuffix(":") || text.hasSuffix("@") { return false }
        if !reference.tag.isEmpty, !isTag(reference.tag) { return false }
        if !reference.digest.isEmpty, !isDigest(reference.digest) { return false }
        let components = reference.name.split(separator: "/", omittingEmptySubsequences: false)
        for (index, component) in components.enumerated() {
            // The first of several may be a registry's host, with a port.
            if index == 0, components.count > 1, isHost(component) { continue }
            guard isPathComponent(component) else { return false }
        }
        return true
    }

    private static func isTag(_ tag: String) -> Bool {
        tag.utf8.count <= 128 && !tag.hasPrefix(".") && !tag.hasPrefix("-")
            && tag.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") || isMark($0) }
    }

    private static func isDigest(_ digest: String) -> Bool {
        let parts = digest.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && parts[1].utf8.count >= 32
            && parts[1].utf8.allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }

    private static func isHost(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { isAlphanumeric($0) || isMark($0) || $0 == UInt8(ascii: ":") }
    }

    /// Small letters and digits, with one `.`, one or two `_` or any number of `-` between them.
    private static func isPathComponent(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, isSmall(first), isSmall(last) else { return false }
        var index = 0
        while index < bytes.count {
            guard !isSmall(bytes[index]) else {
                index += 1
                continue
            }
            let start = index
            while index < bytes.count, !isSmall(bytes[index]) { index += 1 }
            let separator = String(decoding: bytes[start..<index], as: UTF8.self)
            guard separator == "." || separator == "_" || separator == "__" || separator.allSatisfy({ $0 == "-" })
            else {
                return false
            }
        }
        return true
    }

    private static func isSmall(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isSmall(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    private static func isMark(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") }
}
