import InternetAddress

/// A chain that a route leads through, as a value: two that are equal need not be written twice.
struct RouteChain: Sendable, Hashable {
    /// What a rule of it does.
    enum Rule: Sendable, Hashable {
        /// The connection goes to one of these, evenly.
        case pick([ServiceRoute.Backend])
        /// As `pick`, and the source is remembered. Does nothing where no more sources can be.
        case pickAndRemember([ServiceRoute.Backend], in: String, seconds: Int)
        /// The connection goes where the last one of its source went, if that is one of these still.
        case recall([ServiceRoute.Backend], in: String, seconds: Int)
        /// What comes from outside gets an address of this machine as its source.
        case markOutsiders
        case gotoIfFrom(IPRange, String)
        case goto(String)
        case drop
    }

    var name: String
    var rules: [Rule]

    /// The chains of a route, each before those that lead to it.
    ///
    /// ```
    ///   cluster address, host port ------------------------------> route -> a backend, or refused
    ///   node port ------------------------------------> outside ----^
    ///   external address ---> ranges (where given) -----^
    /// ```
    /// - Parameter route: normalised.
    static func chains(of route: ServiceRoute) -> [RouteChain] {
        let names = RouteNames(route.id)
        var chains = [RouteChain(name: names.route, rules: choice(route, names))]
        guard route.hasOutside else { return chains }
        let outside: [Rule] =
            switch (route.keepsSource, route.backends.isEmpty) {
            case (true, true): [.drop]
            case (true, false): [.goto(names.route)]
            case (false, _): [.markOutsiders, .goto(names.route)]
            }
        chains.append(RouteChain(name: names.outside, rules: outside))
        if !route.sourceRanges.isEmpty {
            let allowed = route.sourceRanges.map { Rule.gotoIfFrom($0, names.outside) }
            chains.append(RouteChain(name: names.ranges, rules: allowed + [.drop]))
        }
        return chains
    }

    private static func choice(_ route: ServiceRoute, _ names: RouteNames) -> [Rule] {
        if route.backends.isEmpty { return [.goto(RouteNames.refuse)] }
        let pick = [Rule.pick(route.backends)] + withoutMap(route.backends)
        guard let seconds = route.affinitySeconds else { return pick }
        return [
            .recall(route.backends, in: names.affinity, seconds: seconds),
            .pickAndRemember(route.backends, in: names.affinity, seconds: seconds),
        ] + pick
    }

    /// For a packet that is between two rules at the moment of a change: it goes on by the former rules, but the kernel
    /// looks for elements in the new generation, where a former rule's own map has none. Without a rule that needs no map
    /// it would be led nowhere, and refused. Seen where the processor is taken away at that moment.
    private static func withoutMap(_ backends: [ServiceRoute.Backend]) -> [Rule] {
        backends.count > 1 ? [.pick([backends[0]])] : []
    }
}

/// Names of what a route has in the kernel.
struct RouteNames {
    static let refuse = "services-refuse"
    private static let prefixes = ["ranges-", "outside-", "route-"]
    private static let affinityPrefix = "affinity-"
    /// Of the chains that are there whatever the routes are.
    static let basePrefix = "services-"

    let route: String
    let outside: String
    let ranges: String
    /// A map.
    let affinity: String

    /// - Parameter id: of a route. What nft(8) does not take in a name becomes a dot; a hash keeps names apart.
    init(_ id: String) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in id.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let readable = id.utf8.prefix(90).map { byte -> UInt8 in
            let isPlain = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a || byte >= 0x2d && byte <= 0x39
            return isPlain ? byte : 0x2e
        }
        let suffix = String(decoding: readable, as: UTF8.self) + "-" + String(hash, radix: 36)
        ranges = Self.prefixes[0] + suffix
        outside = Self.prefixes[1] + suffix
        route = Self.prefixes[2] + suffix
        affinity = Self.affinityPrefix + suffix
    }

    static func isAffinity(_ set: String) -> Bool { set.hasPrefix(affinityPrefix) }

    /// Those of `chains` that belong to routes, each after those that lead to it.
    static func ofRoutes(_ chains: [String]) -> [String] {
        prefixes.flatMap { prefix in chains.filter { $0.hasPrefix(prefix) } }
    }
}

extension ServiceRoute {
    /// That of the first backend or frontend that has one; nil where nothing says it, and so nothing can be routed.
    var family: IPAddress.Family? {
        backends.first?.address.family ?? frontends.lazy.compactMap(\.family).first
    }

    /// In a fixed order, nothing twice, and without what is of another family.
    func normalised(_ family: IPAddress.Family) -> ServiceRoute {
        var route = self
        route.backends = Set(backends.filter { $0.address.family == family })
            .sorted { ($0.address, $0.port) < ($1.address, $1.port) }
        route.frontends = frontends.filter { $0.family ?? family == family }
        route.sourceRanges = sourceRanges.filter { $0.family == family }
        // Where all ranges are of another family nobody of this one is allowed, rather than everybody.
        if route.sourceRanges.isEmpty, let none = sourceRanges.first.map({ _ in IPAddress(family, 0) }) {
            route.sourceRanges = [IPRange(none, prefixLength: family.bits)]
        }
        return route
    }

    /// It can be reached from outside the cluster by rules of their own.
    var hasOutside: Bool {
        frontends.contains { frontend in
            switch frontend {
            case .external, .nodePort: true
            case .cluster, .hostPort: false
            }
        }
    }
}

extension ServiceRoute.Frontend {
    /// nil: of both.
    var family: IPAddress.Family? {
        switch self {
        case .cluster(let address, _), .external(let address, _): address.family
        case .nodePort(_, let family): family
        case .hostPort(let address, _): address?.family
        }
    }
}

extension Transport {
    /// IPPROTO_*
    var number: UInt8 { self == .tcp ? 6 : 17 }
}
