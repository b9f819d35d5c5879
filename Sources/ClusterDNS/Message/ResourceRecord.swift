import InternetAddress

/// One record. Its data are kept as bytes in which no name is compressed; `RecordLayout` says where names are.
struct ResourceRecord: Sendable, Hashable {
    /// IN, the only class that is served.
    static let internet: UInt16 = 1

    var name: DomainName
    var type: RecordType
    var recordClass: UInt16
    /// Seconds.
    var ttl: UInt32
    var data: [UInt8]

    init(_ name: DomainName, _ type: RecordType, recordClass: UInt16 = internet, ttl: UInt32, data: [UInt8]) {
        self.name = name
        self.type = type
        self.recordClass = recordClass
        self.ttl = ttl
        self.data = data
    }

    /// A or AAAA.
    init(_ name: DomainName, address: IPAddress, ttl: UInt32) {
        self.init(name, address.family == .v4 ? .a : .aaaa, ttl: ttl, data: address.bytes)
    }

    /// The data of an SRV record (RFC 2782).
    static func serviceData(priority: UInt16, weight: UInt16, port: UInt16, target: DomainName) -> [UInt8] {
        [priority, weight, port].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] } + target.wire
    }

    /// The data of an SOA record. `numbers` are serial, refresh, retry, expire and minimum (RFC 1035 section 3.3.13).
    static func authorityData(server: DomainName, mailbox: DomainName, numbers: [UInt32]) -> [UInt8] {
        server.wire + mailbox.wire
            + numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
    }

    /// The last number of an SOA record: how long, in seconds, a negative answer holds (RFC 2308).
    var minimum: UInt32? {
        guard type == .soa, data.count >= 22 else { return nil }
        return data.suffix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Where a CNAME leads.
    var alias: DomainName? { type == .cname ? DomainName(wire: data) : nil }
}
