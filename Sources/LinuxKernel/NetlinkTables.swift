import Glibc

/// nf_tables over netlink (linux/netfilter/nf_tables.h): the few objects that we make, each change one transaction.
///
/// Numbers inside attributes are in network byte order here, other than in rtnetlink.
public enum TablesMessage {
    private static let subsystem: UInt16 = 10 << 8
    private static let newTable: UInt16 = 0
    private static let getTable: UInt16 = 1
    private static let deleteTable: UInt16 = 2
    private static let newChain: UInt16 = 3
    private static let newRule: UInt16 = 6
    private static let familyIPv4: UInt8 = 2

    private static func header(_ family: UInt8 = familyIPv4, resource: UInt16 = 0) -> [UInt8] {
        // struct nfgenmsg: family, version, resource id in network byte order
        [family, 0, UInt8(resource >> 8), UInt8(resource & 0xff)]
    }

    /// All messages between the markers are carried out together or not at all.
    public static func transaction(_ messages: [NetlinkMessage]) -> [NetlinkMessage] {
        let begin = NetlinkMessage(type: 16, purpose: "begin transaction", header: header(0, resource: 10))
        let end = NetlinkMessage(type: 17, purpose: "end transaction", header: header(0, resource: 10))
        return [begin] + messages + [end]
    }

    /// Adds a table; one that is there already stays as it is.
    public static func addTable(_ name: String) -> NetlinkMessage {
        var message = make(newTable, flags: NetlinkFlag.create, purpose: "add nftables table \(name)")
        message.attribute(1, name)
        return message
    }

    public static func deleteTable(_ name: String) -> NetlinkMessage {
        var message = make(deleteTable, purpose: "delete nftables table \(name)")
        message.attribute(1, name)
        return message
    }

    public static func listTables() -> NetlinkMessage {
        NetlinkMessage(
            type: subsystem | getTable, flags: NetlinkFlag.dump, purpose: "list nftables tables", header: header())
    }

    /// The table's name in a reply of `listTables`.
    public static func tableName(_ reply: NetlinkReply) -> String? {
        guard reply.type == subsystem | newTable else { return nil }
        return reply.attributes(after: 4)[1]?.text
    }

    /// A base chain of type `nat` at the postrouting hook with priority 100 (srcnat).
    public static func addPostroutingChain(_ name: String, table: String) -> NetlinkMessage {
        let postrouting: UInt32 = 4
        var message = make(newChain, flags: NetlinkFlag.create, purpose: "add nftables chain \(name)")
        message.attribute(1, table)
        message.attribute(3, name)
        message.nested(4 | nestedFlag) {
            $0.attribute(1, big(postrouting))
            $0.attribute(2, big(100))
        }
        message.attribute(7, "nat")
        return message
    }

    /// `ip saddr <source> oifname != <device> masquerade`
    ///
    /// - Parameter source: network address and prefix length.
    public static func addMasquerade(
        source: (address: [UInt8], prefixLength: UInt8), unlessOut device: String, chain: String, table: String
    ) -> NetlinkMessage {
        let mask = UInt32.max << (32 - UInt32(source.prefixLength))
        var name = Array(device.utf8)
        name.append(contentsOf: [UInt8](repeating: 0, count: 16 - name.count))
        var message = make(
            newRule, flags: NetlinkFlag.create | NetlinkFlag.append,
            purpose: "add masquerading of \(RouteMessage.dotted(source.address))/\(source.prefixLength)")
        message.attribute(1, table)
        message.attribute(2, chain)
        message.nested(4 | nestedFlag) {
            // register 1 = four bytes at offset 12 of the network header: the source address
            $0.expression("payload") {
                $0.attribute(1, big(1))
                $0.attribute(2, big(1))
                $0.attribute(3, big(12))
                $0.attribute(4, big(4))
            }
            $0.expression("bitwise") {
                $0.attribute(1, big(1))
                $0.attribute(2, big(1))
                $0.attribute(3, big(4))
                $0.data(4, big(mask))
                $0.data(5, big(0))
            }
            $0.compare(register: 1, equal: true, to: source.address)
            // register 1 = NFT_META_OIFNAME
            $0.expression("meta") {
                $0.attribute(1, big(1))
                $0.attribute(2, big(7))
            }
            $0.compare(register: 1, equal: false, to: name)
            $0.expression("masq") { _ in }
        }
        return message
    }

    private static func make(_ type: UInt16, flags: UInt16 = 0, purpose: String) -> NetlinkMessage {
        NetlinkMessage(
            type: subsystem | type, flags: flags | NetlinkFlag.acknowledge, purpose: purpose, header: header())
    }

    fileprivate static let nestedFlag: UInt16 = 0x8000

    /// Network byte order.
    fileprivate static func big(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)]
    }
}

extension NetlinkMessage {
    /// NFTA_LIST_ELEM with the expression's name and its attributes.
    fileprivate mutating func expression(_ name: String, _ fill: (inout NetlinkMessage) -> Void) {
        nested(1 | TablesMessage.nestedFlag) {
            $0.attribute(1, name)
            $0.nested(2 | TablesMessage.nestedFlag, fill)
        }
    }

    /// NFTA_DATA_VALUE.
    fileprivate mutating func data(_ type: UInt16, _ bytes: [UInt8]) {
        nested(type | TablesMessage.nestedFlag) { $0.attribute(1, bytes) }
    }

    fileprivate mutating func compare(register: UInt32, equal: Bool, to bytes: [UInt8]) {
        expression("cmp") {
            $0.attribute(1, TablesMessage.big(register))
            $0.attribute(2, TablesMessage.big(equal ? 0 : 1))
            $0.data(3, bytes)
        }
    }
}
