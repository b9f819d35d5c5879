extension Service: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("Type", "How the service is reached."),
        TableColumnDefinition("Cluster-IP", "The service's address within the cluster."),
        TableColumnDefinition("External-IP", "Its addresses outside of the cluster."),
        TableColumnDefinition("Port(s)", "The ports that it serves."),
        .age,
        TableColumnDefinition("Selector", wide: true, "The labels of the pods behind it."),
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        let ports = spec.ports.map { port in
            port.nodePort == 0 ? "\(port.port)/\(port.protocol)" : "\(port.port):\(port.nodePort)/\(port.protocol)"
        }
        return [
            .string(metadata.name), .string(spec.type.rawValue), (spec.clusterIPs.first ?? spec.clusterIP).cell,
            externalAddress.cell, ports.joined(separator: ",").cell, metadata.ageCell(now: now),
            spec.selector.labelsCell,
        ]
    }

    private var externalAddress: String {
        switch spec.type {
        case .externalName: return spec.externalName
        case .loadBalancer:
            let balancer = Set(status.loadBalancer.ingress.map { $0.ip.isEmpty ? $0.hostname : $0.ip })
            let all = balancer.sorted() + spec.externalIPs
            return all.isEmpty ? "<pending>" : all.joined(separator: ",")
        default: return spec.externalIPs.joined(separator: ",")
        }
    }
}

extension Endpoints: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Endpoints", "The addresses and ports behind the service of this name."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [.string(metadata.name), .string(subsets.isEmpty ? "<none>" : text), metadata.ageCell(now: now)]
    }

    /// Those that are ready; empty where none is.
    private var text: String {
        let all = subsets.flatMap { subset in
            // Headless services may have no ports.
            guard !subset.ports.isEmpty else { return subset.addresses.map(\.ip) }
            return subset.ports.flatMap { port in
                subset.addresses.map { "\($0.ip.contains(":") ? "[\($0.ip)]" : $0.ip):\(port.port)" }
            }
        }
        return all.firstFew
    }
}

extension EndpointSlice: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name,
        TableColumnDefinition("AddressType", "What kind of addresses the slice has."),
        TableColumnDefinition("Ports", "The ports of all of its endpoints."),
        TableColumnDefinition("Endpoints", "The addresses of its endpoints."),
        .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        func text(_ all: [String]) -> JSONValue { .string(all.isEmpty ? "<unset>" : all.firstFew) }
        return [
            .string(metadata.name), .string(addressType), text(ports.map { $0.port.map { "\($0)" } ?? $0.name ?? "*" }),
            text(endpoints.flatMap(\.addresses)), metadata.ageCell(now: now),
        ]
    }
}

extension [String] {
    /// The first three, and how many more there are.
    fileprivate var firstFew: String {
        let text = prefix(3).joined(separator: ",")
        return count > 3 ? "\(text) + \(count - 3) more..." : text
    }
}
