import InternetAddress
import Testing

@testable import ClusterDNS

/// A zone with one service of each kind. Figures are those of the tables below.
struct ZoneFixture {
    var zone: ClusterZone
    private var generator = SplitMix(state: 1)

    init() throws {
        zone = ClusterZone(
            names: try #require(ZoneNames(domain: "cluster.local")), serverAddresses: Self.addresses("10.96.0.10"),
            ownRanges: ["10.244.0.0/24", "10.96.0.0/12", "fd00:10:244::/64"].compactMap { IPRange($0) }, serial: 1)
        for namespace in ["default", "kube-system", "empty"] { zone.set(namespace: namespace, exists: true) }
        let web = ServiceKey(namespace: "default", name: "web")
        zone.set(
            web,
            service: ZoneService(
                kind: .cluster(Self.addresses("10.96.0.20", "fd00:10:96::20")),
                ports: [
                    .init(name: "http", transport: .tcp, number: 80), .init(name: "dns", transport: .udp, number: 53),
                    .init(name: "", transport: .tcp, number: 9000),
                ]))
        zone.set(
            slice: ServiceKey(namespace: "default", name: "web-1"),
            ZoneSlice(service: web, endpoints: [.init(addresses: Self.addresses("10.244.0.5"))]))
        let db = ServiceKey(namespace: "default", name: "db")
        zone.set(db, service: ZoneService(kind: .headless, ports: [.init(name: "sql", transport: .tcp, number: 5432)]))
        zone.set(
            slice: ServiceKey(namespace: "default", name: "db-1"),
            ZoneSlice(
                service: db,
                endpoints: [
                    .init(addresses: Self.addresses("10.244.0.6"), hostname: "db-0"),
                    .init(addresses: Self.addresses("10.244.0.7")),
                ], ports: [.init(name: "sql", transport: .tcp, number: 5432)]))
        zone.set(
            slice: ServiceKey(namespace: "default", name: "db-2"),
            ZoneSlice(
                service: db, endpoints: [.init(addresses: Self.addresses("fd00:10:244::6"), hostname: "db-0")],
                ports: [.init(name: "sql", transport: .tcp, number: 5432)]))
        zone.set(
            ServiceKey(namespace: "default", name: "nobody"),
            service: ZoneService(kind: .headless, ports: [.init(name: "a", transport: .tcp, number: 1)]))
        for (name, target) in [
            ("ext", "www.example.org"), ("near", "web.default.svc.cluster.local"),
            ("far", "near.default.svc.cluster.local"),
            ("dead", "none.default.svc.cluster.local"), ("tick", "tock.default.svc.cluster.local"),
            ("tock", "tick.default.svc.cluster.local"), ("bad", "a..b"),
        ] {
            zone.set(
                ServiceKey(namespace: "default", name: name), service: ZoneService(kind: .alias(DomainName(target))))
        }
    }

    /// A gateway of each family.
    static let both = addresses("10.244.0.1", "fd00:10:244::1")

    static func addresses(_ texts: String...) -> [IPAddress] { texts.compactMap { IPAddress($0) } }

