import InternetAddress
import LinuxKernel

/// Which UDP flows that connection tracking knows go where they should not any more, after routes have changed.
///
/// Only flows to a frontend of ours are looked at: those that lead to a backend that has left, or, at a frontend that has
/// come, around the routes.
struct StaleFlows {
    private struct Place: Hashable {
        /// nil: every address of this machine.
        var address: IPAddress?
        var port: UInt16
    }

    private struct Destinations {
        var present: Set<ServiceRoute.Backend> = []
        var former: Set<ServiceRoute.Backend> = []
    }

    private var places: [Place: Destinations] = [:]
    private var families: Set<IPAddress.Family> = []
    /// Flows into these that lead to no route's backend are stale.
    private let serviceRanges: [IPRange]

    /// After some changes.
    init(after changes: [RouteTable.Change]) {
        serviceRanges = []
        for change in changes where (change.new ?? change.old)?.transport == .udp {
            let former = Set(change.old?.backends ?? []).subtracting(change.new?.backends ?? [])
            let frontends = Set(change.old?.frontends ?? [])
            let come = Set(change.new?.frontends ?? []).subtracting(frontends)
            let left = frontends.subtracting(change.new?.frontends ?? [])
            // Additional backends make no flow stale.
            guard let route = change.new ?? change.old, !former.isEmpty || !come.isEmpty || !left.isEmpty else {
                continue
            }
            for frontend in left { add(frontend, route, Destinations(former: Set(change.old?.backends ?? []))) }
            for frontend in change.new?.frontends ?? [] {
                add(frontend, route, Destinations(present: Set(route.backends), former: former))
            }
        }
    }

    /// Where nobody knows what was before: everything that does not agree with the routes.
    init(beside routes: [ServiceRoute], serviceRanges: [IPRange]) {
        self.serviceRanges = serviceRanges
        families = Set(serviceRanges.map(\.family))
        for route in routes where route.transport == .udp {
            for frontend in route.frontends { add(frontend, route, Destinations(present: Set(route.backends))) }
        }
    }

    private mutating func add(
        _ frontend: ServiceRoute.Frontend, _ route: ServiceRoute, _ destinations: Destinations
    ) {
        if let family = frontend.family ?? route.family { families.insert(family) }
        let place =
            switch frontend {
            case .cluster(let address, let port), .external(let address, let port):
                Place(address: address, port: port)
            case .nodePort(let port, _): Place(address: nil, port: port)
            case .hostPort(let address, let port): Place(address: address, port: port)
            }
        places[place, default: Destinations()].present.formUnion(destinations.present)
        places[place, default: Destinations()].former.formUnion(destinations.former)
    }

    /// What to ask connection tracking for: a place each, or all UDP flows where those are many.
    var queries: [ConnectionFlow.Query] {
        let all = families.sorted { $0.rawValue < $1.rawValue }
        guard serviceRanges.isEmpty, places.count <= 8 else {
            return all.map { ConnectionFlow.Query(family: $0, transport: Transport.udp.number) }
        }
        return places.keys.flatMap { place in
            (place.address.map { [$0.family] } ?? all).map {
                ConnectionFlow.Query(
                    family: $0, transport: Transport.udp.number, destination: place.address, port: place.port)
            }
        }
    }

    /// - Parameter local: the addresses of this machine.
    func contains(_ flow: ConnectionFlow, local: Set<IPAddress>) -> Bool {
        guard flow.transport == Transport.udp.number else { return false }
        let goal = ServiceRoute.Backend(address: flow.answerer, port: flow.answererPort)
        let isTranslated = flow.answerer != flow.destination || flow.answererPort != flow.destinationPort
        if let destinations = places[Place(address: flow.destination, port: flow.destinationPort)] {
            return isStale(goal, destinations)
        }
        if serviceRanges.contains(where: { $0.contains(flow.destination) }) { return isTranslated }
        if local.contains(flow.destination) || flow.destination.isLoopback,
            let destinations = places[Place(address: nil, port: flow.destinationPort)]
        {
            return isStale(goal, destinations)
        }
        return false
    }

    private func isStale(_ goal: ServiceRoute.Backend, _ destinations: Destinations) -> Bool {
        if destinations.present.contains(goal) { return false }
        return destinations.former.contains(goal) || !destinations.present.isEmpty
    }
}
