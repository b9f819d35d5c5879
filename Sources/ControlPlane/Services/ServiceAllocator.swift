import InternetAddress
import KubernetesAPI
import Synchronization

/// What a Service can have that no other may have at the same time.
enum ServiceClaim: Sendable, Hashable {
    case address(IPAddress)
    /// Node ports and health check ports, whatever their transport.
    case nodePort(Int)
}

/// Gives out cluster addresses and node ports, none of them twice.
///
/// What stored Services have is settled; what a request is about to store is pending. Both count as taken. A request
/// makes its claims with a ticket and, once the store has answered, settles its Service: what counts then is what the
/// store has, whichever of several requests came last. Nothing is kept but that, so a restart loses nothing.
final class ServiceAllocator: Sendable {
    /// Why a claim is refused, in the API server's words.
    struct Refusal: Error, Sendable, Equatable {
        var message: String

        static let full = Refusal(message: "range is full")
        static let addressIsTaken = Refusal(message: "provided IP is already allocated")
        static let portIsTaken = Refusal(message: "provided port is already allocated")
    }

    private struct Pending {
        var owner: String
        var count: Int
    }

    private struct State {
        /// To the uid of the Service that has it.
        var settled: [ServiceClaim: String] = [:]
        var byOwner: [String: Set<ServiceClaim>] = [:]
        var pending: [ServiceClaim: Pending] = [:]

        func isFree(_ claim: ServiceClaim, for owner: String) -> Bool {
            (settled[claim] ?? owner) == owner && (pending[claim]?.owner ?? owner) == owner
        }
    }

    let ranges: [IPRange]
    let nodePorts: ClosedRange<Int>
    /// Addresses that only the Service of this name gets.
    private let reserved: [IPAddress: ObjectKey]
    private let portBand: AllocationBand
    private let state = Mutex(State())

    init(ranges: [IPRange], nodePorts: ClosedRange<Int>, reserved: [IPAddress: ObjectKey] = [:]) {
        self.ranges = ranges
        self.nodePorts = nodePorts
        self.reserved = reserved
        let count = UInt64(nodePorts.count)
        portBand = AllocationBand(0..<count, size: count, step: 32, bounds: 16...128)
    }

    /// The network's own address is nobody's, nor is an IPv4 network's last one. Of huge ranges the first 65536 addresses
    /// are used, as Kubernetes does.
    private static func band(_ range: IPRange) -> AllocationBand {
        let last = range.family == .v4 ? range.lastOffset : min(range.lastOffset, 0xffff) + 1
        return AllocationBand(
            1..<UInt64(max(last, 1)), size: UInt64(min(range.lastOffset, 0xffff_ffff)) + 1, step: 16, bounds: 16...256)
    }

    // MARK: Claims

    /// Claims an address of the range for a Service, any or this one.
    func claimAddress(
        _ wanted: IPAddress?, in range: IPRange, for ticket: ServiceTicket
    ) throws(Refusal) -> IPAddress {
        if let wanted {
            guard let offset = range.offset(of: wanted), offset > 0, wanted.family == .v6 || wanted != range.last else {
                throw Refusal(
                    message: "the provided IP (\(wanted)) is not in the valid range. The range of valid IPs is \(range)"
                )
            }
            guard reserved[wanted].map({ $0 == ticket.key }) ?? true, take(.address(wanted), ticket) else {
                throw .addressIsTaken
            }
            return wanted
        }
        let band = Self.band(range)
        let found = state.withLock { state -> IPAddress? in
            let offset = band.next { offset in
                guard let address = range.address(at: UInt128(offset)), reserved[address] == nil else { return false }
                return state.isFree(.address(address), for: "")
            }
            guard let address = offset.flatMap({ range.address(at: UInt128($0)) }) else { return nil }
            Self.note(.address(address), ticket, &state)
            return address
        }
        guard let found else { throw .full }
        return found
    }

