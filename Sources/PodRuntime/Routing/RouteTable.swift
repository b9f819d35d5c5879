import InternetAddress
import LinuxKernel

/// What the nftables table of one family holds for the routes, and the messages that change it.
///
/// A value without effects: what it says is true once its messages have been carried out.
struct RouteTable: Sendable {
    let family: IPAddress.Family
    let name: String
    let bridge: String
    /// Of this family.
    let serviceRanges: [IPRange]

    /// Normalised, by id.
    private(set) var routes: [String: ServiceRoute] = [:]
    /// Which chain each route would have a frontend lead to; that of the lowest id does.
    private var claims: [Entry: [String: String]] = [:]
    /// How many routes have a backend on an address.
    private var backends: [IPAddress: Int] = [:]

    init(family: IPAddress.Family, name: String, bridge: String, serviceRanges: [IPRange]) {
        self.family = family
        self.name = name
        self.bridge = bridge
        self.serviceRanges = serviceRanges.filter { $0.family == family }
    }

    // MARK: Sets

    /// (address, protocol, port) to a chain.
    static let services = TablesSet("services", key: [.address, .transport, .port], content: .verdicts)
    /// (protocol, port) to a chain, on every address of the machine.
    static let nodePorts = TablesSet("node-ports", key: [.transport, .port], content: .verdicts)
    /// Every backend's address, twice: packets whose source is where they go.
    static let hairpins = TablesSet("hairpins", key: [.address, .address])

    /// Which backend a source has, for a route with affinity. Filled by the rules.
    ///
    /// - Parameter name: as `RouteNames` has it.
    static func affinity(_ name: String) -> TablesSet {
        TablesSet(
            name, key: [.address], content: .values([.address, .port]), isFilledByRules: true, size: affinityLimit)
    }

    /// How many sources a route remembers; connections of more are spread one by one.
    static let affinityLimit = 65_535

    /// A frontend as the kernel has it: the key of an element.
    private struct Entry: Hashable {
        /// In `services`, otherwise in `node-ports`.
        var hasAddress: Bool
        var key: [UInt8]
    }

    private func entry(of frontend: ServiceRoute.Frontend, _ route: ServiceRoute) -> (Entry, chain: String) {
        let names = RouteNames(route.id)
        func key(_ address: IPAddress?, _ port: UInt16) -> Entry {
            Entry(
                hasAddress: address != nil,
                key: (address?.bytes ?? []) + TablesElement.transport(route.transport.number) + TablesElement.port(port)
            )
        }
        return switch frontend {
        case .cluster(let address, let port): (key(address, port), names.route)
        case .external(let address, let port):
            (key(address, port), route.sourceRanges.isEmpty ? names.outside : names.ranges)
        case .nodePort(let port, _): (key(nil, port), names.outside)
        case .hostPort(let address, let port): (key(address, port), names.route)
        }
    }

    // MARK: Changes

    /// One route that is not what it was.
    struct Change: Sendable {
        var old: ServiceRoute?
        var new: ServiceRoute?
    }

    /// - Parameters:
    ///   - changed: of this family.
    ///   - removed: those that are not known, or among `changed`, do not count.
    /// - Returns: the changes, without what has not changed.
    mutating func change(_ changed: [ServiceRoute], removed: [String], in batch: inout RouteBatch) -> [Change] {
        var wanted: [String: ServiceRoute?] = [:]
        for id in removed { wanted.updateValue(nil, forKey: id) }
        for route in changed { wanted.updateValue(route.normalised(family), forKey: route.id) }
        let changes = wanted.sorted { $0.key < $1.key }.compactMap { id, new -> Change? in
            let old = routes[id]
            return old == new ? nil : Change(old: old, new: new)
        }
        let elements = claim(changes)
        let hairpins = count(changes)
        for change in changes {
            if let id = change.new?.id ?? change.old?.id { routes[id] = change.new }
        }
        // What leads to a chain goes before the chain does, and comes after it.
        batch.delete(elements.gone(true), from: Self.services)
        batch.delete(elements.gone(false), from: Self.nodePorts)
        batch.delete(hairpins.gone, from: Self.hairpins)
        write(changes, in: &batch)
        batch.add(elements.new(true), to: Self.services)
        batch.add(elements.new(false), to: Self.nodePorts)
        batch.add(hairpins.new, to: Self.hairpins)
        return changes
    }

    private struct ElementChange {
        var before: [Entry: String?] = [:]
        var after: [Entry: String?] = [:]

        func gone(_ hasAddress: Bool) -> [TablesElement] { difference(from: before, to: after, hasAddress) }
        func new(_ hasAddress: Bool) -> [TablesElement] { difference(from: after, to: before, hasAddress) }

        private func difference(
            from: [Entry: String?], to: [Entry: String?], _ hasAddress: Bool
        ) -> [TablesElement] {
            from.compactMap { entry, chain in
                guard entry.hasAddress == hasAddress, let chain, chain != to[entry] ?? nil else { return nil }
                return TablesElement(entry.key, .verdict(.goto(chain)))
            }
        }
    }

