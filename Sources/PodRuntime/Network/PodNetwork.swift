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

/// The pods' network of one node instance: a bridge, a veth pair and an address of each family per pod, and masquerading
/// for what leaves the machine. All of it over netlink; no program is run and no thread changes its namespace.
///
/// A pod has addresses of /32 and /128 and an on-link default route, so that every packet between pods crosses the host's
/// routing hooks too. Removing a veth holds the kernel's network lock for 14 to 23 ms: the end of the pod's namespace
/// does that, not we, and an address is given again only when the kernel has told that its device is gone.
public final class PodNetwork: Sendable {
    public let bridge: String
    /// Of the pods: one, or one of each family.
    public let ranges: [IPRange]
    /// Of services' cluster addresses.
    public let services: [IPRange]
    /// Names of the pods' devices begin with it.
    public let devicePrefix: String
    let stateDirectory: String
    let workers: BlockingPool
    let state: Mutex<State>

    struct State {
        var addresses: AddressPool
        var bridgeIndex: Int32 = 0
        /// Of the bridge and of new pods' devices.
        var mtu: UInt32 = 1500
        /// Devices whose MTU the pods' follows.
        var uplinks: Set<Int32> = []
        /// Pods that are gone, and when their device is removed by us if it is still there.
        var leaving: [AddressPool.Number: Int64] = [:]
        /// Pods whose device is gone too, and that connection tracking still has to forget.
        var vanished: Set<AddressPool.Number> = []
        /// When that is due.
        var vanishedDue: Int64?
        var monitor: NetworkMonitor?
    }

    /// How long the end of a pod's namespace may take before we remove its device.
    private static let patience: Int64 = 2_000_000_000

