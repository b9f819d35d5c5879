import Glibc
public import InternetAddress

/// A flow that connection tracking knows (linux/netfilter/nfnetlink_conntrack.h).
public struct ConnectionFlow: Sendable, Hashable {
    /// Which flows are asked for; the kernel leaves out most of the others.
    public struct Query: Sendable, Hashable {
        public var family: IPAddress.Family
        /// IPPROTO_*; nil: any.
        public var transport: UInt8?
        /// Of the first packet, before any translation; nil: any.
        public var destination: IPAddress?
        /// The first packet's destination, with a `transport`; nil: any.
        public var port: UInt16?
        /// Where the first packet really went; nil: anywhere.
        public var answerer: IPAddress?

        public init(
            family: IPAddress.Family, transport: UInt8? = nil, destination: IPAddress? = nil, port: UInt16? = nil,
            answerer: IPAddress? = nil
        ) {
            self.family = family
            self.transport = transport
            self.destination = destination
            self.port = port
            self.answerer = answerer
        }
    }

    public let family: IPAddress.Family
    /// IPPROTO_*
    public let transport: UInt8
    /// Where the first packet came from and went to, before any translation.
    public let source: IPAddress
    public let destination: IPAddress
    public let destinationPort: UInt16
    /// Who answers: where the first packet really went.
    public let answerer: IPAddress
    public let answererPort: UInt16
    /// A TCP connection that both ends have closed: the next SYN is the first of another.
    public let isOver: Bool
    /// CTA_TUPLE_ORIG, CTA_ZONE and CTA_ID as they came: they name the flow.
    private let tuple: [UInt8]
    private let zone: [UInt8]?
    private let number: [UInt8]?

    private static let subsystem: UInt16 = 1 << 8
    private static let newFlow: UInt16 = 0
    private static let getFlow: UInt16 = 1
    private static let deleteFlow: UInt16 = 2
    private static let nested: UInt16 = 0x8000

    private static func header(_ family: IPAddress.Family) -> [UInt8] {
        [UInt8(family == .v4 ? AF_INET : AF_INET6), 0, 0, 0]
    }

    /// The flow in a reply of `list`.
    public init?(_ reply: NetlinkReply) {
        guard reply.type == Self.subsystem | Self.newFlow, let first = reply.payload.first else { return nil }
        let attributes = reply.attributes(after: 4)
        guard let original = attributes[1], let answer = attributes[2], let there = Tuple(original),
            let back = Tuple(answer)
        else { return nil }
        family = Int32(first) == AF_INET ? .v4 : .v6
        transport = there.transport
        source = there.source
        destination = there.destination
        destinationPort = there.destinationPort
        answerer = back.source
        answererPort = back.sourcePort
        // CTA_PROTOINFO, CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE; 7 is TCP_CONNTRACK_TIME_WAIT.
        let stream = NetlinkReply.attributes(attributes[4] ?? [])[1] ?? []
        isOver = NetlinkReply.attributes(stream)[1]?.first == 7
        tuple = original
        zone = attributes[18]
        number = attributes[12]
    }

    private struct Tuple {
        let source: IPAddress
        let destination: IPAddress
        let transport: UInt8
        let sourcePort: UInt16
        let destinationPort: UInt16

        init?(_ bytes: [UInt8]) {
            let parts = NetlinkReply.attributes(bytes)
            let addresses = NetlinkReply.attributes(parts[1] ?? [])
            let transport = NetlinkReply.attributes(parts[2] ?? [])
            guard let source = (addresses[1] ?? addresses[3]).flatMap({ IPAddress(bytes: $0) }),
                let destination = (addresses[2] ?? addresses[4]).flatMap({ IPAddress(bytes: $0) }),
                let number = transport[1]?.first
            else { return nil }
            self.source = source
            self.destination = destination
            self.transport = number
            sourcePort = UInt16(bigEndian: (transport[2] ?? []).native(at: 0, as: UInt16.self))
            destinationPort = UInt16(bigEndian: (transport[3] ?? []).native(at: 0, as: UInt16.self))
        }
    }

    /// The flows of a query, and of IPv6 those of any address; nil: all of both families. The kernel chooses (CTA_FILTER,
    /// since Linux 5.8), but takes an IPv6 address for everything else than that address (seen on 6.18). It
    /// walks its whole table each time, however few flows there are: some milliseconds.
    public static func list(_ query: Query?) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: subsystem | getFlow, flags: NetlinkFlag.dump, purpose: "list tracked connections",
            header: query.map { header($0.family) } ?? [UInt8(AF_UNSPEC), 0, 0, 0])
        guard let query else { return message }
        // CTA_FILTER_F_*: source 1 << 0, destination 1 << 1, the protocol 1 << 3, the destination's port 1 << 5
        var (there, back): (UInt32, UInt32) = (0, 0)
        let isFour = query.family == .v4
        let (destination, answerer) = isFour ? (query.destination, query.answerer) : (nil, nil)
        if destination != nil { there |= 1 << 1 }
        if query.transport != nil { there |= 1 << 3 }
        if query.port != nil { there |= 1 << 5 }
        if answerer != nil { back |= 1 << 0 }
        if there != 0 {
            message.nested(1 | nested) { tuple in
                if let destination { tuple.nested(1 | nested) { $0.attribute(2, destination.bytes) } }
                if let transport = query.transport {
                    tuple.nested(2 | nested) {
                        $0.attribute(1, [transport])
                        if let port = query.port { $0.attribute(3, [UInt8(port >> 8), UInt8(port & 0xff)]) }
                    }
                }
            }
        }
        if let answerer {
            message.nested(2 | nested) { tuple in tuple.nested(1 | nested) { $0.attribute(1, answerer.bytes) } }
        }
        message.nested(25 | nested) {
            $0.attribute(1, there)
            $0.attribute(2, back)
        }
        return message
    }

    fileprivate var deletion: NetlinkMessage {
        var message = NetlinkMessage(
            type: Self.subsystem | Self.deleteFlow, flags: NetlinkFlag.acknowledge,
            purpose: "end tracked connection to \(destination)", header: Self.header(family))
        message.attribute(1 | Self.nested, tuple)
        if let zone { message.attribute(18, zone) }
        if let number { message.attribute(12, number) }
        return message
    }
}

extension NetlinkSocket {
    /// Makes connection tracking forget a flow: its next packet is the first of another.
    ///
    /// - Returns: whether it was there still, and is the one that was listed.
    public func end(_ flow: ConnectionFlow) throws(NetlinkError) -> Bool {
        do throws(NetlinkError) {
            try request([flow.deletion])
            return true
        } catch {
            guard error.errno == ENOENT else { throw error }
            return false
        }
    }
}
