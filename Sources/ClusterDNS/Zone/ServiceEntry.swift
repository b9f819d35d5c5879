import InternetAddress

/// The names of one service, made from it and its slices.
struct ServiceEntry: Sendable {
    struct Addresses: Sendable {
        /// The data of A records.
        var v4: [[UInt8]] = []
        var v6: [[UInt8]] = []

        mutating func add(_ address: IPAddress) {
            if address.family == .v4 { v4.append(address.bytes) } else { v6.append(address.bytes) }
        }

        /// Nil for other types than A and AAAA.
        func data(_ type: RecordType) -> [[UInt8]]? {
            switch type {
            case .a: v4
            case .aaaa: v6
            default: nil
            }
        }
    }

    struct Port: Sendable {
        /// In lower case, without the underscore; empty: only found by the service's name.
        var name: String
        var transport: PortProtocol
        /// Who listens where: an endpoint's label, or nil for the service itself.
        var targets: [Target] = []
    }

    struct Target: Sendable, Hashable {
        var label: String?
        var number: UInt16
    }

    /// `<service>.<namespace>.svc.<zone>`.
    let name: DomainName
    /// Where an ExternalName leads.
    private(set) var alias: DomainName?
    /// Whether the service's name is there at all: a headless service without ready endpoints is not (specification,
    /// section 2.4.1).
    private(set) var exists = true
    private(set) var addresses = Addresses()
    private(set) var ports: [Port] = []
    /// By label, in lower case: the pod's hostname, or its address with dashes. Those of services with a cluster
    /// address have names, too, as CoreDNS gives them.
    private(set) var endpoints: [String: Addresses] = [:]
    /// What the reverse names of addresses lead to, and whether somebody chose that name.
    private(set) var pointers: [(address: IPAddress, name: DomainName, isChosen: Bool)] = []

    init(name: DomainName, service: ZoneService, slices: [ZoneSlice]) {
        self.name = name
        if case .alias(let target) = service.kind {
            alias = target
            return
        }
        if case .cluster(let own) = service.kind {
            for address in own {
                addresses.add(address)
                pointers.append((address, name, true))
            }
            ports = service.ports.map { port in
                Port(
                    name: port.name.lowercased(), transport: port.transport,
                    targets: [Target(label: nil, number: port.number)])
            }
        }
        let isHeadless = service.kind == .headless
        let labels = addEndpoints(slices, isHeadless: isHeadless)
        if isHeadless {
            exists = !endpoints.isEmpty
            addPorts(slices, labels)
        }
    }

    /// - Returns: the labels of each slice's endpoints.
    private mutating func addEndpoints(_ slices: [ZoneSlice], isHeadless: Bool) -> [[String]] {
        /// While an endpoint moves from one slice to another, it is in both.
        var seen: Set<IPAddress> = []
        var named: Set<LabelledAddress> = []
        var labels: [[String]] = []
        for slice in slices {
            var ofSlice: [String] = []
            for endpoint in slice.endpoints {
                for address in endpoint.addresses {
                    let label = endpoint.hostname.isEmpty ? Self.label(of: address) : endpoint.hostname.lowercased()
                    guard let full = name.prefixed(by: label) else { continue }
                    if ofSlice.last != label { ofSlice.append(label) }
                    if isHeadless, seen.insert(address).inserted { addresses.add(address) }
                    guard named.insert(LabelledAddress(label: label, address: address)).inserted else { continue }
                    endpoints[label, default: Addresses()].add(address)
                    pointers.append((address, full, !endpoint.hostname.isEmpty))
                }
            }
            labels.append(ofSlice)
        }
        return labels
    }

    private struct LabelledAddress: Hashable {
        var label: String
        var address: IPAddress
    }

    /// The ports that endpoints have, which may differ from slice to slice.
    private mutating func addPorts(_ slices: [ZoneSlice], _ labels: [[String]]) {
        var indices: [ZoneService.Port: Int] = [:]
        var present: [Set<Target>] = []
        for (slice, labels) in zip(slices, labels) {
            for port in slice.ports {
                // One record set for a name and a protocol, whatever the numbers.
                let key = ZoneService.Port(name: port.name.lowercased(), transport: port.transport, number: 0)
                let index = indices[key] ?? ports.count
                if index == ports.count {
                    indices[key] = index
                    ports.append(Port(name: key.name, transport: key.transport))
                    present.append([])
                }
                for label in labels {
                    let target = Target(label: label, number: port.number)
                    if present[index].insert(target).inserted { ports[index].targets.append(target) }
                }
            }
        }
        ports.removeAll { $0.targets.isEmpty }
    }

    /// An address as a label: `10-244-0-7`, `fd00--7`; a label does not end in a dash, so `fd00::` is `fd00--0`.
    static func label(of address: IPAddress) -> String {
        let text = address.description.replacing(".", with: "-").replacing(":", with: "-")
        return (text.hasPrefix("-") ? "0" : "") + text + (text.hasSuffix("-") ? "0" : "")
    }
}
