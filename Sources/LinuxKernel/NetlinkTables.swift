public import InternetAddress

/// nf_tables over netlink (linux/netfilter/nf_tables.h): tables, chains and rules; each change is one transaction
/// (`NetlinkSocket.commit`).
///
/// Numbers inside attributes are in network byte order here, other than in rtnetlink.
public enum TablesMessage {
    static let subsystem: UInt16 = 10 << 8
    private static let newTable: UInt16 = 0
    private static let getTable: UInt16 = 1
    private static let deleteTable: UInt16 = 2
    private static let newChain: UInt16 = 3
    private static let getChain: UInt16 = 4
    private static let deleteChain: UInt16 = 5
    private static let newRule: UInt16 = 6
    private static let deleteRule: UInt16 = 8

    /// struct nfgenmsg: family, version, resource id
    ///
    /// - Parameter family: of the table; NFPROTO_IPV4 is 2, NFPROTO_IPV6 10.
    static func header(_ family: IPAddress.Family) -> [UInt8] { [family == .v4 ? 2 : 10, 0, 0, 0] }

    /// A message of a transaction. It asks for an answer; `NetlinkSocket.commit` leaves that out of all but the last.
    static func make(_ type: UInt16, _ family: IPAddress.Family, flags: UInt16 = 0, purpose: String) -> NetlinkMessage {
        NetlinkMessage(
            type: subsystem | type, flags: flags | NetlinkFlag.acknowledge, purpose: purpose,
            header: header(family))
    }

    static let nestedFlag: UInt16 = 0x8000

