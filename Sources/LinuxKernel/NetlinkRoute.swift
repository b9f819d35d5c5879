import Glibc
public import InternetAddress

/// rtnetlink(7): the messages that pod networking needs.
public enum RouteMessage {
    static let newLink: UInt16 = 16
    static let deleteLink: UInt16 = 17
    static let getLink: UInt16 = 18
    static let setLink: UInt16 = 19
    static let newAddress: UInt16 = 20
    static let deleteAddress: UInt16 = 21
    static let getAddress: UInt16 = 22
    static let newRoute: UInt16 = 24
    static let getRoute: UInt16 = 26

    // IFLA_* of linux/if_link.h
    private static let linkAddress: UInt16 = 1
    private static let linkName: UInt16 = 3
    private static let linkMTU: UInt16 = 4
    private static let linkMaster: UInt16 = 10
    private static let linkInfo: UInt16 = 18
    private static let linkAlias: UInt16 = 20
    private static let linkCounters: UInt16 = 23
    private static let linkNamespaceDescriptor: UInt16 = 28
    private static let infoKind: UInt16 = 1
    private static let infoData: UInt16 = 2
    private static let vethPeer: UInt16 = 1

    /// struct ifinfomsg; `up` sets IFF_UP and says that it is meant to change.
    private static func linkHeader(index: Int32 = 0, up: Bool = false) -> [UInt8] {
        var bytes: [UInt8] = [0, 0, 0, 0]
        bytes.append(native: index)
        bytes.append(native: UInt32(up ? 1 : 0))
        bytes.append(native: UInt32(up ? 1 : 0))
        return bytes
    }