    mutating func ask(_ name: String, _ type: RecordType) throws -> ZoneAnswer? {
        zone.answer(Question(name: try #require(DomainName(name)), type: type), using: &generator)
    }

    /// The answer in a line: the code where it is not NOERROR, records' names where they are not the question's, and
    /// data, sorted; `SOA` where that is all.
    mutating func text(_ name: String, _ type: RecordType) throws -> String {
        guard let answer = try ask(name, type) else { return "elsewhere" }
        var words = answer.code == .noError ? [] : [answer.code.name]
        words += answer.answers.map(Self.text).sorted()
        if let alias = answer.alias { words.append("-> \(alias)") }
        words += answer.authorities.map { "SOA \($0.name)" }
        return words.joined(separator: ", ")
    }

    static func text(_ record: ResourceRecord) -> String {
        switch record.type {
        case .a, .aaaa: IPAddress(bytes: record.data)?.description ?? "?"
        case .cname, .ptr, .ns: DomainName(wire: record.data).description
        case .srv:
            record.data.prefix(6).map(String.init).joined(separator: " ") + " "
                + DomainName(wire: Array(record.data.dropFirst(6))).description
        case .txt: String(decoding: record.data.dropFirst(), as: UTF8.self)
        default: record.type.description
        }
    }
}

@Suite struct Zone {
    private static let nodata = "SOA cluster.local."
    private static let nxdomain = "NXDOMAIN, SOA cluster.local."

    @Test(arguments: [
        // 2.2: the version of the schema.
        ("dns-version.cluster.local", RecordType.txt, "1.1.0"),
        ("dns-version.cluster.local", .a, nodata),
        // 2.3: services with a cluster address.
        ("web.default.svc.cluster.local", .a, "10.96.0.20"),
        ("WEB.Default.sVc.Cluster.LOCAL", .a, "10.96.0.20"),
        ("web.default.svc.cluster.local", .aaaa, "fd00:10:96::20"),
        ("web.default.svc.cluster.local", .mx, nodata),
        ("web.default.svc.cluster.local", .cname, nodata),
        ("_http._tcp.web.default.svc.cluster.local", .srv, "0 0 0 100 0 80 web.default.svc.cluster.local."),
        ("_dns._udp.web.default.svc.cluster.local", .srv, "0 0 0 100 0 53 web.default.svc.cluster.local."),
        ("_http._tcp.web.default.svc.cluster.local", .a, nodata),
        ("_http._udp.web.default.svc.cluster.local", .srv, nxdomain),
        ("_none._tcp.web.default.svc.cluster.local", .srv, nxdomain),
        ("__tcp.web.default.svc.cluster.local", .srv, nxdomain),
        ("_._tcp.web.default.svc.cluster.local", .srv, nxdomain),
        ("http._tcp.web.default.svc.cluster.local", .srv, nxdomain),
        ("_http.tcp.web.default.svc.cluster.local", .srv, nxdomain),
        ("_tcp.web.default.svc.cluster.local", .srv, nodata),
        ("_sctp.web.default.svc.cluster.local", .srv, nxdomain),
        ("_a._http._tcp.web.default.svc.cluster.local", .srv, nxdomain),
        ("10-244-0-5.web.default.svc.cluster.local", .a, "10.244.0.5"),
        ("10-244-0-9.web.default.svc.cluster.local", .a, nxdomain),
        // 2.4: headless services.
        ("db.default.svc.cluster.local", .a, "10.244.0.6, 10.244.0.7"),
        ("db.default.svc.cluster.local", .aaaa, "fd00:10:244::6"),
        ("db-0.db.default.svc.cluster.local", .a, "10.244.0.6"),
        ("DB-0.db.default.svc.cluster.local", .aaaa, "fd00:10:244::6"),
        ("db-1.db.default.svc.cluster.local", .a, nxdomain),
        ("10-244-0-7.db.default.svc.cluster.local", .a, "10.244.0.7"),
        ("10-244-0-7.db.default.svc.cluster.local", .aaaa, nodata),
        ("10-244-0-6.db.default.svc.cluster.local", .a, nxdomain),
        (
            "_sql._tcp.db.default.svc.cluster.local", .srv,
            "0 0 0 50 21 56 10-244-0-7.db.default.svc.cluster.local., 0 0 0 50 21 56 db-0.db.default.svc.cluster.local."
        ),
        ("_sql._tcp.db-0.db.default.svc.cluster.local", .srv, nxdomain),
        ("nobody.default.svc.cluster.local", .a, nxdomain),
        ("_a._tcp.nobody.default.svc.cluster.local", .srv, nxdomain),
        // 2.5: external names.
        ("ext.default.svc.cluster.local", .a, "www.example.org., -> www.example.org."),
        ("ext.default.svc.cluster.local", .aaaa, "www.example.org., -> www.example.org."),
        ("ext.default.svc.cluster.local", .cname, "www.example.org."),
        ("x.ext.default.svc.cluster.local", .a, nxdomain),
        ("near.default.svc.cluster.local", .a, "10.96.0.20, web.default.svc.cluster.local."),
        (
            "far.default.svc.cluster.local", .a,
            "10.96.0.20, near.default.svc.cluster.local., web.default.svc.cluster.local."
        ),
        ("near.default.svc.cluster.local", .mx, "web.default.svc.cluster.local., \(nodata)"),
        ("dead.default.svc.cluster.local", .a, "NXDOMAIN, none.default.svc.cluster.local., SOA cluster.local."),
        ("bad.default.svc.cluster.local", .a, nodata),
        // 2.6: pods by address.
        ("10-1-2-3.default.pod.cluster.local", .a, "10.1.2.3"),
        ("10-1-2-3.default.pod.cluster.local", .aaaa, nodata),
        ("fd00--7.default.pod.cluster.local", .aaaa, "fd00::7"),
        ("10-1-2-3.unknown.pod.cluster.local", .a, nxdomain),
        ("10-1-2-300.default.pod.cluster.local", .a, nxdomain),
        ("web.default.pod.cluster.local", .a, nxdomain),
        ("x.10-1-2-3.default.pod.cluster.local", .a, nxdomain),
        // Names with only names below them, and names that are not there.
        ("cluster.local", .a, nodata),
        ("svc.cluster.local", .a, nodata),
        ("pod.cluster.local", .a, nodata),
        ("dns.cluster.local", .a, nodata),
        ("default.svc.cluster.local", .a, nodata),
        ("empty.svc.cluster.local", .aaaa, nodata),
        ("empty.pod.cluster.local", .a, nodata),
        ("unknown.svc.cluster.local", .a, nxdomain),
        ("web.unknown.svc.cluster.local", .a, nxdomain),
        ("web.kube-system.svc.cluster.local", .a, nxdomain),
        ("web.cluster.local", .a, nxdomain),
        ("www.example.org.svc.cluster.local", .a, nxdomain),
        ("www.example.org.cluster.local", .a, nxdomain),
        // Who serves the zone.
        ("cluster.local", .ns, "ns.dns.cluster.local."),
        ("ns.dns.cluster.local", .a, "10.96.0.10"),
        ("ns.dns.cluster.local", .aaaa, nodata),
        ("x.dns.cluster.local", .a, nxdomain),
        ("cluster.local", .soa, "TYPE6"),
        // Others' names.
        ("example.org", .a, "elsewhere"), ("local", .a, "elsewhere"), ("notcluster.local", .a, "elsewhere"),
        (".", .ns, "elsewhere"),
    ])
    func `names`(name: String, type: RecordType, answer: String) throws {
        var fixture = try ZoneFixture()
        #expect(try fixture.text(name, type) == answer)
    }

    @Test(arguments: [
        ("20.0.96.10.in-addr.arpa", RecordType.ptr, "web.default.svc.cluster.local."),
        ("5.0.244.10.in-addr.arpa", .ptr, "10-244-0-5.web.default.svc.cluster.local."),
        ("6.0.244.10.in-addr.arpa", .ptr, "db-0.db.default.svc.cluster.local."),
        ("7.0.244.10.IN-ADDR.arpa", .ptr, "10-244-0-7.db.default.svc.cluster.local."),
        (
            "6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa", .ptr,
            "db-0.db.default.svc.cluster.local."
        ),
        ("20.0.96.10.in-addr.arpa", .a, "SOA 96.10.in-addr.arpa."),
        // Unknown addresses of the own ranges, parts of them, and what is below an address.
        ("99.0.244.10.in-addr.arpa", .ptr, "NXDOMAIN, SOA 0.244.10.in-addr.arpa."),
        ("1.0.100.10.in-addr.arpa", .ptr, "NXDOMAIN, SOA 100.10.in-addr.arpa."),
        ("x.5.0.244.10.in-addr.arpa", .ptr, "NXDOMAIN, SOA 0.244.10.in-addr.arpa."),
        ("256.0.244.10.in-addr.arpa", .ptr, "NXDOMAIN, SOA 0.244.10.in-addr.arpa."),
        ("05.0.244.10.in-addr.arpa", .ptr, "NXDOMAIN, SOA 0.244.10.in-addr.arpa."),
        ("0.244.10.in-addr.arpa", .ptr, "SOA 0.244.10.in-addr.arpa."),
        ("0.96.10.in-addr.arpa", .ptr, "SOA 96.10.in-addr.arpa."),
        ("0.244.10.in-addr.arpa", .soa, "TYPE6"),
        ("0.244.10.in-addr.arpa", .ns, "ns.dns.cluster.local."),
        ("0.0.4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa", .ptr, "elsewhere"),
        ("0.0.0.0.4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa", .ptr, "SOA 0.0.0.0.4.4.2.0.0.1.0.0.0.0.d.f.ip6.arpa."),
        // Others' addresses.
        ("1.1.168.192.in-addr.arpa", .ptr, "elsewhere"), ("244.10.in-addr.arpa", .ptr, "elsewhere"),
        ("10.in-addr.arpa", .ptr, "elsewhere"), ("in-addr.arpa", .ns, "elsewhere"), ("arpa", .ns, "elsewhere"),
        ("1.1.244.10.in-addr.arpa", .ptr, "elsewhere"),
    ])
    func `reverse names`(name: String, type: RecordType, answer: String) throws {
        var fixture = try ZoneFixture()
        #expect(try fixture.text(name, type) == answer)
    }

    @Test func `an alias in a circle is a failure, not a hang`() throws {
        var fixture = try ZoneFixture()
        #expect(try fixture.ask("tick.default.svc.cluster.local", .a)?.code == .serverFailure)
    }

    @Test func `an endpoint of a service elsewhere has its name, and the rest of its address's names are others'`()
        throws
    {
        var fixture = try ZoneFixture()
        let key = ServiceKey(namespace: "default", name: "old")
        fixture.zone.set(key, service: ZoneService(kind: .headless))
        fixture.zone.set(
            slice: key,
            ZoneSlice(service: key, endpoints: [.init(addresses: ZoneFixture.addresses("192.0.2.7"), hostname: "vm")]))
        #expect(try fixture.text("7.2.0.192.in-addr.arpa", .ptr) == "vm.old.default.svc.cluster.local.")
        #expect(try fixture.text("7.2.0.192.in-addr.arpa", .a) == "elsewhere")
    }

    @Test func `names that somebody chose come before names of addresses`() throws {
        var fixture = try ZoneFixture()
        let key = ServiceKey(namespace: "default", name: "all")
        fixture.zone.set(key, service: ZoneService(kind: .headless))
        fixture.zone.set(
            slice: key, ZoneSlice(service: key, endpoints: [.init(addresses: ZoneFixture.addresses("10.244.0.6"))]))
        for _ in 0..<8 {
            let answer = try #require(try fixture.ask("6.0.244.10.in-addr.arpa", .ptr))
            #expect(
                answer.answers.map(ZoneFixture.text) == [
                    "db-0.db.default.svc.cluster.local.", "10-244-0-6.all.default.svc.cluster.local.",
                ])
        }
    }

    @Test func `SRV records bring the addresses that they name`() throws {
        var fixture = try ZoneFixture()
        let web = try #require(try fixture.ask("_http._tcp.web.default.svc.cluster.local", .srv))
        #expect(web.additionals.map(ZoneFixture.text) == ["10.96.0.20", "fd00:10:96::20"])
        let db = try #require(try fixture.ask("_sql._tcp.db.default.svc.cluster.local", .srv))
        #expect(
            Set(db.additionals.map { "\($0.name) \(ZoneFixture.text($0))" }) == [
                "db-0.db.default.svc.cluster.local. 10.244.0.6", "db-0.db.default.svc.cluster.local. fd00:10:244::6",
                "10-244-0-7.db.default.svc.cluster.local. 10.244.0.7",
            ])
    }

