import Glibc
public import InternetAddress
public import LinuxKernel
import Synchronization

/// What a pod was given.
public struct PodAddress: Sendable, Hashable, Codable {
    /// One per family, in the order of the node's ranges. The pod has each with the longest prefix (/32, /128).
    public var addresses: [IPAddress]
    /// The bridge's addresses, one for each of `addresses`: the pod's default routes.
    public var gateways: [IPAddress]
    /// Of the pod's `eth0`, `02:...`; derived from the address, so that nobody's neighbour table goes stale when the
    /// address is given again.
    public var hardwareAddress: String
    /// The host's end of the veth.
    public var device: String
}

/// The pods' network of one node instance: a bridge, a veth pair and an address per pod, and masquerading for what
/// leaves the machine. All of it over netlink; no program is run and no thread changes its namespace.
///
/// A pod has an address of /32 and an on-link default route, so that every packet between pods crosses the host's
/// routing hooks too. Removing a veth holds the kernel's network lock for 14 to 23 ms: the end of the pod's namespace
/// does that, not we, and an address is given again only when the kernel has told that its device is gone.
public final class PodNetwork: Sendable {
    public let bridge: String
    public let ranges: [IPRange]
    let range: IPv4Range
    /// Names of the pods' devices begin with it.
    public let devicePrefix: String
    private let stateDirectory: String
    private let workers: BlockingPool
    private let state: Mutex<State>

    private struct State {
        var addresses: AddressPool
        var bridgeIndex: Int32 = 0
        /// Addresses of pods that are gone, and when their device is removed by us if it is still there.
        var leaving: [UInt32: Int64] = [:]
        var monitor: NetworkMonitor?
    }

    /// How long the end of a pod's namespace may take before we remove its device.
    private static let patience: Int64 = 2_000_000_000

