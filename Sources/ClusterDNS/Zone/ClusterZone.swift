import InternetAddress

/// The names of the cluster, as Kubernetes' DNS-Based Service Discovery 1.1.0 says them. Pure: facts go in, records
/// come out, and what one service's change costs does not depend on how many others there are.
///
/// What the specification leaves open is as CoreDNS has it with kubeadm's configuration: pod names are answered for any
/// address in a namespace that exists ("pods insecure"), endpoints of services with a cluster address have names, and
/// the name of a service has SRV records for all of its ports. The TTL is 5 s, CoreDNS's own default.
struct ClusterZone: Sendable {
    static let schemaVersion = "1.1.0"
    /// Seconds that a record, or that there is none, holds.
    static let ttl: UInt32 = 5

    let names: ZoneNames
    private let ownRanges: [IPRange]
    private let serverAddresses: ServiceEntry.Addresses
    /// Of the SOA record: grows with each change.
    private(set) var serial: UInt32

    private var services: [ServiceKey: ZoneService] = [:]
    private var slices: [ServiceKey: ZoneSlice] = [:]
    /// The keys of a service's slices.
    private var slicesOfService: [ServiceKey: Set<ServiceKey>] = [:]
    private var namespaces: Set<String> = []
    private var entries: [ServiceKey: ServiceEntry] = [:]
    private var pointers: [IPAddress: [Pointer]] = [:]

    private struct Pointer: Sendable, Hashable {
        var service: ServiceKey
        var name: DomainName
        var isChosen: Bool
    }

    /// - Parameters:
    ///   - serial: where the SOA's serial begins; larger than at the last start.
    ///   - serverAddresses: what clients reach the responder by.
    ///   - ownRanges: whose reverse names are answered here.
    init(names: ZoneNames, serverAddresses: [IPAddress], ownRanges: [IPRange], serial: UInt32) {
        self.names = names
        self.ownRanges = ownRanges
        self.serial = serial
        var addresses = ServiceEntry.Addresses()
        for address in serverAddresses { addresses.add(address) }
        self.serverAddresses = addresses
    }

    // MARK: Facts

    /// - Parameter service: nil where it is gone.
    mutating func set(_ key: ServiceKey, service: ZoneService?) {
        guard services[key] != service else { return }
        services[key] = service
        refresh(key)
    }

    /// - Parameters:
    ///   - key: of the slice itself.
    ///   - slice: nil where it is gone.
    mutating func set(slice key: ServiceKey, _ slice: ZoneSlice?) {
        let old = slices[key]
        guard old != slice else { return }
        slices[key] = slice
        if let old, old.service != slice?.service {
            slicesOfService[old.service]?.remove(key)
            if slicesOfService[old.service]?.isEmpty == true { slicesOfService[old.service] = nil }
            refresh(old.service)
        }
        if let slice {
            slicesOfService[slice.service, default: []].insert(key)
            refresh(slice.service)
        }
    }

    mutating func set(namespace: String, exists: Bool) {
        if exists { namespaces.insert(namespace) } else { namespaces.remove(namespace) }
    }

    /// All there are; what is known and not among them is gone. What did not change costs a comparison.
    mutating func replace(services all: [ServiceKey: ZoneService]) {
        for key in services.keys where all[key] == nil { set(key, service: nil) }
        for (key, service) in all { set(key, service: service) }
    }

    mutating func replace(slices all: [ServiceKey: ZoneSlice]) {
        for key in slices.keys where all[key] == nil { set(slice: key, nil) }
        for (key, slice) in all { set(slice: key, slice) }
    }

    mutating func replace(namespaces all: Set<String>) { namespaces = all }

    /// Makes the names of one service anew.
    private mutating func refresh(_ key: ServiceKey) {
        serial &+= 1
        for pointer in entries[key]?.pointers ?? [] {
            pointers[pointer.address]?.removeAll { $0.service == key }
            if pointers[pointer.address]?.isEmpty == true { pointers[pointer.address] = nil }
        }
        entries[key] = nil
        guard let service = services[key], let name = names.service(key) else { return }
        let keys = (slicesOfService[key] ?? []).sorted { $0.name < $1.name }
        let entry = ServiceEntry(name: name, service: service, slices: keys.compactMap { slices[$0] })
        entries[key] = entry
        for pointer in entry.pointers {
            pointers[pointer.address, default: []].append(
                Pointer(service: key, name: pointer.name, isChosen: pointer.isChosen))
        }
    }

