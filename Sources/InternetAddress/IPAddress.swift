/// An IPv4 or IPv6 address, as a number. Zones (`fe80::1%eth0`) are no part of it.
public struct IPAddress: Sendable, Hashable {
    public enum Family: UInt8, Sendable, Hashable, CaseIterable {
        case v4 = 4
        case v6 = 6

        /// 32 or 128.
        public var bits: UInt8 { self == .v4 ? 32 : 128 }
    }

    public let family: Family
    /// The address as a number; the upper 96 bits of an IPv4 address are 0.
    public let value: UInt128

    /// - Parameter value: of an IPv4 address only the lower 32 bits count.
    public init(_ family: Family, _ value: UInt128) {
        self.family = family
        self.value = family == .v4 ? value & 0xffff_ffff : value
    }

    /// Four or sixteen bytes in network order; nil where there are more or fewer.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.init(bytes.count == 4 ? .v4 : .v6, bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    /// Four or sixteen, in network order.
    public var bytes: [UInt8] {
        stride(from: Int(family.bits) - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt128($0)) }
    }

    /// 0.0.0.0 or `::`.
    public var isUnspecified: Bool { value == 0 }

    /// 127.0.0.0/8 or `::1`.
    public var isLoopback: Bool { family == .v4 ? value >> 24 == 127 : value == 1 }

    /// 224.0.0.0/4 or ff00::/8.
    public var isMulticast: Bool { family == .v4 ? value >> 28 == 0xe : value >> 120 == 0xff }

    /// 169.254.0.0/16 or fe80::/10.
    public var isLinkLocal: Bool { family == .v4 ? value >> 16 == 0xa9fe : value >> 118 == 0x3fa }

    /// The address that is `offset` further, or nil beyond the end of the family.
    public func advanced(by offset: UInt128) -> IPAddress? {
        let (sum, overflow) = value.addingReportingOverflow(offset)
        guard !overflow, family == .v6 || sum <= 0xffff_ffff else { return nil }
        return IPAddress(family, sum)
    }
}

// MARK: Text

extension IPAddress: CustomStringConvertible, LosslessStringConvertible, Codable, Comparable {
    /// Dotted decimal without leading zeros, or any of the forms of RFC 4291 section 2.2. Nil where it is no address.
    public init?(_ text: String) {
        guard text.utf8.count <= 45 else { return nil }
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let value = Self.sixteenBytes(text) else { return nil }
            self.init(.v6, value)
        } else {
            guard let value = Self.dotted(text[...]) else { return nil }
            self.init(.v4, value)
        }
    }

    private static func dotted(_ text: Substring) -> UInt128? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt128 = 0
        for part in parts {
            guard let byte = UInt8(part), String(byte) == part else { return nil }
            value = value << 8 | UInt128(byte)
        }
        return value
    }

    private static func sixteenBytes(_ text: String) -> UInt128? {
        let halves = text.splitOnce("::")
        guard let head = groups(halves.0, isLast: halves.1 == nil), let tail = groups(halves.1 ?? "", isLast: true)
        else { return nil }
        let count = head.count + tail.count
        guard halves.1 == nil ? count == 8 : count <= 7 else { return nil }
        let all = head + [UInt16](repeating: 0, count: 8 - count) + tail
        return all.reduce(0) { $0 << 16 | UInt128($1) }
    }

    /// `a:b:c`; at the end of the address the last may be an IPv4 address. Nil where a group is none.
    private static func groups(_ text: Substring, isLast: Bool) -> [UInt16]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if isLast, index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
                guard let value = dotted(part) else { return nil }
                groups += [UInt16(truncatingIfNeeded: value >> 16), UInt16(truncatingIfNeeded: value)]
            } else {
                let isHexadecimal = part.utf8.allSatisfy { Character(Unicode.Scalar($0)).isHexDigit }
                guard (1...4).contains(part.utf8.count), isHexadecimal, let group = UInt16(part, radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
    }

    /// The canonical text: RFC 5952 for IPv6.
    public var description: String {
        if family == .v4 { return bytes.map { String($0) }.joined(separator: ".") }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> UInt128(112 - 16 * $0)) }
        if groups[0..<5].allSatisfy({ $0 == 0 }), groups[5] == 0xffff {
            return "::ffff:\(IPAddress(.v4, value))"
        }
        // The longest run of two or more zero groups, the first of several.
        var best = 0..<0
        var start = 0
        while start < 8 {
            let end = groups[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > max(best.count, 1) { best = start..<end }
            start = end + 1
        }
        func text(_ range: Range<Int>) -> String {
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(0..<8) : "\(text(0..<best.lowerBound))::\(text(best.upperBound..<8))"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let address = IPAddress(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no IP address")
        }
        self = address
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    /// IPv4 before IPv6, then by number.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        (left.family.rawValue, left.value) < (right.family.rawValue, right.value)
    }
}

extension String {
    /// What is before and after the first occurrence; nil after it where there is none.
    fileprivate func splitOnce(_ separator: String) -> (Substring, Substring?) {
        var index = startIndex
        while index < endIndex {
            let rest = self[index...]
            if rest.hasPrefix(separator) { return (self[..<index], rest.dropFirst(separator.count)) }
            index = self.index(after: index)
        }
        return (self[...], nil)
    }
}
