/// Addresses as the API takes them, without a resolver.
enum IPAddress {
    static let problem = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"

    static func isValid(_ text: String) -> Bool { isIPv4(text[...]) || isIPv6(text) }

    /// Four decimal numbers without leading zeros.
    static func isIPv4(_ text: Substring) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                    part == "0" || part.first != "0"
                else { return false }
                return UInt8(part) != nil
            }
    }

    /// RFC 4291 text: eight groups, or fewer with one `::`; the last two may be an IPv4 address.
    private static func isIPv6(_ text: String) -> Bool {
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard text.contains(":"), halves.count <= 2 else { return false }
        var count = 0
        for (number, half) in halves.enumerated() where !half.isEmpty {
            let groups = half.split(separator: ":", omittingEmptySubsequences: false)
            for (index, group) in groups.enumerated() {
                if number == halves.count - 1, index == groups.count - 1, isIPv4(group) {
                    count += 2
                } else if (1...4).contains(group.utf8.count), group.allSatisfy(\.isHexDigit) {
                    count += 1
                } else {
                    return false
                }
            }
        }
        return halves.count == 2 ? count <= 7 : count == 8
    }
}
