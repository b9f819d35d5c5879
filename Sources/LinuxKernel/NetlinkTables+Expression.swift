public import InternetAddress

/// One step of a rule. Steps work on sixteen registers of four bytes; a comparison or lookup that fails ends the rule,
/// and the chain goes on with the next.
public enum TablesExpression: Sendable, Hashable {
    /// What a packet says of itself and its way.
    public enum Fact: Sendable, Hashable {
        /// Four or sixteen bytes.
        case sourceAddress, destinationAddress
        /// IPPROTO_*, one byte.
        case transport
        /// Two bytes.
        case destinationPort
        /// Sixteen bytes, padded with NUL; all NUL where there is none.
        case inputDevice, outputDevice
        /// Four bytes in the host's byte order.
        case mark
        /// A bit mask in the host's byte order: `connectionIsInvalid` is one.
        case connectionState
        /// The type of the route to the destination, in the host's byte order: `routeIsLocal` is one.
        case destinationType
    }

    case load(Fact, to: TablesRegister)
    case setMark(from: TablesRegister)
    case immediate(TablesRegister, [UInt8])
    /// register = (register & mask) ^ flip; both have the same length.
    case bitwise(TablesRegister, mask: [UInt8], flip: [UInt8])
    case compare(TablesRegister, equal: Bool, [UInt8])
    /// Goes on where the key is in the set; `to` takes a map's value.
    case lookup(TablesRegister, in: TablesSet, to: TablesRegister?)
    /// Ends with the map's verdict, or goes on where there is none.
    case verdictLookup(TablesRegister, in: TablesSet)
    /// A number from 0 to less than the modulus.
    case random(modulus: UInt32, to: TablesRegister)
    /// Keeps key and value in a map for a time from now; a value that is kept already stays. Fails where the map is full.
    case remember(key: TablesRegister, value: TablesRegister, in: TablesSet, milliseconds: UInt64)
    /// Takes a key out of a map; the value does not count, but the kernel asks for one.
    case forget(key: TablesRegister, value: TablesRegister, in: TablesSet)
    case destinationNAT(address: TablesRegister, port: TablesRegister)
    /// - Parameter randomPort: the new source port does not depend on the old one: connections that are made at the same
    ///   moment do not end up with the same.
    case masquerade(randomPort: Bool)
    case rejectWithReset
    /// ICMP or ICMPv6 "port unreachable".
    case rejectPort
    case verdict(TablesVerdict)

    public static let connectionIsInvalid: UInt32 = 1
    public static let routeIsLocal: UInt32 = 2

    /// A device's name as `inputDevice` and `outputDevice` have it.
    public static func device(_ name: String) -> [UInt8] {
        let bytes = Array(name.utf8.prefix(15))
        return bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
    }

    public enum End: Sendable {
        case source, destination
    }

    /// Goes on where an address is inside a network of the table's family. Uses the first four registers.
    public static func match(_ end: End, in range: IPRange) -> [TablesExpression] {
        let mask = IPAddress(range.family, ~range.lastOffset).bytes
        return [
            .load(end == .source ? .sourceAddress : .destinationAddress, to: .word(0)),
            .bitwise(.word(0), mask: mask, flip: [UInt8](repeating: 0, count: mask.count)),
            .compare(.word(0), equal: true, range.network.bytes),
        ]
    }
}

/// Four bytes of a rule's memory, of sixteen; longer values fill the following ones too.
public struct TablesRegister: Sendable, Hashable {
    let number: UInt32

    /// - Parameter index: 0 to 15.
    public static func word(_ index: Int) -> TablesRegister {
        precondition((0..<16).contains(index))
        // NFT_REG32_00 is 8.
        return TablesRegister(number: UInt32(8 + index))
    }
}

/// What becomes of a packet, or where its way goes on.
public enum TablesVerdict: Sendable, Hashable {
    case accept, drop, leave
    /// Comes back where that chain ends.
    case jump(String)
    case goto(String)
}

