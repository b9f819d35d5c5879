extension ConfigMap: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Data", "How many entries it has."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [.string(metadata.name), .integer(Int64(data.count + binaryData.count)), metadata.ageCell(now: now)]
    }
}

extension Secret: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Type", "What the secret is for."),
        TableColumnDefinition("Data", "How many entries it has."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [
            .string(metadata.name), .string(type.rawValue), .integer(Int64(data.count)), metadata.ageCell(now: now),
        ]
    }
}

extension ServiceAccount: TablePrinted {
    public static let columns: [TableColumnDefinition] = [
        .name, TableColumnDefinition("Secrets", "How many secrets may be used by its pods."), .age,
    ]

    public func cells(now: Timestamp) -> [JSONValue] {
        [.string(metadata.name), .integer(Int64(secrets.count)), metadata.ageCell(now: now)]
    }
}

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
        let selector = spec.selector.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ",")
        return [
            .string(metadata.name), .string(spec.type.rawValue), (spec.clusterIPs.first ?? spec.clusterIP).cell,
            externalAddress.cell, ports.joined(separator: ",").cell, metadata.ageCell(now: now), selector.cell,
        ]
    }

    private var externalAddress: String {
        switch spec.type {
        case .externalName: return spec.externalName
        case .loadBalancer:
            let balancer = status.loadBalancer.ingress.map { $0.ip.isEmpty ? $0.hostname : $0.ip }
            let all = balancer + spec.externalIPs
            return all.isEmpty ? "<pending>" : all.joined(separator: ",")
        default: return spec.externalIPs.joined(separator: ",")
        }
    }
}