    /// - Parameters:
    ///   - bridge: at most 15 bytes.
    ///   - ranges: of the pods: one, or one of each family; /8 to /29, /48 to /123. The first address of each is the
    ///     bridge's.
    ///   - services: ranges that nothing on this machine may have, the pods neither.
    ///   - stateDirectory: on the run-time tmpfs.
    public init(bridge: String, ranges: [IPRange], services: [IPRange] = [], stateDirectory: String) throws {
        guard !bridge.isEmpty, bridge.utf8.count <= 15, bridge != ".", bridge != "..",
            bridge.utf8.allSatisfy({ $0 > 32 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") })
        else {
            throw RuntimeError(
                .configuration, step: "bridge", object: bridge,
                message: "\"\(bridge)\" cannot name a bridge: 1 to 15 bytes without spaces, / and : are allowed")
        }
        try Self.check(ranges, services)
        self.bridge = bridge
        self.ranges = ranges
        self.services = services
        self.stateDirectory = stateDirectory
        devicePrefix = Self.devicePrefix(of: bridge)
        workers = BlockingPool(name: "pod-network", threads: 2)
        state = Mutex(State(addresses: try AddressPool(ranges: ranges, directory: stateDirectory + "/addresses")))
    }

    private static func check(_ ranges: [IPRange], _ services: [IPRange]) throws {
        let words = ranges.map(\.description).joined(separator: ",")
        guard (1...2).contains(ranges.count), Set(ranges.map(\.family)).count == ranges.count,
            ranges.allSatisfy({ ($0.family == .v4 ? 8...29 : 48...123).contains($0.prefixLength) })
        else {
            throw RuntimeError(
                .configuration, step: "cidr", object: words,
                message: """
                    the pod CIDR "\(words)" is not an IPv4 network of /8 to /29 such as 10.244.0.0/24, an IPv6 network of \
                    /48 to /123, or one of each
                    """)
        }
        for service in services {
            guard let pods = ranges.first(where: service.overlaps) else { continue }
            throw RuntimeError(
                .configuration, step: "cidr", object: words,
                message: "the pod CIDR \(pods) and the service CIDR \(service) overlap; start the node with others")
        }
    }

    /// The bridge's own addresses, one per family in the order of the ranges: each the first of its range.
    public var gateways: [IPAddress] { ranges.compactMap { $0.address(at: 1) } }

    /// `ml`, six hexadecimal digits of the bridge's name (FNV-1a), `-`; up to six digits of the pod's number follow.
    static func devicePrefix(of bridge: String) -> String {
        var hash: UInt32 = 2_166_136_261
        for byte in bridge.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return "ml" + Self.hexadecimal(hash >> 8, digits: 6) + "-"
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    func device(for number: AddressPool.Number) -> String { devicePrefix + String(number, radix: 16) }

    /// Locally administered; its end is that of the node's first address.
    static func hardwareAddress(_ address: IPAddress) -> [UInt8] { [0x02, 0x4d] + address.bytes.suffix(4) }

    static func bridgeHardwareAddress(_ ranges: [IPRange]) -> [UInt8]? {
        ranges.first?.address(at: 1).map(hardwareAddress)
    }

    /// The nftables table of this instance, in each family that pods have.
    public var tableName: String { Self.tableName(of: bridge) }

    static func tableName(of bridge: String) -> String { "minikube-lite-\(bridge)" }

    // MARK: Pods

    /// Gives a pod its device, addresses and routes. About a millisecond.
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
        let (number, bridgeIndex, mtu) = try state.withLock { state in
            if let known = state.addresses.number(of: id).map(state.addresses.addresses) {
                throw RuntimeError(
                    .alreadyExists, step: "network", object: id,
                    message: "pod \(id) has the address \(known.map(\.description).joined(separator: ", ")) already")
            }
            guard state.bridgeIndex != 0 else {
                throw RuntimeError(
                    .sandbox, step: "network", object: bridge, message: "the bridge \(bridge) has not been set up")
            }
            return (try state.addresses.claim(id: id, device: device(for:)), state.bridgeIndex, state.mtu)
        }
        let given = podAddress(number)
        do {
            return try describing("network") {
                try NetlinkSocket(.route).request([
                    RouteMessage.addVeth(
                        given.device, bridge: bridgeIndex, mtu: mtu, peer: "eth0",
                        hardwareAddress: Self.hardwareAddress(given.addresses[0]), namespace: netns),
                    RouteMessage.setHairpin(given.device),
                ])
                let pod = NetlinkSocket(adopting: podNetlink)
                let replies = try pod.request([
                    RouteMessage.setUp(index: 1, name: "lo"), RouteMessage.getLink("eth0"),
                ])
                guard let index = replies.lazy.compactMap(RouteMessage.Link.init).first?.index else {
                    throw NetlinkError(purpose: "find eth0", errno: ENODEV)
                }
                try pod.request(
                    [RouteMessage.setUp(index: index, name: "eth0")]
                        + zip(given.addresses, given.gateways).flatMap { address, gateway in
                            let bits = address.family.bits
                            return [
                                RouteMessage.addAddress(address, prefixLength: bits, index: index),
                                RouteMessage.addRoute(to: IPRange(gateway, prefixLength: bits), index: index),
                                RouteMessage.addDefaultRoute(gateway: gateway, index: index),
                            ]
                        })
                return given
            }
        } catch {
            release(number, dueIn: 0)
            throw error
        }
    }

    private func podAddress(_ number: AddressPool.Number) -> PodAddress {
        let addresses = state.withLock { $0.addresses.addresses(of: number) }
        return PodAddress(
            addresses: addresses,
            gateways: addresses.compactMap { address in gateways.first { $0.family == address.family } },
            hardwareAddress: Self.hardwareAddress(addresses[0]).map { Self.hexadecimal(UInt32($0), digits: 2) }
                .joined(separator: ":"),
            device: device(for: number))
    }

    /// What a pod was given, also by an earlier run of the agent.
    public func address(of id: String) -> PodAddress? {
        state.withLock { $0.addresses.number(of: id) }.map(podAddress)
    }

    /// Every pod that holds an address.
    public var holders: Set<String> {
        state.withLock { state in Set(state.addresses.leases.values.filter { !$0.leaving }.map(\.id)) }
    }

    /// The pod is gone, or about to: its namespace's end removes the device, and the address becomes free when the
    /// kernel tells so. Does not wait. A pod without an address is no error.
    public func release(_ id: String) {
        guard let number = state.withLock({ $0.addresses.number(of: id) }) else { return }
        release(number, dueIn: Self.patience)
    }

    /// Releases what pods hold that are not among `live`: once after a start of the agent.
    public func releaseAll(except live: Set<String>) {
        for id in holders where !live.contains(id) { release(id) }
    }

    private func release(_ number: AddressPool.Number, dueIn time: Int64) {
        let due = Monotonic.nanoseconds() + time
        let monitor = state.withLock { state in
            // A record that could not be written is only more careful than needed after the agent's next start.
            try? state.addresses.release(number)
            state.leaving[number] = due
            return state.monitor
        }
        monitor?.wake()
    }

    /// Pods whose addresses are not free yet.
    var leavingCount: Int { state.withLock { $0.leaving.count + $0.vanished.count } }

    // MARK: Told by the monitor

    /// A device has come, gone, or changed.
    func deviceChanged(_ link: RouteMessage.Link) {
        if link.isDeleted {
            deviceVanished(link.name)
        } else if state.withLock({ $0.uplinks.contains(link.index) && $0.mtu != link.mtu }) {
            // It stays as it was where the kernel refuses; the next start tries again.
            try? followUplink()
        }
    }

    private func deviceVanished(_ name: String) {
        guard name.hasPrefix(devicePrefix),
            let number = AddressPool.Number(name.dropFirst(devicePrefix.utf8.count), radix: 16)
        else { return }
        state.withLock { state in
            guard state.addresses.leases[number]?.leaving == true else { return }
            Self.vanish(number, &state)
        }
    }

    /// Compares with the devices that exist: at the start, and when notifications were lost.
    func resync() throws {
        let links = try NetlinkSocket(.route).request([RouteMessage.listLinks()]).compactMap(RouteMessage.Link.init)
        let present = Set(links.map(\.name))
        let due = Monotonic.nanoseconds() + Self.patience
        state.withLock { state in
            for (number, lease) in state.addresses.leases where lease.leaving {
                if present.contains(lease.device) {
                    state.leaving[number] = state.leaving[number] ?? due
                } else {
                    Self.vanish(number, &state)
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
        for number in overdue {
            let name = device(for: number)
            do throws(NetlinkError) {
                try NetlinkSocket(.route).request([RouteMessage.deleteLink(name)])
                deviceVanished(name)
            } catch {
                if error.errno == ENODEV {
                    deviceVanished(name)
                } else {
                    state.withLock { $0.leaving[number] = now + Self.patience }
                }
            }
        }
        return state.withLock { ($0.leaving.values + [$0.vanishedDue].compactMap(\.self)).min() }
    }

    // MARK: Errors

    func describing<T>(_ step: String, _ body: () throws -> T) throws -> T {
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

    func ignoring(_ code: Int32, _ body: () throws -> Void) throws {
        do { try body() } catch let error as NetlinkError {
            if error.errno != code { throw error }
        }
    }
}
