public import InternetAddress

extension TablesMessage {
    private static let newSet: UInt16 = 9
    private static let getSet: UInt16 = 10
    private static let deleteSet: UInt16 = 11
    private static let newElements: UInt16 = 12
    private static let deleteElements: UInt16 = 14

    /// Adds a set or a map; one that is there already, and is the same, stays with its elements.
    public static func addSet(_ set: TablesSet, table: String, _ family: IPAddress.Family) -> NetlinkMessage {
        var message = make(newSet, family, flags: NetlinkFlag.create, purpose: "add nftables set \(set.name)")
        message.attribute(1, table)
        message.attribute(2, set.name)
        message.attribute(3, big(set.flags))
        message.attribute(4, big(TablesSet.typeNumber(set.key, family)))
        message.attribute(5, big(UInt32(TablesSet.length(set.key, family))))
        switch set.content {
        case .keys: break
        case .verdicts:
            message.attribute(6, big(0xffff_ff00))
            message.attribute(7, big(0))
        case .values(let fields):
            message.attribute(6, big(TablesSet.typeNumber(fields, family)))
            message.attribute(7, big(UInt32(TablesSet.length(fields, family))))
        }
        if let size = set.size {
            message.nested(9 | nestedFlag) { $0.attribute(1, big(UInt32(size))) }
        }
        message.attribute(10, big(set.number))
        // For nft(8): a number's bytes are in the host's order (NFTNL_UDATA_SET_KEYBYTEORDER).
        if set.key == [.number] { message.attribute(13, [0, 4] + TablesElement.number(1)) }
        return message
    }

    /// Removes a set. No rule may use it any more.
    public static func deleteSet(_ name: String, table: String, _ family: IPAddress.Family) -> NetlinkMessage {
        var message = make(deleteSet, family, purpose: "delete nftables set \(name)")
        message.attribute(1, table)
        message.attribute(2, name)
        return message
    }

    /// The sets and maps of a table; those without a name of their own (`__map0`) too.
    public static func listSets(table: String, _ family: IPAddress.Family) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: subsystem | getSet, flags: NetlinkFlag.dump, purpose: "list nftables sets of \(table)",
            header: header(family))
        message.attribute(1, table)
        return message
    }

    /// The set's name in a reply of `listSets`.
    public static func setName(_ reply: NetlinkReply) -> String? {
        guard reply.type == subsystem | newSet else { return nil }
        return reply.attributes(after: 4)[2]?.text
    }

    /// Adds elements. More than one message where they are many: an attribute holds 64 KiB.
    public static func addElements(
        _ elements: [TablesElement], to set: TablesSet, table: String, _ family: IPAddress.Family
    ) -> [NetlinkMessage] {
        messages(
            newElements, elements, set, table, family, flags: NetlinkFlag.create, "add to nftables set \(set.name)")
    }

    /// Removes elements, which have to be there; only their keys count.
    public static func deleteElements(
        _ elements: [TablesElement], from set: TablesSet, table: String, _ family: IPAddress.Family
    ) -> [NetlinkMessage] {
        messages(deleteElements, elements, set, table, family, flags: 0, "delete from nftables set \(set.name)")
    }

    /// Removes all elements.
    public static func flushSet(_ name: String, table: String, _ family: IPAddress.Family) -> NetlinkMessage {
        var message = make(deleteElements, family, purpose: "empty nftables set \(name)")
        message.attribute(1, table)
        message.attribute(2, name)
        return message
    }

    private static func messages(
        _ type: UInt16, _ elements: [TablesElement], _ set: TablesSet, _ table: String, _ family: IPAddress.Family,
        flags: UInt16, _ purpose: String
    ) -> [NetlinkMessage] {
        // An element with a verdict is some 200 bytes at most: chain names have a bound.
        stride(from: 0, to: elements.count, by: elementsPerMessage).map { start in
            var message = make(type, family, flags: flags, purpose: purpose)
            message.attribute(1, table)
            message.attribute(2, set.name)
            message.attribute(4, big(set.number))
            message.nested(3 | nestedFlag) { list in
                for element in elements[start..<min(start + elementsPerMessage, elements.count)] {
                    list.append(element, withData: type == newElements)
                }
            }
            return message
        }
    }

    private static let elementsPerMessage = 250
}