    // MARK: Answers

    /// What there is to say, or nil where the name belongs to somebody else. The order of addresses is shuffled.
    ///
    /// The question's class is IN, and its type no meta type.
    func answer(_ question: Question, using generator: inout some RandomNumberGenerator) -> ZoneAnswer? {
        guard var answer = records(question, using: &generator) else { return nil }
        // Aliases that lead to other names of the zone.
        var seen = 1
        while let target = answer.alias, seen <= Self.maximumAliases {
            guard let more = records(Question(name: target, type: question.type), using: &generator) else {
                return answer
            }
            answer.code = more.code
            answer.answers += more.answers
            answer.authorities = more.authorities
            answer.additionals = more.additionals
            answer.alias = more.alias
            seen += 1
        }
        if answer.alias != nil {
            answer.alias = nil
            answer.code = .serverFailure
        }
        return answer
    }

    /// ExternalNames may lead to each other, and in a circle.
    private static let maximumAliases = 8

    private func records(_ question: Question, using generator: inout some RandomNumberGenerator) -> ZoneAnswer? {
        let labels = question.name.labels
        guard let inner = names.labels(below: labels) else {
            return ReverseName(labels: labels).flatMap { reverse(question, $0, labels.count) }
        }
        guard let content = content(inner, question.type) else { return absent(.nameError) }
        switch content {
        case .records(let data):
            return found(question.name, question.type, data.shuffled(using: &generator))
        case .services(let entry, let ports):
            return services(question.name, entry, ports, using: &generator)
        case .alias(let target):
            var answer = found(question.name, .cname, [target.wire])
            if question.type != .cname { answer.alias = target }
            return answer
        case .apex:
            return apex(question)
        }
    }

    private enum Content {
        /// The data of the records of the asked type; none where the name has other types or only names below it.
        case records([[UInt8]])
        case services(ServiceEntry, [ServiceEntry.Port])
        case alias(DomainName)
        case apex
    }

    /// What a name below the zone's has; nil where it does not exist.
    private func content(_ labels: [String], _ type: RecordType) -> Content? {
        guard let last = labels.last else { return .apex }
        switch (last, labels.count) {
        case ("svc", _): return service(labels.dropLast(), type)
        case ("pod", _): return pod(labels.dropLast(), type)
        case ("dns", 1): return .records([])
        case ("dns", 2) where labels[0] == "ns": return .records(serverAddresses.data(type) ?? [])
        case ("dns-version", 1):
            return .records(type == .txt ? [[UInt8(Self.schemaVersion.utf8.count)] + Self.schemaVersion.utf8] : [])
        default: return nil
        }
    }

    /// - Parameter labels: those in front of `svc.<zone>`.
    private func service(_ labels: ArraySlice<String>, _ type: RecordType) -> Content? {
        guard let namespace = labels.last else { return .records([]) }
        guard labels.count > 1 else { return namespaces.contains(namespace) ? .records([]) : nil }
        let name = labels[labels.endIndex - 2]
        guard let entry = entries[ServiceKey(namespace: namespace, name: name)], entry.exists else { return nil }
        let rest = labels.dropLast(2)
        switch rest.count {
        case 0:
            if let alias = entry.alias { return .alias(alias) }
            return type == .srv ? .services(entry, entry.ports) : .records(entry.addresses.data(type) ?? [])
        case 1:
            let label = rest[rest.startIndex]
            if let addresses = entry.endpoints[label] { return .records(addresses.data(type) ?? []) }
            // Only names below it.
            return entry.ports.contains { $0.transport.rawValue == label && !$0.name.isEmpty } ? .records([]) : nil
        case 2:
            let label = rest[rest.startIndex]
            guard label.utf8.count > 1, label.first == "_" else { return nil }
            let ports = entry.ports.filter {
                $0.name == label.dropFirst() && $0.transport.rawValue == rest[rest.startIndex + 1]
            }
            if ports.isEmpty { return nil }
            return type == .srv ? .services(entry, ports) : .records([])
        default: return nil
        }
    }

    /// - Parameter labels: those in front of `pod.<zone>`.
    private func pod(_ labels: ArraySlice<String>, _ type: RecordType) -> Content? {
        guard let namespace = labels.last else { return .records([]) }
        guard namespaces.contains(namespace) else { return nil }
        if labels.count == 1 { return .records([]) }
        guard labels.count == 2 else { return nil }
        let label = labels[labels.startIndex]
        guard let address = IPAddress(label.replacing("-", with: ".")) ?? IPAddress(label.replacing("-", with: ":"))
        else { return nil }
        return .records(type == (address.family == .v4 ? .a : .aaaa) ? [address.bytes] : [])
    }

