import InternetAddress
import KubernetesAPI
import PodRuntime

/// Who stands behind one port of a service, in one family.
struct PortEndpoints: Sendable, Hashable {
    private enum Condition: Int, Comparable {
        case useless, lastResort, ready
        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    private struct Standing: Hashable {
        var condition: Condition
        var isLocal: Bool
    }

    private let standings: [ServiceRoute.Backend: Standing]

    /// A slice's port is the service's where name and protocol are equal; which number it has may differ from slice to
    /// slice, as pods may name ports differently. What stands in several slices counts once, with its best condition.
    init(
        of port: ServicePort, family: IPAddress.Family, slices: [EndpointSlice],
        departures: [String: RouteTranslation.Departure], nodeName: String
    ) {
        var standings: [ServiceRoute.Backend: Standing] = [:]
        let transport = Transport(port.protocol)
        for slice in slices where slice.addressType == (family == .v4 ? "IPv4" : "IPv6") {
            for own in slice.ports where (own.name ?? "") == port.name {
                guard Transport(own.protocol ?? .tcp) == transport, let number = UInt16(port: own.port ?? 0)
                else { continue }
                for endpoint in slice.endpoints {
                    // Further addresses of one endpoint have no meaning (KEP-752).
                    guard let address = endpoint.addresses.first.flatMap({ IPAddress($0) }), address.family == family
                    else { continue }
                    let backend = ServiceRoute.Backend(address: address, port: number)
                    let departure = endpoint.targetRef.flatMap { departures[$0.uid] }
                    let present = standings[backend]
                    standings[backend] = Standing(
                        condition: max(
                            Self.condition(endpoint.conditions, departure), present?.condition ?? .useless),
                        isLocal: endpoint.nodeName == nodeName || present?.isLocal == true)
                }
            }
        }
        self.standings = standings
    }

    private static func condition(
        _ conditions: EndpointConditions, _ departure: RouteTranslation.Departure?
    ) -> Condition {
        if departure == .gone { return .useless }
        let isReady = conditions.ready ?? true
        if isReady, departure == nil { return .ready }
        let isTerminating = departure == .leaving || conditions.terminating == true
        return isTerminating && (conditions.serving ?? isReady) ? .lastResort : .useless
    }

    /// Who gets connections, in a fixed order: those that are ready, or where there are none those that end but still
    /// serve (KEP-1669).
    func usable(onlyLocal: Bool) -> [ServiceRoute.Backend] {
        let eligible = standings.filter { $0.value.isLocal || !onlyLocal }
        let ready = eligible.filter { $0.value.condition == .ready }
        let used = ready.isEmpty ? eligible.filter { $0.value.condition == .lastResort } : ready
        return used.keys.sorted { ($0.address, $0.port) < ($1.address, $1.port) }
    }
}
