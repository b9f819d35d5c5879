/// A network in CIDR notation, such as `10.244.0.0/24` or `fd00:10:244::/64`.
public struct IPRange: Sendable, Hashable {
    /// The network's address; host bits are 0.
    public let network: IPAddress
    public let prefixLength: UInt8

    /// The network that `address` is in: its host bits are cleared.
    public init(_ address: IPAddress, prefixLength: UInt8) {
        self.prefixLength = min(prefixLength, address.family.bits)
        network = IPAddress(address.family, address.value & Self.mask(address.family, self.prefixLength))
    }

    public var family: IPAddress.Family { network.family }

    /// How many addresses it spans less one: the offset of its last address. (2 to the power of 128 has no number.)
    public var lastOffset: UInt128 { ~Self.mask(family, prefixLength) & Self.mask(family, family.bits) }

    public var last: IPAddress { IPAddress(family, network.value | lastOffset) }

    /// The address at an offset from the network's; nil beyond its end.
    public func address(at offset: UInt128) -> IPAddress? {
        offset <= lastOffset ? IPAddress(family, network.value + offset) : nil
    }

    /// How far an address is from the network's; nil where it is outside.
    public func offset(of address: IPAddress) -> UInt128? {
        contains(address) ? address.value - network.value : nil
    }

    public func contains(_ address: IPAddress) -> Bool {
        address.family == family && address.value & Self.mask(family, prefixLength) == network.value
    }

    public func overlaps(_ other: IPRange) -> Bool {
        contains(other.network) || other.contains(network)
    }

    private static func mask(_ family: IPAddress.Family, _ length: UInt8) -> UInt128 {
        let all: UInt128 = family == .v4 ? 0xffff_ffff : .max
        return length == 0 ? 0 : all & ~(all >> UInt128(length))
    }
}

extension IPRange: CustomStringConvertible, LosslessStringConvertible, Codable {
    /// Parses `ADDRESS/LENGTH`. Host bits must be 0, and the length has no leading zeros. Nil where it is no such thing.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = UInt8(parts[1]),
            String(length) == parts[1], length <= address.family.bits
        else { return nil }
        self.init(address, prefixLength: length)
        guard network == address else { return nil }
    }

    public var description: String { "\(network)/\(prefixLength)" }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let range = IPRange(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is no CIDR")
        }
        self = range
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
