import InternetAddress

/// What a name below `in-addr.arpa` or `ip6.arpa` stands for (RFC 1035 section 3.5, RFC 3596 section 2.5).
struct ReverseName: Sendable, Hashable {
    /// All the addresses whose names are at or below it; one address where its prefix is a whole address.
    var range: IPRange
    /// Whether there are labels in front that belong to no address.
    var isBeyond: Bool

    /// The address of a name that is exactly one.
    var address: IPAddress? { range.prefixLength == range.family.bits && !isBeyond ? range.network : nil }

    /// - Parameter labels: in lower case, the leftmost first. Nil where they are no reverse name.
    init?(labels: [String]) {
        guard labels.count >= 2, labels[labels.count - 1] == "arpa" else { return nil }
        let family: IPAddress.Family
        switch labels[labels.count - 2] {
        case "in-addr": family = .v4
        case "ip6": family = .v6
        default: return nil
        }
        let width = Self.bitsPerLabel(family)
        var value: UInt128 = 0
        var length: UInt8 = 0
        var count = 0
        for label in labels.dropLast(2).reversed() {
            guard length < family.bits, let number = Self.number(label, family) else { break }
            length += width
            count += 1
            value |= UInt128(number) << UInt128(family.bits - length)
        }
        range = IPRange(IPAddress(family, value), prefixLength: length)
        isBeyond = count < labels.count - 2
    }

    /// Eight bits of an IPv4 address, four of an IPv6 address.
    static func bitsPerLabel(_ family: IPAddress.Family) -> UInt8 { family == .v4 ? 8 : 4 }

    private static func number(_ label: String, _ family: IPAddress.Family) -> UInt8? {
        switch family {
        case .v4: UInt8(label).flatMap { String($0) == label ? $0 : nil }
        case .v6: label.utf8.count == 1 ? UInt8(label, radix: 16) : nil
        }
    }
}
