/// An IPv4 network in CIDR notation.
public struct IPv4Range: Sendable, Hashable, CustomStringConvertible {
    /// The network's address; host bits are 0.
    public let network: UInt32
    public let prefixLength: UInt8

    public init(network: UInt32, prefixLength: UInt8) {
        self.prefixLength = min(prefixLength, 32)
        self.network = network & Self.mask(self.prefixLength)
    }

    /// Parses `a.b.c.d/n`. Host bits must be 0. Nil where it is no such thing.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = Self.address(String(parts[0])), let length = UInt8(parts[1]),
            length <= 32, String(length) == parts[1], address & Self.mask(length) == address
        else { return nil }
        network = address
        prefixLength = length
    }

    public var description: String { "\(Self.text(network))/\(prefixLength)" }

    /// How many addresses it spans.
    public var count: UInt64 { 1 << UInt64(32 - prefixLength) }

    public func contains(_ address: UInt32) -> Bool { address & Self.mask(prefixLength) == network }

    public func overlaps(_ other: IPv4Range) -> Bool {
        contains(other.network) || other.contains(network)
    }

    private static func mask(_ length: UInt8) -> UInt32 { length == 0 ? 0 : .max << (32 - UInt32(length)) }

    /// Dotted decimal to a number; nil where a part is missing, above 255 or has leading zeros.
    public static func address(_ text: String) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let byte = UInt8(part), String(byte) == part else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    public static func text(_ address: UInt32) -> String {
        bytes(address).map(String.init).joined(separator: ".")
    }

    /// In network byte order.
    public static func bytes(_ address: UInt32) -> [UInt8] {
        [UInt8(address >> 24), UInt8(address >> 16 & 0xff), UInt8(address >> 8 & 0xff), UInt8(address & 0xff)]
    }

    static func number(_ bytes: [UInt8]) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
}