    @Test func `a service's name has SRV records of all its ports, also of one without a name`() throws {
        var fixture = try ZoneFixture()
        let answer = try #require(try fixture.ask("web.default.svc.cluster.local", .srv))
        #expect(answer.answers.count == 3)
        #expect(answer.additionals.count == 2)
    }

    @Test func `every record holds for five seconds, and so does that there is none`() throws {
        var fixture = try ZoneFixture()
        let found = try #require(try fixture.ask("db.default.svc.cluster.local", .a))
        #expect(found.answers.allSatisfy { $0.ttl == 5 })
        let absent = try #require(try fixture.ask("none.default.svc.cluster.local", .a))
        #expect(absent.authorities.map(\.ttl) == [5])
        #expect(absent.authorities.map(\.minimum) == [5])
    }

    @Test func `the order of a headless service's addresses changes`() throws {
        var fixture = try ZoneFixture()
        var first: [String: Int] = [:]
        for _ in 0..<1000 {
            let answer = try #require(try fixture.ask("db.default.svc.cluster.local", .a))
            first[ZoneFixture.text(try #require(answer.answers.first)), default: 0] += 1
        }
        #expect(first.count == 2)
        #expect(first.values.allSatisfy { $0 > 400 })
    }

    @Test func `changes of slices are seen at once`() throws {
        var fixture = try ZoneFixture()
        let key = ServiceKey(namespace: "default", name: "db-1")
        let db = ServiceKey(namespace: "default", name: "db")
        let before = fixture.zone.serial
        fixture.zone.set(
            slice: key, ZoneSlice(service: db, endpoints: [.init(addresses: ZoneFixture.addresses("10.244.0.9"))]))
        #expect(fixture.zone.serial > before)
        #expect(try fixture.text("db.default.svc.cluster.local", .a) == "10.244.0.9")
        #expect(try fixture.text("6.0.244.10.in-addr.arpa", .ptr) == "NXDOMAIN, SOA 0.244.10.in-addr.arpa.")
        // The other slice has no port that this one does not have.
        fixture.zone.set(slice: key, nil)
        #expect(try fixture.text("db.default.svc.cluster.local", .a) == Self.nodata)
        fixture.zone.set(slice: ServiceKey(namespace: "default", name: "db-2"), nil)
        #expect(try fixture.text("db.default.svc.cluster.local", .aaaa) == Self.nxdomain)
    }

    @Test func `a slice that moves to another service leaves the first`() throws {
        var fixture = try ZoneFixture()
        fixture.zone.set(
            slice: ServiceKey(namespace: "default", name: "db-1"),
            ZoneSlice(
                service: ServiceKey(namespace: "default", name: "nobody"),
                endpoints: [.init(addresses: ZoneFixture.addresses("10.244.0.9"))]))
        #expect(try fixture.text("db.default.svc.cluster.local", .a) == Self.nodata)
        #expect(try fixture.text("nobody.default.svc.cluster.local", .a) == "10.244.0.9")
    }

    @Test func `an endpoint in two slices is one`() throws {
        var fixture = try ZoneFixture()
        let db = ServiceKey(namespace: "default", name: "db")
        fixture.zone.set(
            slice: ServiceKey(namespace: "default", name: "db-3"),
            ZoneSlice(
                service: db, endpoints: [.init(addresses: ZoneFixture.addresses("10.244.0.6"), hostname: "db-0")],
                ports: [.init(name: "sql", transport: .tcp, number: 5432)]))
        #expect(try fixture.text("db.default.svc.cluster.local", .a) == "10.244.0.6, 10.244.0.7")
        #expect(try fixture.ask("_sql._tcp.db.default.svc.cluster.local", .srv)?.answers.count == 2)
    }

    @Test func `slices that come before their service wait for it`() throws {
        var fixture = try ZoneFixture()
        let key = ServiceKey(namespace: "default", name: "late")
        fixture.zone.set(
            slice: key, ZoneSlice(service: key, endpoints: [.init(addresses: ZoneFixture.addresses("10.244.0.8"))]))
        #expect(try fixture.text("late.default.svc.cluster.local", .a) == Self.nxdomain)
        fixture.zone.set(key, service: ZoneService(kind: .headless))
        #expect(try fixture.text("late.default.svc.cluster.local", .a) == "10.244.0.8")
        fixture.zone.set(key, service: nil)
        #expect(try fixture.text("late.default.svc.cluster.local", .a) == Self.nxdomain)
        #expect(try fixture.text("8.0.244.10.in-addr.arpa", .ptr) == "NXDOMAIN, SOA 0.244.10.in-addr.arpa.")
    }

    @Test func `a list replaces all, and costs nothing where nothing changed`() throws {
        var fixture = try ZoneFixture()
        let serial = fixture.zone.serial
        fixture.zone.replace(services: [
            ServiceKey(namespace: "default", name: "ext"): ZoneService(kind: .alias(DomainName("www.example.org")))
        ])
        fixture.zone.replace(namespaces: ["other"])
        #expect(try fixture.text("web.default.svc.cluster.local", .a) == Self.nxdomain)
        #expect(try fixture.text("other.svc.cluster.local", .a) == Self.nodata)
        #expect(try fixture.text("default.svc.cluster.local", .a) == Self.nxdomain)
        let after = fixture.zone.serial
        #expect(after > serial)
        fixture.zone.replace(services: [
            ServiceKey(namespace: "default", name: "ext"): ZoneService(kind: .alias(DomainName("www.example.org")))
        ])
        #expect(fixture.zone.serial == after)
    }

    @Test(arguments: [("10.0.0.1", "10-0-0-1"), ("fd00::", "fd00--0"), ("::1", "0--1"), ("fd00::7", "fd00--7")])
    func `labels of addresses`(address: String, label: String) throws {
        #expect(ServiceEntry.label(of: try #require(IPAddress(address))) == label)
    }
}
