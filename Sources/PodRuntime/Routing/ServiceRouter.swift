import Glibc
public import InternetAddress
import LinuxKernel
public import Logging
import Synchronization

/// The kernel's routing of services, in the nftables tables of one node instance: one per family of the pods.
///
/// ```
///   unknown -- replaceAll --> known -- update --> known
///      ^------ an error ----------'
/// ```
/// The rules outlive the agent, and are in force until the first `replaceAll` of its next run.
public final class ServiceRouter: ServiceRouting {
    private let bridge: String
    private let families: [IPAddress.Family]
    private let serviceRanges: [IPRange]
    private let logger: Logger
    /// Changes are made one after the other.
    private let workers: BlockingPool
    /// nil: what the kernel has is not known.
    private let tables = Mutex<[RouteTable]?>(nil)
    /// Kept, because closing one waits until all that former transactions have removed is really gone: 15 ms.
    private let socket = Mutex<NetlinkSocket?>(nil)

    /// - Parameters:
    ///   - bridge: names the table; the bridge has to be there before the first call.
    ///   - podRanges: say which families the node has. Routes of another are left out.
    ///   - serviceRanges: what is sent to an address in them never leaves the machine.
    public init(bridge: String, podRanges: [IPRange], serviceRanges: [IPRange], logger: Logger) {
        self.bridge = bridge
        families = IPAddress.Family.allCases.filter { family in podRanges.contains { $0.family == family } }
        self.serviceRanges = serviceRanges.filter { range in podRanges.contains { $0.family == range.family } }
        self.logger = logger
        workers = BlockingPool(name: "routing", threads: 1)
    }

    public func replaceAll(_ routes: [ServiceRoute]) async throws {
        try await workers.run { try self.describing { try self.replaceAllBlocking(routes) } }
    }

    public func update(_ changed: [ServiceRoute], removed: [String]) async throws {
        try await workers.run { try self.describing { try self.updateBlocking(changed, removed: removed) } }
    }

    // MARK: Changes

    private func replaceAllBlocking(_ routes: [ServiceRoute]) throws {
        let former = take()
        let tables: [RouteTable]
        do {
            tables = try commitAll(routes, isAnew: false)
        } catch let error as NetlinkError {
            logger.warning("routing is made anew", metadata: ["after": "\(error)"])
            tables = try commitAll(routes, isAnew: true)
        }
        try routeServiceRanges()
        keep(tables)
        let current = Self.routes(of: tables)
        if let former = former.map(Self.routes(of:)) {
            let changes = Set(former.keys).union(current.keys)
                .map { RouteTable.Change(old: former[$0], new: current[$0]) }
                .filter { $0.old != $0.new }
            end(StaleFlows(after: changes))
        } else {
            end(StaleFlows(beside: Array(current.values), serviceRanges: serviceRanges))
        }
    }

    private static func routes(of tables: [RouteTable]) -> [String: ServiceRoute] {
        tables.reduce(into: [:]) { all, table in all.merge(table.routes) { first, _ in first } }
    }

    /// In one transaction for all families.
    private func commitAll(_ routes: [ServiceRoute], isAnew: Bool) throws -> [RouteTable] {
        try withSocket { socket in
            var tables = families.map {
                RouteTable(
                    family: $0, name: PodNetwork.tableName(of: bridge), bridge: bridge, serviceRanges: serviceRanges)
            }
            var batch = RouteBatch(bridge: bridge)
            for index in tables.indices {
                let table = tables[index]
                batch.table = (table.name, table.family)
                tables[index].replace(
                    with: routes.filter { $0.family == table.family }, leftover: try leftover(of: table, socket),
                    isAnew: isAnew, in: &batch)
            }
            try socket.commit(batch.messages)
            return tables
        }
    }

    private func leftover(of table: RouteTable, _ socket: NetlinkSocket) throws -> RouteTable.Leftover {
        let chains = try socket.request([TablesMessage.listChains(table.family)])
            .compactMap(TablesMessage.chainName).filter { $0.table == table.name }.map(\.name)
        do throws(NetlinkError) {
            let sets = try socket.request([TablesMessage.listSets(table: table.name, table.family)])
            return RouteTable.Leftover(chains: chains, sets: sets.compactMap(TablesMessage.setName))
        } catch {
            guard error.errno == ENOENT else { throw error }
            return RouteTable.Leftover()
        }
    }