    /// A bridge that is up, with a fixed hardware address (it would take the lowest of its ports' otherwise, and
    /// every neighbour entry of it would go stale when that port leaves).
    ///
    /// - Parameter mtu: in bytes; nil leaves the kernel's choice.
    public static func addBridge(_ name: String, hardwareAddress: [UInt8], mtu: UInt32? = nil) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: newLink, flags: NetlinkFlag.create | NetlinkFlag.exclusive | NetlinkFlag.acknowledge,
            purpose: "add bridge \(name)", header: linkHeader(up: true))
        message.attribute(linkName, name)
        message.attribute(linkAddress, hardwareAddress)
        if let mtu { message.attribute(linkMTU, mtu) }
        message.nested(linkInfo) { $0.attribute(infoKind, "bridge") }
        return message
    }

    /// Free text on a device (`ip link show` prints it).
    public static func setAlias(_ name: String, _ alias: String) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: setLink, flags: NetlinkFlag.acknowledge, purpose: "set alias of \(name)", header: linkHeader())
        message.attribute(linkName, name)
        message.attribute(linkAlias, alias)
        return message
    }

    /// Both ends of a veth in one message: the near one a port of `bridge`, the far one born inside another network
    /// namespace under its final name, so that nothing has to be moved or renamed. The near end is up; the far one cannot be, because
    /// it is made first (ENOTCONN).
    ///
    /// - Parameters:
    ///   - mtu: of both ends, in bytes.
    ///   - namespace: of the far end; it has to stay open until the kernel has answered.
    public static func addVeth(
        _ name: String, bridge: Int32, mtu: UInt32, peer: String, hardwareAddress: [UInt8], namespace: FileDescriptor
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: newLink, flags: NetlinkFlag.create | NetlinkFlag.exclusive | NetlinkFlag.acknowledge,
            purpose: "add device \(name)", header: linkHeader(up: true))
        message.attribute(linkName, name)
        message.attribute(linkMTU, mtu)
        message.attribute(linkMaster, UInt32(bitPattern: bridge))
        message.nested(linkInfo) {
            $0.attribute(infoKind, "veth")
            $0.nested(infoData) {
                $0.nested(vethPeer, header: linkHeader()) {
                    $0.attribute(linkName, peer)
                    $0.attribute(linkMTU, mtu)
                    $0.attribute(linkAddress, hardwareAddress)
                    $0.attribute(linkNamespaceDescriptor, UInt32(bitPattern: namespace.rawValue))
                }
            }
        }
        return message
    }

    public static func setUp(index: Int32, name: String) -> NetlinkMessage {
        NetlinkMessage(
            type: newLink, flags: NetlinkFlag.acknowledge, purpose: "set \(name) up",
            header: linkHeader(index: index, up: true))
    }

    /// Lets a bridge send back through a port what came in by it. Routed packets never need that, but where br_netfilter is
    /// loaded the bridge itself carries what is translated to an address of its own ports.
    public static func setHairpin(_ name: String) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: newLink, flags: NetlinkFlag.acknowledge, purpose: "set hairpin mode of \(name)", header: linkHeader())
        message.attribute(linkName, name)
        message.nested(linkInfo) {
            $0.attribute(4, "bridge")  // IFLA_INFO_SLAVE_KIND
            $0.nested(5) { $0.attribute(4, [1]) }  // IFLA_INFO_SLAVE_DATA: IFLA_BRPORT_MODE
        }
        return message
    }

    /// - Parameter mtu: in bytes.
    public static func setMTU(_ mtu: UInt32, index: Int32, name: String) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: setLink, flags: NetlinkFlag.acknowledge, purpose: "set the MTU of \(name) to \(mtu)",
            header: linkHeader(index: index))
        message.attribute(linkMTU, mtu)
        return message
    }

    public static func deleteLink(_ name: String) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: deleteLink, flags: NetlinkFlag.acknowledge, purpose: "delete device \(name)", header: linkHeader())
        message.attribute(linkName, name)
        return message
    }

    /// One device by name; its reply is parsed by `Link`.
    public static func getLink(_ name: String) -> NetlinkMessage {
        var message = NetlinkMessage(
            type: getLink, flags: NetlinkFlag.acknowledge, purpose: "find device \(name)", header: linkHeader())
        message.attribute(linkName, name)
        return message
    }

    /// One device by index.
    public static func getLink(index: Int32) -> NetlinkMessage {
        NetlinkMessage(
            type: getLink, flags: NetlinkFlag.acknowledge, purpose: "find device \(index)",
            header: linkHeader(index: index))
    }

    public static func listLinks() -> NetlinkMessage {
        NetlinkMessage(type: getLink, flags: NetlinkFlag.dump, purpose: "list devices", header: linkHeader())
    }

    /// Adds an address to a device, or does nothing where it has it. An IPv6 address can be used at once: no duplicate
    /// address detection (IFA_F_NODAD) looks for it on the link first, which takes a second.
    public static func addAddress(_ address: IPAddress, prefixLength: UInt8, index: Int32) -> NetlinkMessage {
        let noDetection: UInt8 = address.family == .v6 ? 2 : 0
        return changeAddress(
            newAddress, address, prefixLength, index, flags: NetlinkFlag.create | NetlinkFlag.replace,
            addressFlags: noDetection, purpose: "add address \(address)/\(prefixLength)")
    }

    public static func deleteAddress(_ address: IPAddress, prefixLength: UInt8, index: Int32) -> NetlinkMessage {
        changeAddress(
            deleteAddress, address, prefixLength, index, flags: 0, addressFlags: 0,
            purpose: "delete address \(address)/\(prefixLength)")
    }

    private static func changeAddress(
        _ type: UInt16, _ address: IPAddress, _ prefixLength: UInt8, _ index: Int32, flags: UInt16,
        addressFlags: UInt8, purpose: String
    ) -> NetlinkMessage {
        // struct ifaddrmsg: family, prefix length, flags, scope, index
        var header: [UInt8] = [address.family.number, prefixLength, addressFlags, 0]
        header.append(native: index)
        var message = NetlinkMessage(
            type: type, flags: flags | NetlinkFlag.acknowledge, purpose: purpose, header: header)
        message.attribute(2, address.bytes)  // IFA_LOCAL
        message.attribute(1, address.bytes)  // IFA_ADDRESS
        return message
    }

    /// Of all devices and both families.
    public static func listAddresses() -> NetlinkMessage {
        var header: [UInt8] = [UInt8(AF_UNSPEC), 0, 0, 0]
        header.append(native: UInt32(0))
        return NetlinkMessage(
            type: getAddress, flags: NetlinkFlag.dump, purpose: "list addresses", header: header)
    }

    /// A route of the main table to what is on the link itself.
    public static func addRoute(to destination: IPRange, index: Int32) -> NetlinkMessage {
        let scopeLink: UInt8 = 253
        var message = addRoute(
            destination.family, prefixLength: destination.prefixLength, scope: scopeLink, flags: 0,
            purpose: "add route \(destination)")
        message.attribute(1, destination.network.bytes)  // RTA_DST
        message.attribute(4, UInt32(bitPattern: index))  // RTA_OIF
        return message
    }

    /// The default route of the gateway's family, in the main table. The gateway is taken to be on the link
    /// (RTNH_F_ONLINK): with an address of /32 no other route says so.
    public static func addDefaultRoute(gateway: IPAddress, index: Int32) -> NetlinkMessage {
        let onLink: UInt32 = 4
        var message = addRoute(
            gateway.family, prefixLength: 0, scope: 0, flags: onLink, purpose: "add default route by \(gateway)")
        message.attribute(5, gateway.bytes)  // RTA_GATEWAY
        message.attribute(4, UInt32(bitPattern: index))  // RTA_OIF
        return message
    }

    private static func addRoute(
        _ family: IPAddress.Family, prefixLength: UInt8, scope: UInt8, flags: UInt32, purpose: String
    ) -> NetlinkMessage {
        // struct rtmsg: family, dst_len, src_len, tos, table, protocol (3 = boot), scope, type (1 = unicast), flags
        var header: [UInt8] = [family.number, prefixLength, 0, 0, 254, 3, scope, 1]
        header.append(native: flags)
        return NetlinkMessage(
            type: newRoute, flags: NetlinkFlag.create | NetlinkFlag.replace | NetlinkFlag.acknowledge,
            purpose: purpose, header: header)
    }

    /// Of all tables and both families.
    public static func listRoutes() -> NetlinkMessage {
        NetlinkMessage(
            type: getRoute, flags: NetlinkFlag.dump, purpose: "list routes",
            header: [UInt8](repeating: 0, count: 12))
    }

    /// A network device, or the notification that one came or went.
    public struct Link: Sendable, Hashable {
        public let index: Int32
        public let name: String
        /// `bridge`, `veth`, ...; empty for hardware.
        public let kind: String
        public let alias: String
        public let hardwareAddress: [UInt8]
        /// In bytes.
        public let mtu: UInt32
        /// Index of the bridge that it is a port of, or 0.
        public let master: Int32
        public let isUp: Bool
        /// The kernel tells that it is gone (RTM_DELLINK).
        public let isDeleted: Bool

        /// Nil where the reply is no link. A bridge that loses a port tells it as a deletion, too, of family
        /// AF_BRIDGE: that is no end of the device, and no link here.
        public init?(_ reply: NetlinkReply) {
            guard reply.type == RouteMessage.newLink || reply.type == RouteMessage.deleteLink,
                reply.payload.count >= 16, reply.payload[0] == 0
            else { return nil }
            let attributes = reply.attributes(after: 16)
            index = reply.payload.native(at: 4, as: Int32.self)
            isUp = reply.payload.native(at: 8, as: UInt32.self) & 1 != 0
            isDeleted = reply.type == RouteMessage.deleteLink
            name = attributes[linkName]?.text ?? ""
            alias = attributes[linkAlias]?.text ?? ""
            hardwareAddress = attributes[linkAddress] ?? []
            mtu = attributes[linkMTU]?.native(at: 0, as: UInt32.self) ?? 0
            master = attributes[linkMaster]?.native(at: 0, as: Int32.self) ?? 0
            kind = NetlinkReply.attributes(attributes[linkInfo] ?? [])[infoKind]?.text ?? ""
        }
    }

    /// Counters of a device (struct rtnl_link_stats64 of linux/if_link.h), as the machine sees them that it is on.
    public struct LinkCounters: Sendable, Hashable {
        public let index: Int32
        public let name: String
        public let receivedPackets: Int64
        public let sentPackets: Int64
        public let receivedBytes: Int64
        public let sentBytes: Int64
        public let receiveErrors: Int64
        public let sendErrors: Int64
        public let receiveDropped: Int64
        public let sendDropped: Int64

        /// Nil where the reply is no link, or has no counters.
        public init?(_ reply: NetlinkReply) {
            guard reply.type == RouteMessage.newLink, reply.payload.count >= 16, reply.payload[0] == 0 else {
                return nil
            }
            let attributes = reply.attributes(after: 16)
            guard let counters = attributes[linkCounters], counters.count >= 64 else { return nil }
            index = reply.payload.native(at: 4, as: Int32.self)
            name = attributes[linkName]?.text ?? ""
            func counter(_ number: Int) -> Int64 { counters.native(at: number * 8, as: Int64.self) }
            receivedPackets = counter(0)
            sentPackets = counter(1)
            receivedBytes = counter(2)
            sentBytes = counter(3)
            receiveErrors = counter(4)
            sendErrors = counter(5)
            receiveDropped = counter(6)
            sendDropped = counter(7)
        }
    }

    /// An address of a device.
    public struct Address: Sendable, Hashable {
        public let index: Int32
        public let address: IPAddress
        public let prefixLength: UInt8

        /// Nil where the reply is no address of either family.
        public init?(_ reply: NetlinkReply) {
            let attributes = reply.attributes(after: 8)
            guard reply.type == RouteMessage.newAddress, reply.payload.count >= 8,
                let address = (attributes[2] ?? attributes[1]).flatMap({ IPAddress(bytes: $0) })
            else { return nil }
            self.address = address
            prefixLength = reply.payload[1]
            index = reply.payload.native(at: 4, as: Int32.self)
        }

        /// The network that the device is in with it.
        public var network: IPRange { IPRange(address, prefixLength: prefixLength) }
    }

    /// A route of any table.
    public struct Route: Sendable, Hashable {
        public let destination: IPRange
        /// 254 is the main one.
        public let table: UInt8
        /// Who made it (RTPROT_*): 9 = a router's advertisement.
        public let origin: UInt8
        /// Of several routes to one destination the lowest counts.
        public let metric: UInt32
        public let index: Int32

        public var isDefault: Bool { destination.prefixLength == 0 && table == 254 }

        /// Nil where the reply is no route of either family.
        public init?(_ reply: NetlinkReply) {
            guard reply.type == RouteMessage.newRoute, reply.payload.count >= 12,
                let family = IPAddress.Family.allCases.first(where: { $0.number == reply.payload[0] })
            else { return nil }
            let attributes = reply.attributes(after: 12)
            let address = attributes[1].flatMap { IPAddress(bytes: $0) } ?? IPAddress(family, 0)
            destination = IPRange(address, prefixLength: reply.payload[1])
            table = reply.payload[4]
            origin = reply.payload[5]
            metric = attributes[6]?.native(at: 0, as: UInt32.self) ?? 0
            index = attributes[4]?.native(at: 0, as: Int32.self) ?? 0
        }
    }
}

extension IPAddress.Family {
    /// AF_INET or AF_INET6.
    fileprivate var number: UInt8 { UInt8(self == .v4 ? AF_INET : AF_INET6) }
}