    /// Network byte order.
    static func big(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 0xff), UInt8(value >> 8 & 0xff), UInt8(value & 0xff)]
    }

    /// All messages between the markers are carried out together or not at all.
    public static func transaction(_ messages: [NetlinkMessage]) -> [NetlinkMessage] {
        let marker: [UInt8] = [0, 0, 0, 10]
        let begin = NetlinkMessage(type: 16, purpose: "begin transaction", header: marker)
        let end = NetlinkMessage(type: 17, purpose: "end transaction", header: marker)
        return [begin] + messages + [end]
    }

    // MARK: Tables

    /// Adds a table; one that is there already stays as it is.
    public static func addTable(_ name: String, _ family: IPAddress.Family = .v4) -> NetlinkMessage {
        var message = make(newTable, family, flags: NetlinkFlag.create, purpose: "add nftables table \(name)")
        message.attribute(1, name)
        return message
    }

    public static func deleteTable(_ name: String, _ family: IPAddress.Family = .v4) -> NetlinkMessage {
        var message = make(deleteTable, family, purpose: "delete nftables table \(name)")
        message.attribute(1, name)
        return message
    }

    public static func listTables(_ family: IPAddress.Family = .v4) -> NetlinkMessage {
        NetlinkMessage(
            type: subsystem | getTable, flags: NetlinkFlag.dump, purpose: "list nftables tables",
            header: header(family))
    }

    /// The table's name in a reply of `listTables`.
    public static func tableName(_ reply: NetlinkReply) -> String? {
        guard reply.type == subsystem | newTable else { return nil }
        return reply.attributes(after: 4)[1]?.text
    }

    // MARK: Chains

    /// Adds a chain; one that is there already stays as it is.
    ///
    /// - Parameters:
    ///   - name: at most 127 bytes.
    ///   - hook: nil for a chain that others lead to.
    ///   - comment: for people (`nft list ruleset` shows it); at most 254 bytes, the rest is left out.
    public static func addChain(
        _ name: String, table: String, _ family: IPAddress.Family, hook: TablesHook? = nil, comment: String = ""
    ) -> NetlinkMessage {
        var message = make(newChain, family, flags: NetlinkFlag.create, purpose: "add nftables chain \(name)")
        message.attribute(1, table)
        message.attribute(3, name)
        if let hook {
            message.nested(4 | nestedFlag) {
                $0.attribute(1, big(hook.point.rawValue))
                $0.attribute(2, big(UInt32(bitPattern: hook.priority)))
            }
            message.attribute(7, hook.kind.rawValue)
        }
        if !comment.isEmpty { message.attribute(12, userData(comment: comment)) }
        return message
    }

    /// Takes all rules out of a chain.
    public static func flushChain(
        _ name: String, table: String, _ family: IPAddress.Family = .v4
    ) -> NetlinkMessage {
        var message = make(deleteRule, family, purpose: "empty nftables chain \(name)")
        message.attribute(1, table)
        message.attribute(2, name)
        return message
    }

    /// Removes a chain and its rules. Nothing may lead to it any more.
    public static func deleteChain(_ name: String, table: String, _ family: IPAddress.Family) -> NetlinkMessage {
        var message = make(deleteChain, family, purpose: "delete nftables chain \(name)")
        message.attribute(1, table)
        message.attribute(3, name)
        return message
    }

    /// The chains of all tables of a family.
    public static func listChains(_ family: IPAddress.Family) -> NetlinkMessage {
        NetlinkMessage(
            type: subsystem | getChain, flags: NetlinkFlag.dump, purpose: "list nftables chains",
            header: header(family))
    }

    /// The chain in a reply of `listChains`.
    public static func chainName(_ reply: NetlinkReply) -> (table: String, name: String)? {
        guard reply.type == subsystem | newChain else { return nil }
        let attributes = reply.attributes(after: 4)
        guard let table = attributes[1]?.text, let name = attributes[3]?.text else { return nil }
        return (table, name)
    }

    /// A base chain of type `nat` at the postrouting hook with priority 100 (srcnat).
    public static func addPostroutingChain(
        _ name: String, table: String, _ family: IPAddress.Family = .v4
    ) -> NetlinkMessage {
        addChain(name, table: table, family, hook: TablesHook(.nat, .postrouting, priority: 100))
    }

    // MARK: Rules

    /// Adds a rule at the end of a chain.
    ///
    /// - Parameters:
    ///   - purpose: what it is for, in words, for errors.
    ///   - comment: as `addChain` has it.
    public static func addRule(
        _ expressions: [TablesExpression], chain: String, table: String, _ family: IPAddress.Family, purpose: String,
        comment: String = ""
    ) -> NetlinkMessage {
        var message = make(newRule, family, flags: NetlinkFlag.create | NetlinkFlag.append, purpose: purpose)
        message.attribute(1, table)
        message.attribute(2, chain)
        message.nested(4 | nestedFlag) { list in
            for expression in expressions { list.append(expression, family: family) }
        }
        if !comment.isEmpty { message.attribute(7, userData(comment: comment)) }
        return message
    }

    /// `ip saddr <source> oifname != <device> masquerade`, in a table of the source's family.
    public static func addMasquerade(
        source: IPRange, unlessOut device: String, chain: String, table: String
    ) -> NetlinkMessage {
        addRule(
            TablesExpression.match(.source, in: source) + [
                .load(.outputDevice, to: .word(0)), .compare(.word(0), equal: false, TablesExpression.device(device)),
                .masquerade(randomPort: false),
            ], chain: chain, table: table, source.family, purpose: "add masquerading of \(source)")
    }

    /// A comment as nft(8) writes and reads it: type 0, length, text with NUL.
    private static func userData(comment: String) -> [UInt8] {
        let text = Array(comment.utf8.prefix(250))
        return [0, UInt8(text.count + 1)] + text + [0]
    }
}

/// Where a base chain hangs in the way of packets.
public struct TablesHook: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case filter, nat
    }
    /// NF_INET_* of linux/netfilter.h.
    public enum Point: UInt32, Sendable {
        case prerouting = 0
        case input = 1
        case forward = 2
        case output = 3
        case postrouting = 4
    }

    public var kind: Kind
    public var point: Point
    /// Lower is earlier. Translation of destinations is at -100, of sources at 100, connection tracking at -200.
    public var priority: Int32

    public init(_ kind: Kind, _ point: Point, priority: Int32) {
        self.kind = kind
        self.point = point
        self.priority = priority
    }
}