    /// - Parameters:
    ///   - bridge: at most 15 bytes.
    ///   - ranges: one, or one of each family; the first address of each is the bridge's.
    ///   - stateDirectory: on the run-time tmpfs.
    public init(bridge: String, ranges: [IPRange], stateDirectory: String) throws {
        guard !bridge.isEmpty, bridge.utf8.count <= 15, bridge != ".", bridge != "..",
            bridge.utf8.allSatisfy({ $0 > 32 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") })
        else {
            throw RuntimeError(
                .configuration, step: "bridge", object: bridge,
                message: "\"\(bridge)\" cannot name a bridge: 1 to 15 bytes without spaces, / and : are allowed")
        }
        let cidr = ranges.map(\.description).joined(separator: ",")
        guard let range = ranges.first.flatMap({ IPv4Range($0.description) }), (8...29).contains(range.prefixLength)
        else {
            throw RuntimeError(
                .configuration, step: "cidr", object: cidr,
                message: "the pod CIDR \"\(cidr)\" is not an IPv4 network of /8 to /29 such as 10.244.0.0/24")
        }
        self.bridge = bridge
        self.ranges = ranges
        self.range = range
        self.stateDirectory = stateDirectory
        devicePrefix = Self.devicePrefix(of: bridge)
        workers = BlockingPool(name: "pod-network", threads: 2)
        state = Mutex(State(addresses: try AddressPool(range: range, directory: stateDirectory + "/addresses")))
    }

    /// The bridge's own addresses, one per family in the order of the ranges: each the first of its range.
    public var gateways: [IPAddress] { ranges.compactMap { $0.address(at: 1) } }

    /// `ml`, six hexadecimal digits of the bridge's name (FNV-1a), `-`; up to six digits of the address follow.
    static func devicePrefix(of bridge: String) -> String {
        var hash: UInt32 = 2_166_136_261
        for byte in bridge.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return "ml" + Self.hexadecimal(hash >> 8, digits: 6) + "-"
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    func device(for address: UInt32) -> String {
        devicePrefix + String(address - range.network, radix: 16)
    }

    /// Locally administered, from the address.
    static func hardwareAddress(_ address: UInt32) -> [UInt8] { [0x02, 0x4d] + IPv4Range.bytes(address) }

    /// The bridge's and everything's mark: what does not carry it is not ours.
    private var alias: String { "minikube-lite \(bridge) \(range)" }

    /// The nftables table of this instance.
    public var tableName: String { Self.tableName(of: bridge) }

    static func tableName(of bridge: String) -> String { "minikube-lite-\(bridge)" }

    // MARK: Bridge

    /// Makes the bridge with its address, switches forwarding on and redirects off, and installs the masquerading.
    /// Harmless where all that is there already. Then begins to watch devices come and go.
    ///
    /// - Returns: what was changed on the host beyond our own objects, in words.
    /// - Throws: where a device of that name is not ours, or the range overlaps a network that the host is in.
    @discardableResult
    public func setUpBridge() async throws -> [String] {
        try await workers.run { try self.setUpBridgeBlocking() }
    }

    private func setUpBridgeBlocking() throws -> [String] {
        try describing("bridge") {
            let socket = try NetlinkSocket(.route)
            let links = try socket.request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
            let known = links.first { $0.name == bridge }
            if let known { try checkOurs(known) }
            try checkOverlap(socket, links: links, own: known?.index)
            let gateway = range.network + 1
            if known == nil {
                try socket.request([
                    RouteMessage.addBridge(bridge, hardwareAddress: Self.hardwareAddress(gateway)),
                    RouteMessage.setAlias(bridge, alias),
                ])
            }
            guard
                let link = try socket.request([RouteMessage.getLink(bridge)])
                    .lazy.compactMap(RouteMessage.Link.init).first
            else { throw NetlinkError(purpose: "find device \(bridge)", errno: ENODEV) }
            try socket.request([
                RouteMessage.setUp(index: link.index, name: bridge),
                RouteMessage.addAddress(
                    IPv4Range.bytes(gateway), prefixLength: range.prefixLength, index: link.index),
            ])
            let changed = try HostSysctls(path: stateDirectory + "/sysctls.json").apply(bridge: bridge)
            try installMasquerade()
            let monitor = try NetworkMonitor(owner: self)
            state.withLock {
                $0.bridgeIndex = link.index
                $0.monitor = monitor
            }
            try resync()
            monitor.start()
            return changed
        }
    }

    private func checkOurs(_ link: RouteMessage.Link) throws {
        let unmarked = link.alias.isEmpty && link.hardwareAddress == Self.hardwareAddress(range.network + 1)
        guard link.kind == "bridge", link.alias == alias || unmarked else {
            let reason =
                link.alias.hasPrefix("minikube-lite ")
                ? "belongs to another node (\(link.alias))" : "was not made by minikube-lite"
            throw RuntimeError(
                .sandbox, step: "bridge", object: bridge,
                message: "the device \(bridge) \(reason); remove it or start the node with another --bridge")
        }
    }

    private func checkOverlap(_ socket: NetlinkSocket, links: [RouteMessage.Link], own: Int32?) throws {
        let names = Dictionary(links.map { ($0.index, $0.name) }, uniquingKeysWith: { first, _ in first })
        func refuse(_ other: IPv4Range, _ index: Int32) throws {
            throw RuntimeError(
                .sandbox, step: "cidr", object: range.description,
                message: """
                    the pod CIDR \(range) overlaps \(other) on \(names[index] ?? "device \(index)"); start the node with \
                    another pod CIDR
                    """)
        }
        for address in try socket.request([RouteMessage.listAddresses()]).compactMap(RouteMessage.Address.init)
        where address.index != own {
            let other = IPv4Range(network: IPv4Range.number(address.address), prefixLength: address.prefixLength)
            if range.overlaps(other) { try refuse(other, address.index) }
        }
        for route in try socket.request([RouteMessage.listRoutes()]).compactMap(RouteMessage.Route.init)
        where route.index != own && route.prefixLength > 0 && route.table == 254 {
            let other = IPv4Range(network: IPv4Range.number(route.destination), prefixLength: route.prefixLength)
            if range.overlaps(other) { try refuse(other, route.index) }
        }
    }

    /// The rest of the table is the services' routing, which stays in force while no agent runs.
    private func installMasquerade() throws {
        let chain = "postrouting"
        try NetlinkSocket(.netfilter).request(
            TablesMessage.transaction([
                TablesMessage.addTable(tableName),
                TablesMessage.addPostroutingChain(chain, table: tableName),
                TablesMessage.flushChain(chain, table: tableName),
                TablesMessage.addMasquerade(source: ranges[0], unlessOut: bridge, chain: chain, table: tableName),
            ]))
    }

    /// Removes the bridge, the pods' devices that are left, the nftables table and, where no other node of ours is
    /// on this machine, gives the host its settings back. Idempotent.
    public func tearDown() async throws {
        state.withLock {
            $0.monitor?.stop()
            $0.monitor = nil
        }
        try await workers.run {
            try self.describing("bridge") {
                let socket = try NetlinkSocket(.route)
                let links = try socket.request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
                for link in links where link.name.hasPrefix(self.devicePrefix) {
                    try self.ignoring(ENODEV) { try socket.request([RouteMessage.deleteLink(link.name)]) }
                }
                if let link = links.first(where: { $0.name == self.bridge }) {
                    try self.checkOurs(link)
                    try self.ignoring(ENODEV) { try socket.request([RouteMessage.deleteLink(self.bridge)]) }
                }
                try self.ignoring(ENOENT) {
                    try NetlinkSocket(.netfilter).request(
                        TablesMessage.transaction([TablesMessage.deleteTable(self.tableName)]))
                }
                let others = links.contains { $0.alias.hasPrefix("minikube-lite ") && $0.name != self.bridge }
                HostSysctls(path: self.stateDirectory + "/sysctls.json").restore(othersRemain: others)
                try self.state.withLock { state in
                    state.leaving = [:]
                    for address in state.addresses.leases.keys { try state.addresses.free(address) }
                }
                try FileAccess.removeTree(self.stateDirectory)
            }
        }
    }

    // MARK: Pods

    /// Gives a pod its device, address and routes. About a millisecond.
    ///
    /// - Parameters:
    ///   - netns: the pod's network namespace.
    ///   - podNetlink: a NETLINK_ROUTE socket that was made inside it.
    /// - Throws: with nothing left behind.
    public func attach(
        id: String, netns: FileDescriptor, podNetlink: FileDescriptor
    ) async throws -> PodAddress {
        try await workers.run { try self.attachBlocking(id: id, netns: netns, podNetlink: podNetlink) }
    }

    private func attachBlocking(id: String, netns: FileDescriptor, podNetlink: FileDescriptor) throws -> PodAddress {
        let (address, bridgeIndex) = try state.withLock { state in
            if let known = state.addresses.address(of: id) {
                throw RuntimeError(
                    .alreadyExists, step: "network", object: id,
                    message: "pod \(id) has the address \(IPv4Range.text(known)) already")
            }
            guard state.bridgeIndex != 0 else {
                throw RuntimeError(
                    .sandbox, step: "network", object: bridge, message: "the bridge \(bridge) has not been set up")
            }
            return (try state.addresses.claim(id: id, device: device(for:)), state.bridgeIndex)
        }
        let device = device(for: address)
        do {
            return try describing("network") {
                let host = try NetlinkSocket(.route)
                try host.request([
                    RouteMessage.addVeth(
                        device, bridge: bridgeIndex, peer: "eth0", hardwareAddress: Self.hardwareAddress(address),
                        namespace: netns),
                    RouteMessage.setHairpin(device),
                ])
                let pod = NetlinkSocket(adopting: podNetlink)
                let replies = try pod.request([
                    RouteMessage.setUp(index: 1, name: "lo"), RouteMessage.getLink("eth0"),
                ])
                guard let index = replies.lazy.compactMap(RouteMessage.Link.init).first?.index else {
                    throw NetlinkError(purpose: "find eth0", errno: ENODEV)
                }
                let gateway = IPv4Range.bytes(range.network + 1)
                try pod.request([
                    RouteMessage.setUp(index: index, name: "eth0"),
                    RouteMessage.addAddress(IPv4Range.bytes(address), prefixLength: 32, index: index),
                    RouteMessage.addRoute(to: (gateway, 32), gateway: nil, index: index),
                    RouteMessage.addRoute(to: nil, gateway: gateway, index: index),
                ])
                return podAddress(address)
            }
        } catch {
            release(address, dueIn: 0)
            throw error
        }
    }

    private func podAddress(_ address: UInt32) -> PodAddress {
        PodAddress(
            addresses: [IPAddress(.v4, UInt128(address))], gateways: gateways,
            hardwareAddress: Self.hardwareAddress(address).map { Self.hexadecimal(UInt32($0), digits: 2) }
                .joined(separator: ":"),
            device: device(for: address))
    }

    /// What a pod was given, also by an earlier run of the agent.
    public func address(of id: String) -> PodAddress? {
        state.withLock { $0.addresses.address(of: id) }.map(podAddress)
    }

    /// Every pod that holds an address.
    public var holders: Set<String> {
        state.withLock { state in Set(state.addresses.leases.values.filter { !$0.leaving }.map(\.id)) }
    }

    /// The pod is gone, or about to: its namespace's end removes the device, and the address becomes free when the
    /// kernel tells so. Does not wait. A pod without an address is no error.
    public func release(_ id: String) {
        guard let address = state.withLock({ $0.addresses.address(of: id) }) else { return }
        release(address, dueIn: Self.patience)
    }

    /// Releases what pods hold that are not among `live`: once after a start of the agent.
    public func releaseAll(except live: Set<String>) {
        for id in holders where !live.contains(id) { release(id) }
    }

    private func release(_ address: UInt32, dueIn time: Int64) {
        let due = Monotonic.nanoseconds() + time
        let monitor = state.withLock { state in
            // A record that could not be written is only more careful than needed after the agent's next start.
            try? state.addresses.release(address)
            state.leaving[address] = due
            return state.monitor
        }
        monitor?.wake()
    }

    /// Addresses that wait for their device's end.
    var leavingCount: Int { state.withLock { $0.leaving.count } }

    // MARK: Told by the monitor

    /// A device is gone.
    func deviceVanished(_ name: String) {
        guard name.hasPrefix(devicePrefix), let offset = UInt32(name.dropFirst(devicePrefix.utf8.count), radix: 16)
        else { return }
        state.withLock { state in
            let address = range.network + offset
            guard state.addresses.leases[address]?.leaving == true else { return }
            try? state.addresses.free(address)
            state.leaving[address] = nil
        }
    }

    /// Compares with the devices that exist: at the start, and when notifications were lost.
    func resync() throws {
        let links = try NetlinkSocket(.route).request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
        let present = Set(links.map(\.name))
        let due = Monotonic.nanoseconds() + Self.patience
        state.withLock { state in
            for (address, lease) in state.addresses.leases where lease.leaving {
                if present.contains(lease.device) {
                    state.leaving[address] = state.leaving[address] ?? due
                } else {
                    try? state.addresses.free(address)
                    state.leaving[address] = nil
                }
            }
        }
    }

    /// Removes devices whose namespace did not end in time.
    ///
    /// - Returns: when to look next, in CLOCK_MONOTONIC nanoseconds; nil where nothing is awaited.
    func removeOverdue() -> Int64? {
        let now = Monotonic.nanoseconds()
        let overdue = state.withLock { state in state.leaving.filter { $0.value <= now }.map(\.key) }
        for address in overdue {
            let name = device(for: address)
            do throws(NetlinkError) {
                try NetlinkSocket(.route).request([RouteMessage.deleteLink(name)])
                deviceVanished(name)
            } catch {
                if error.errno == ENODEV {
                    deviceVanished(name)
                } else {
                    state.withLock { $0.leaving[address] = now + Self.patience }
                }
            }
        }
        return state.withLock { $0.leaving.values.min() }
    }

    // MARK: Errors

    private func describing<T>(_ step: String, _ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch let error as NetlinkError {
            throw RuntimeError(
                .sandbox, step: step, object: bridge, errno: error.errno, message: "network \(bridge): \(error)")
        } catch let error as SystemError {
            throw RuntimeError(
                .sandbox, step: step, object: error.object, errno: error.errno,
                message: "network \(bridge): \(error)")
        }
    }

    private func ignoring(_ code: Int32, _ body: () throws -> Void) throws {
        do { try body() } catch let error as NetlinkError {
            if error.errno != code { throw error }
        }
    }
}