    private func updateBlocking(_ changed: [ServiceRoute], removed: [String]) throws {
        // Taken, not copied: a change costs what it changes.
        guard var tables = take() else {
            throw RuntimeError(
                .configuration, step: "routing", object: bridge,
                message: "routing \(bridge): what is in force is not known; all routes have to be set first")
        }
        var batch = RouteBatch(bridge: bridge)
        var changes: [RouteTable.Change] = []
        for index in tables.indices {
            let family = tables[index].family
            batch.table = (tables[index].name, family)
            let others = changed.filter { $0.family != family }
            changes += tables[index].change(
                changed.filter { $0.family == family }, removed: removed + others.map(\.id), in: &batch)
        }
        try withSocket { try $0.commit(batch.messages) }
        keep(tables)
        end(StaleFlows(after: changes))
    }

    private func take() -> [RouteTable]? {
        tables.withLock { tables in
            defer { tables = nil }
            return tables
        }
    }

    /// For nftables and connection tracking. What it has not read yet after an error is closed with it.
    private func withSocket<T>(_ body: (NetlinkSocket) throws -> T) throws -> T {
        let kept = socket.withLock { socket in
            defer { socket = nil }
            return socket
        }
        let open = try kept ?? NetlinkSocket(.netfilter)
        let result = try body(open)
        socket.withLock { $0 = open }
        return result
    }

    private func keep(_ known: [RouteTable]) { tables.withLock { $0 = known } }

    // MARK: Around the rules

    /// Sends what is for the service ranges to the bridge: a machine without a default route can then reach services as
    /// well, with the bridge's address as the source, and nothing of it leaves by another device even without rules.
    /// And lets connections to 127.0.0.1 lead to pods, which the rules guard. Both go with the bridge.
    private func routeServiceRanges() throws {
        let socket = try NetlinkSocket(.route)
        let links = try socket.request([RouteMessage.getLink(bridge)]).compactMap(RouteMessage.Link.init)
        guard let index = links.first?.index else {
            throw NetlinkError(purpose: "find device \(bridge)", errno: ENODEV)
        }
        for range in serviceRanges { try socket.request([RouteMessage.addRoute(to: range, index: index)]) }
        if families.contains(.v4) {
            try FileAccess.writeOnce("/proc/sys/net/ipv4/conf/\(bridge)/route_localnet", "1")
        }
    }

    /// Ends connections without a connection that go where nobody expects them any more: without this their next packets
    /// would follow the first, for as long as they come. A failure leaves them to their timeouts.
    private func end(_ stale: StaleFlows) {
        guard !stale.queries.isEmpty else { return }
        do {
            let route = try NetlinkSocket(.route)
            let local = try route.request([RouteMessage.listAddresses()]).compactMap(RouteMessage.Address.init)
            let addresses = Set(local.map(\.address))
            var ended = 0
            try withSocket { socket in
                for query in stale.queries {
                    var flows: [ConnectionFlow] = []
                    try socket.dump(ConnectionFlow.list(query)) { reply in
                        guard let flow = ConnectionFlow(reply), stale.contains(flow, local: addresses) else { return }
                        flows.append(flow)
                    }
                    for flow in flows where try socket.end(flow) { ended += 1 }
                }
            }
            if ended > 0 { logger.debug("stale flows ended", metadata: ["count": "\(ended)"]) }
        } catch {
            logger.warning("stale UDP flows may be left", metadata: ["error": "\(error)"])
        }
    }

    private func describing<T>(_ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch let error as NetlinkError {
            throw RuntimeError(
                .sandbox, step: "routing", object: error.purpose, errno: error.errno,
                message: "routing \(bridge): \(error)")
        } catch let error as SystemError {
            throw RuntimeError(
                .sandbox, step: "routing", object: error.object, errno: error.errno,
                message: "routing \(bridge): \(error)")
        }
    }
}