    /// Claims a node port for a Service, any or this one.
    func claimNodePort(_ wanted: Int?, for ticket: ServiceTicket) throws(Refusal) -> Int {
        if let wanted {
            guard nodePorts.contains(wanted) else {
                throw Refusal(
                    message: "provided port is not in the valid range. The range of valid ports is "
                        + "\(nodePorts.lowerBound)-\(nodePorts.upperBound)")
            }
            guard take(.nodePort(wanted), ticket) else { throw .portIsTaken }
            return wanted
        }
        let found = state.withLock { state -> Int? in
            let first = nodePorts.lowerBound
            guard let offset = portBand.next(isFree: { state.isFree(.nodePort(first + Int($0)), for: "") }) else {
                return nil
            }
            Self.note(.nodePort(first + Int(offset)), ticket, &state)
            return first + Int(offset)
        }
        guard let found else { throw .full }
        return found
    }

    private func take(_ claim: ServiceClaim, _ ticket: ServiceTicket) -> Bool {
        state.withLock { state in
            guard state.isFree(claim, for: ticket.owner) else { return false }
            Self.note(claim, ticket, &state)
            return true
        }
    }

    private static func note(_ claim: ServiceClaim, _ ticket: ServiceTicket, _ state: inout State) {
        guard ticket.add(claim) else { return }
        state.pending[claim, default: Pending(owner: ticket.owner, count: 0)].count += 1
    }

    // MARK: Settling

    /// The request of the ticket is over: its claims end, and the Service has what `stored` says.
    ///
    /// - Parameter stored: asked under the lock, so that of two requests about one Service the later answer counts.
    func settle(_ ticket: ServiceTicket, stored: () -> Service?) {
        state.withLock { state in
            for claim in ticket.takeAll() {
                guard var pending = state.pending[claim] else { continue }
                pending.count -= 1
                state.pending[claim] = pending.count == 0 ? nil : pending
            }
            let present = stored().flatMap { $0.metadata.uid == ticket.owner ? $0 : nil }
            Self.settle(ticket.owner, present?.claims ?? [], &state)
        }
    }

    /// Takes over what Services have that were stored before this program started.
    func restore(_ services: [Service]) {
        state.withLock { state in
            for service in services { Self.settle(service.metadata.uid, service.claims, &state) }
        }
    }

    private static func settle(_ owner: String, _ claims: Set<ServiceClaim>, _ state: inout State) {
        for gone in state.byOwner[owner, default: []].subtracting(claims) where state.settled[gone] == owner {
            state.settled[gone] = nil
        }
        for claim in claims { state.settled[claim] = owner }
        state.byOwner[owner] = claims.isEmpty ? nil : claims
    }

    /// How many claims are settled, and how many pending.
    var counts: (settled: Int, pending: Int) { state.withLock { ($0.settled.count, $0.pending.count) } }
}

/// The claims of one request about one Service.
final class ServiceTicket: Sendable {
    /// The Service's uid.
    let owner: String
    let key: ObjectKey
    private let claims = Mutex<Set<ServiceClaim>>([])

    init(_ service: Service) {
        owner = service.metadata.uid
        key = service.key
    }

    /// Whether the claim is a new one of this request.
    fileprivate func add(_ claim: ServiceClaim) -> Bool { claims.withLock { $0.insert(claim).inserted } }

    fileprivate func takeAll() -> Set<ServiceClaim> {
        claims.withLock { claims in
            defer { claims = [] }
            return claims
        }
    }
}

extension Service {
    /// What it has for itself.
    var claims: Set<ServiceClaim> {
        var claims = Set(spec.clusterIPs.compactMap { IPAddress($0) }.map { ServiceClaim.address($0) })
        for port in spec.ports where port.nodePort != 0 { claims.insert(.nodePort(Int(port.nodePort))) }
        if spec.healthCheckNodePort != 0 { claims.insert(.nodePort(Int(spec.healthCheckNodePort))) }
        return claims
    }
}