/// A set of keys, or a map from keys to something.
public struct TablesSet: Sendable, Hashable {
    /// What keys and values are made of. Each field fills whole words of four bytes.
    public enum Field: Sendable, Hashable {
        case address, transport, port, number

        /// The type's number for nft(8), which shows elements by it; nothing to the kernel.
        func typeNumber(_ family: IPAddress.Family) -> UInt32 {
            switch self {
            case .address: family == .v4 ? 7 : 8
            case .transport: 12
            case .port: 13
            case .number: 4
            }
        }

        func length(_ family: IPAddress.Family) -> Int { self == .address ? Int(family.bits) / 8 : 4 }
    }

    public enum Content: Sendable, Hashable {
        /// A set.
        case keys
        /// A map to verdicts.
        case verdicts
        /// A map to values.
        case values([Field])
    }

    /// At most 255 bytes; `%d` at its end is replaced by a number.
    public var name: String
    public var key: [Field]
    public var content: Content
    /// Rules add elements, which end by themselves.
    public var isFilledByRules: Bool
    /// Belongs to the one rule that uses it, and goes with it; its elements never change.
    public var isAnonymous: Bool
    /// How many elements there may be; nil: no bound.
    public var size: Int?
    /// Names it inside a transaction that makes it.
    public var number: UInt32

    public init(
        _ name: String, key: [Field], content: Content = .keys, isFilledByRules: Bool = false, size: Int? = nil
    ) {
        self.name = name
        self.key = key
        self.content = content
        self.isFilledByRules = isFilledByRules
        self.size = size
        isAnonymous = false
        number = 0
    }

    /// - Parameter number: not 0, and another for each of a transaction.
    public static func anonymous(
        number: UInt32, key: [Field], content: Content = .keys, size: Int
    ) -> TablesSet {
        var set = TablesSet(content == .keys ? "__set%d" : "__map%d", key: key, content: content, size: size)
        set.isAnonymous = true
        set.number = number
        return set
    }

    /// NFT_SET_*
    var flags: UInt32 {
        (isAnonymous ? 0x1 | 0x2 : 0) | (content == .keys ? 0 : 0x8) | (isFilledByRules ? 0x10 | 0x20 : 0)
    }

    static func length(_ fields: [Field], _ family: IPAddress.Family) -> Int {
        fields.reduce(0) { $0 + $1.length(family) }
    }

    static func typeNumber(_ fields: [Field], _ family: IPAddress.Family) -> UInt32 {
        fields.reduce(0) { $0 << 6 | $1.typeNumber(family) }
    }
}

/// An element of a set or map; fields of keys and values are padded to four bytes each (`TablesElement.port`).
public struct TablesElement: Sendable, Hashable {
    public enum Data: Sendable, Hashable {
        case none
        case verdict(TablesVerdict)
        case value([UInt8])
    }

    public var key: [UInt8]
    public var data: Data

    public init(_ key: [UInt8], _ data: Data = .none) {
        self.key = key
        self.data = data
    }

    /// A port as it stands in keys, values and registers.
    public static func port(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 0xff), 0, 0] }

    /// A protocol's number (IPPROTO_*) as it stands in keys and registers.
    public static func transport(_ number: UInt8) -> [UInt8] { [number, 0, 0, 0] }

    /// A number as it stands in keys and registers: in the host's byte order.
    public static func number(_ value: UInt32) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(native: value)
        return bytes
    }
}

extension NetlinkMessage {
    fileprivate mutating func append(_ element: TablesElement, withData: Bool) {
        nested(1 | TablesMessage.nestedFlag) {
            $0.data(1, element.key)
            guard withData else { return }
            switch element.data {
            case .none: break
            case .verdict(let verdict): $0.nested(2 | TablesMessage.nestedFlag) { $0.append(verdict) }
            case .value(let bytes): $0.data(2, bytes)
            }
        }
    }
}