    private func apex(_ question: Question) -> ZoneAnswer {
        switch question.type {
        case .soa:
            return ZoneAnswer(answers: [authority(of: question.name)])
        case .ns:
            let server = names.server
            return ZoneAnswer(
                answers: [record(question.name, .ns, server.wire)],
                additionals: serverAddresses.v4.map { record(server, .a, $0) }
                    + serverAddresses.v6.map { record(server, .aaaa, $0) })
        default: return absent(.noError)
        }
    }

    // MARK: Reverse names

    private func reverse(_ question: Question, _ name: ReverseName, _ labelCount: Int) -> ZoneAnswer? {
        let own = ownRanges.first { $0.contains(name.range.network) && $0.prefixLength <= name.range.prefixLength }
        if let address = name.address, let pointers = pointers[address] {
            // Names that somebody chose first, each once: most clients look at the first only.
            let names = pointers.sorted {
                ($0.isChosen ? 0 : 1, $0.name.description) < ($1.isChosen ? 0 : 1, $1.name.description)
            }.map(\.name)
            if question.type == .ptr { return found(question.name, .ptr, names.map(\.wire)) }
        }
        // Names of addresses elsewhere, such as a Service's own endpoints, are somebody else's but for the above.
        guard let own else { return nil }
        // A range may end inside of a label: the zone is then what the next label makes of it.
        let width = ReverseName.bitsPerLabel(own.family)
        let apex = question.name.suffix(2 + Int((own.prefixLength + width - 1) / width))
        if apex.wire.count == question.name.wire.count {
            if question.type == .soa { return ZoneAnswer(answers: [authority(of: question.name)]) }
            if question.type == .ns { return found(question.name, .ns, [names.server.wire]) }
        }
        let exists = !name.isBeyond && (name.address.map { pointers[$0] != nil } ?? true)
        return absent(exists || apex.wire.count == question.name.wire.count ? .noError : .nameError, apex)
    }

    // MARK: Records

    private func record(_ name: DomainName, _ type: RecordType, _ data: [UInt8]) -> ResourceRecord {
        ResourceRecord(name, type, ttl: Self.ttl, data: data)
    }

    private func found(_ name: DomainName, _ type: RecordType, _ data: [[UInt8]]) -> ZoneAnswer {
        data.isEmpty ? absent(.noError) : ZoneAnswer(answers: data.map { record(name, type, $0) })
    }

    /// SRV records, and the addresses of whom they name.
    private func services(
        _ name: DomainName, _ entry: ServiceEntry, _ ports: [ServiceEntry.Port],
        using generator: inout some RandomNumberGenerator
    ) -> ZoneAnswer {
        let targets = ports.flatMap(\.targets).shuffled(using: &generator)
        if targets.isEmpty { return absent(.noError) }
        let weight = UInt16(max(100 / targets.count, 1))
        var answer = ZoneAnswer()
        var seen: Set<String?> = []
        for target in targets {
            guard let host = target.label.map({ entry.name.prefixed(by: $0) }) ?? entry.name else { continue }
            let data = ResourceRecord.serviceData(priority: 0, weight: weight, port: target.number, target: host)
            answer.answers.append(record(name, .srv, data))
            guard seen.insert(target.label).inserted else { continue }
            let addresses = target.label.map { entry.endpoints[$0] ?? ServiceEntry.Addresses() } ?? entry.addresses
            answer.additionals += addresses.v4.map { record(host, .a, $0) }
            answer.additionals += addresses.v6.map { record(host, .aaaa, $0) }
        }
        return answer
    }

    /// Nothing, with the record that says how long that holds (RFC 2308).
    private func absent(_ code: ResponseCode, _ apex: DomainName? = nil) -> ZoneAnswer {
        ZoneAnswer(code: code, authorities: [authority(of: apex ?? names.apex)])
    }

    private func authority(of apex: DomainName) -> ResourceRecord {
        let data = ResourceRecord.authorityData(
            server: names.server, mailbox: names.mailbox, numbers: [serial, 7200, 1800, 86400, Self.ttl])
        return record(apex, .soa, data)
    }
}