extension NetlinkMessage {
    mutating func append(_ expression: TablesExpression, family: IPAddress.Family) {
        func big(_ value: UInt32) -> [UInt8] { TablesMessage.big(value) }
        switch expression {
        case .load(let fact, let register): load(fact, to: register, family: family)
        case .setMark(let register):
            self.expression("meta") {
                $0.attribute(2, big(3))
                $0.attribute(3, big(register.number))
            }
        case .immediate(let register, let bytes):
            self.expression("immediate") {
                $0.attribute(1, big(register.number))
                $0.data(2, bytes)
            }
        case .bitwise(let register, let mask, let flip):
            self.expression("bitwise") {
                $0.attribute(1, big(register.number))
                $0.attribute(2, big(register.number))
                $0.attribute(3, big(UInt32(mask.count)))
                $0.data(4, mask)
                $0.data(5, flip)
            }
        case .compare(let register, let equal, let bytes):
            self.expression("cmp") {
                $0.attribute(1, big(register.number))
                $0.attribute(2, big(equal ? 0 : 1))
                $0.data(3, bytes)
            }
        case .lookup(let key, let set, let value): lookup(key, in: set, to: value?.number)
        case .verdictLookup(let key, let set): lookup(key, in: set, to: 0)
        case .random(let modulus, let register):
            self.expression("numgen") {
                $0.attribute(1, big(register.number))
                $0.attribute(2, big(modulus))
                $0.attribute(3, big(1))
            }
        case .remember(let key, let value, let set, let milliseconds):
            dynamicSet(1, key, value, set, milliseconds: milliseconds)
        case .forget(let key, let value, let set): dynamicSet(2, key, value, set, milliseconds: nil)
        case .destinationNAT(let address, let port):
            self.expression("nat") {
                $0.attribute(1, big(1))
                $0.attribute(2, big(family == .v4 ? 2 : 10))
                $0.attribute(3, big(address.number))
                $0.attribute(5, big(port.number))
            }
        case .masquerade(let randomPort):
            // NF_NAT_RANGE_PROTO_RANDOM_FULLY
            self.expression("masq") { if randomPort { $0.attribute(1, big(0x10)) } }
        case .rejectWithReset:
            self.expression("reject") {
                $0.attribute(1, big(1))
                $0.attribute(2, [0])
            }
        case .rejectPort:
            self.expression("reject") {
                $0.attribute(1, big(0))
                // ICMP code 3, ICMPv6 code 4: port unreachable
                $0.attribute(2, [family == .v4 ? 3 : 4])
            }
        case .verdict(let verdict):
            self.expression("immediate") {
                $0.attribute(1, big(0))
                $0.nested(2 | TablesMessage.nestedFlag) { $0.append(verdict) }
            }
        }
    }

    private mutating func load(_ fact: TablesExpression.Fact, to register: TablesRegister, family: IPAddress.Family) {
        func big(_ value: UInt32) -> [UInt8] { TablesMessage.big(value) }
        func payload(base: UInt32, offset: Int, length: Int) {
            expression("payload") {
                $0.attribute(1, big(register.number))
                $0.attribute(2, big(base))
                $0.attribute(3, big(UInt32(offset)))
                $0.attribute(4, big(UInt32(length)))
            }
        }
        func meta(_ key: UInt32) {
            expression("meta") {
                $0.attribute(1, big(register.number))
                $0.attribute(2, big(key))
            }
        }
        let (network, transport): (UInt32, UInt32) = (1, 2)
        switch fact {
        case .sourceAddress:
            payload(base: network, offset: family == .v4 ? 12 : 8, length: Int(family.bits) / 8)
        case .destinationAddress:
            payload(base: network, offset: family == .v4 ? 16 : 24, length: Int(family.bits) / 8)
        case .destinationPort: payload(base: transport, offset: 2, length: 2)
        case .mark: meta(3)
        case .inputDevice: meta(6)
        case .outputDevice: meta(7)
        case .transport: meta(16)
        case .connectionState:
            expression("ct") {
                $0.attribute(1, big(register.number))
                $0.attribute(2, big(0))
            }
        case .destinationType:
            expression("fib") {
                $0.attribute(1, big(register.number))
                // NFT_FIB_RESULT_ADDRTYPE of NFTA_FIB_F_DADDR
                $0.attribute(2, big(3))
                $0.attribute(3, big(2))
            }
        }
    }

    private mutating func lookup(_ key: TablesRegister, in set: TablesSet, to register: UInt32?) {
        expression("lookup") {
            $0.attribute(1, set.name)
            $0.attribute(2, TablesMessage.big(key.number))
            if let register { $0.attribute(3, TablesMessage.big(register)) }
            $0.attribute(4, TablesMessage.big(set.number))
        }
    }

    private mutating func dynamicSet(
        _ operation: UInt32, _ key: TablesRegister, _ value: TablesRegister, _ set: TablesSet, milliseconds: UInt64?
    ) {
        expression("dynset") {
            $0.attribute(1, set.name)
            $0.attribute(2, TablesMessage.big(set.number))
            $0.attribute(3, TablesMessage.big(operation))
            $0.attribute(4, TablesMessage.big(key.number))
            $0.attribute(5, TablesMessage.big(value.number))
            if let milliseconds {
                $0.attribute(
                    6,
                    TablesMessage.big(UInt32(milliseconds >> 32))
                        + TablesMessage.big(UInt32(truncatingIfNeeded: milliseconds)))
            }
        }
    }

    /// NFTA_LIST_ELEM with the expression's name and its attributes.
    private mutating func expression(_ name: String, _ fill: (inout NetlinkMessage) -> Void) {
        nested(1 | TablesMessage.nestedFlag) {
            $0.attribute(1, name)
            $0.nested(2 | TablesMessage.nestedFlag, fill)
        }
    }

    /// NFTA_DATA_VALUE.
    mutating func data(_ type: UInt16, _ bytes: [UInt8]) {
        nested(type | TablesMessage.nestedFlag) { $0.attribute(1, bytes) }
    }

    /// NFTA_DATA_VERDICT.
    mutating func append(_ verdict: TablesVerdict) {
        let (code, chain): (Int32, String?) =
            switch verdict {
            case .drop: (0, nil)
            case .accept: (1, nil)
            case .jump(let chain): (-3, chain)
            case .goto(let chain): (-4, chain)
            case .leave: (-5, nil)
            }
        nested(2 | TablesMessage.nestedFlag) {
            $0.attribute(1, TablesMessage.big(UInt32(bitPattern: code)))
            if let chain { $0.attribute(2, chain) }
        }
    }
}