    private mutating func claim(_ changes: [Change]) -> ElementChange {
        var result = ElementChange()
        func owner(_ entry: Entry) -> String? { claims[entry]?.min { $0.key < $1.key }?.value }
        for route in changes.flatMap({ [$0.old, $0.new] }).compactMap({ $0 }) {
            for frontend in route.frontends {
                let entry = entry(of: frontend, route).0
                if result.before[entry] == nil { result.before.updateValue(owner(entry), forKey: entry) }
            }
        }
        for old in changes.compactMap(\.old) {
            for frontend in old.frontends {
                let entry = entry(of: frontend, old).0
                claims[entry]?[old.id] = nil
                if claims[entry]?.isEmpty == true { claims[entry] = nil }
            }
        }
        for new in changes.compactMap(\.new) {
            for frontend in new.frontends {
                let (entry, chain) = entry(of: frontend, new)
                claims[entry, default: [:]][new.id] = chain
            }
        }
        for entry in result.before.keys { result.after.updateValue(owner(entry), forKey: entry) }
        return result
    }

    private mutating func count(_ changes: [Change]) -> (gone: [TablesElement], new: [TablesElement]) {
        var difference: [IPAddress: Int] = [:]
        for change in changes {
            for address in Set(change.old?.backends.map(\.address) ?? []) { difference[address, default: 0] -= 1 }
            for address in Set(change.new?.backends.map(\.address) ?? []) { difference[address, default: 0] += 1 }
        }
        var (gone, new): ([TablesElement], [TablesElement]) = ([], [])
        for (address, difference) in difference where difference != 0 {
            let before = backends[address] ?? 0
            let after = before + difference
            backends[address] = after == 0 ? nil : after
            if before == 0 { new.append(TablesElement(address.bytes + address.bytes)) }
            if after == 0 { gone.append(TablesElement(address.bytes + address.bytes)) }
        }
        return (gone, new)
    }

    private func write(_ changes: [Change], in batch: inout RouteBatch) {
        var rewritten: [(chain: RouteChain, id: String)] = []
        var gone: [String] = []
        var (maps, formerMaps): (Set<String>, Set<String>) = ([], [])
        for change in changes {
            let old = change.old.map(RouteChain.chains(of:)) ?? []
            let new = change.new.map(RouteChain.chains(of:)) ?? []
            for chain in new {
                let known = old.first { $0.name == chain.name }
                if known == chain { continue }
                if known == nil {
                    batch.addChain(chain.name, comment: change.new?.id ?? "")
                } else {
                    batch.flush(chain.name)
                }
                rewritten.append((chain, change.new?.id ?? ""))
            }
            gone += old.map(\.name).filter { name in !new.contains { $0.name == name } }.reversed()
            if let old = change.old, old.affinitySeconds != nil { formerMaps.insert(RouteNames(old.id).affinity) }
            if let new = change.new, new.affinitySeconds != nil { maps.insert(RouteNames(new.id).affinity) }
        }
        for name in gone { batch.deleteChain(name) }
        for name in formerMaps.subtracting(maps).sorted() { batch.deleteSet(name) }
        for name in maps.subtracting(formerMaps).sorted() { batch.add(Self.affinity(name)) }
        for (chain, id) in rewritten {
            for rule in chain.rules { batch.add(rule, to: chain.name, purpose: "route \(id)") }
        }
    }

    // MARK: From nothing

    /// What another run of the agent has left.
    struct Leftover: Sendable {
        var chains: [String] = []
        var sets: [String] = []
    }

    /// Everything, whatever is there: the kernel then has these routes and no other, and nobody sees less in between.
    /// The sources that routes remember stay.
    ///
    /// - Parameter isAnew: also makes anew what has a fixed form, for where another version has left another form of it;
    ///   nothing is remembered then.
    mutating func replace(
        with all: [ServiceRoute], leftover: Leftover, isAnew: Bool, in batch: inout RouteBatch
    ) {
        let wanted = all.map { $0.normalised(family) }
        let ours = leftover.chains.filter { $0.hasPrefix(RouteNames.basePrefix) }
        let ofRoutes = RouteNames.ofRoutes(leftover.chains)
        let maps = leftover.sets.filter(RouteNames.isAffinity)
        let fixed = leftover.sets.filter { [Self.services, Self.nodePorts, Self.hairpins].map(\.name).contains($0) }
        for name in ours { batch.flush(name) }
        for name in fixed { batch.flushSet(name) }
        for name in ofRoutes { batch.flush(name) }
        let keptChains = isAnew ? [] : Set(wanted.flatMap { RouteChain.chains(of: $0).map(\.name) })
        let keptMaps =
            isAnew ? [] : Set(wanted.filter { $0.affinitySeconds != nil }.map { RouteNames($0.id).affinity })
        for name in ofRoutes where !keptChains.contains(name) { batch.deleteChain(name) }
        for name in maps where !keptMaps.contains(name) { batch.deleteSet(name) }
        if isAnew {
            for name in ours { batch.deleteChain(name) }
            for name in fixed { batch.deleteSet(name) }
        }
        writeBase(in: &batch)
        self = RouteTable(family: family, name: name, bridge: bridge, serviceRanges: serviceRanges)
        _ = change(all, removed: [], in: &batch)
    }
}
