import InternetAddress
import KubernetesAPI
import Synchronization
import Testing

@testable import ClusterDNS

@Suite(.timeLimit(.minutes(2))) struct Forwarding {
    /// Deadlines that a test can wait for.
    private static let quick = Forwarder.Limits(attempt: .milliseconds(200), total: .seconds(6))
    /// Deadlines of which the first is waited for once; an answer that is sent is never as late.
    private static let calm = Forwarder.Limits(attempt: .seconds(2), total: .seconds(30))
    /// Deadlines that no client of a test waits for.
    private static let patient = Forwarder.Limits(attempt: .seconds(30), total: .seconds(60))

    @Test func `other names are upstream's, and what it said is kept and grows old`() async throws {
        let clock = ManualTime()
        try await TestServer.run(
            time: clock.source, upstreams: [{ query, _ in [query.answered("192.0.2.1", ttl: 60)] }]
        ) {
            (server, fakes) async throws in
            let reply = try await server.ask("Www.example.org")
            #expect(reply.answers.map(ZoneFixture.text) == ["192.0.2.1"])
            #expect(!reply.header.isAuthoritative)
            #expect(reply.header.recursionAvailable)
            clock.advance(.seconds(20))
            let again = try await server.ask("wwW.example.org")
            #expect(again.answers.map(\.ttl) == [40])
            #expect(again.question?.name.description == "wwW.example.org.")
            #expect(fakes[0].queries.count == 1)
            clock.advance(.seconds(40))
            #expect(try await server.ask("www.example.org").answers.map(\.ttl) == [60])
            #expect(fakes[0].queries.count == 2)
            // Another type is another question.
            _ = try await server.ask("www.example.org", .aaaa)
            #expect(fakes[0].queries.count == 3)
        }
    }

    @Test func `an alias of the cluster is followed upstream in the same answer`() async throws {
        try await TestServer.run(upstreams: [{ query, _ in [query.answered("192.0.2.1")] }]) {
            (server, fakes) async throws in
            let reply = try await server.ask("ext.default.svc.cluster.local")
            #expect(reply.answers.map(ZoneFixture.text) == ["www.example.org.", "192.0.2.1"])
            #expect(reply.answers.map(\.name.description) == ["ext.default.svc.cluster.local.", "www.example.org."])
            #expect(reply.header.isAuthoritative)
            #expect(fakes[0].queries.map { $0.question?.name.description } == ["www.example.org."])
            _ = try await server.ask("ext.default.svc.cluster.local", .cname)
            #expect(fakes[0].queries.count == 1)
        }
    }

    @Test func `an alias whose target is not there, or cannot be asked for`() async throws {
        try await TestServer.run(upstreams: [{ query, _ in [query.answered(code: .nameError)] }]) {
            (server, _) async throws in
            let reply = try await server.ask("ext.default.svc.cluster.local")
            #expect(reply.code == .nameError)
            #expect(reply.answers.map(ZoneFixture.text) == ["www.example.org."])
        }
        try await TestServer.run { (server, _) async throws in
            let reply = try await server.ask("ext.default.svc.cluster.local")
            #expect(reply.code == .noError)
            #expect(reply.answers.map(ZoneFixture.text) == ["www.example.org."])
        }
    }

    @Test func `a chain of aliases is passed on whole`() async throws {
        try await TestServer.run(upstreams: [
            { query, _ in
                guard let name = query.question?.name, let target = DomainName("a.example.net") else { return [] }
                return [
                    query.answered([
                        ResourceRecord(name, .cname, ttl: 30, data: target.wire),
                        ResourceRecord(target, address: IPAddress(.v4, 0xc000_0201), ttl: 60),
                    ])
                ]
            }
        ]) { (server, _) async throws in
            let reply = try await server.ask("www.example.org")
            #expect(reply.answers.map(ZoneFixture.text) == ["a.example.net.", "192.0.2.1"])
        }
    }

    @Test func `a wrong identifier, a wrong question, a query and garbage are not an answer`() async throws {
        try await TestServer.run(upstreams: [
            { query, _ in
                [
                    query.answered("192.0.2.66") { $0.header.id ^= 1 },
                    query.answered("192.0.2.66") { $0.question?.name = .root },
                    query.answered("192.0.2.66") { $0.question?.type = .txt },
                    query.answered("192.0.2.66") { $0.header.isResponse = false },
                    query.answered("192.0.2.66") { $0.question = nil },
                    [1, 2, 3], query.answered("192.0.2.66") + [0],
                    query.answered("192.0.2.1"),
                ]
            }
        ]) { (server, _) async throws in
            #expect(try await server.ask("www.example.org").answers.map(ZoneFixture.text) == ["192.0.2.1"])
        }
    }

    @Test func `identifiers are not guessed from the last one`() async throws {
        try await TestServer.run(upstreams: [{ query, _ in [query.answered("192.0.2.1")] }]) {
            (server, fakes) async throws in
            for number in 0..<16 { _ = try await server.ask("n\(number).example.org") }
            let ids = fakes[0].queries.map(\.header.id)
            #expect(Set(ids).count > 12)
            #expect(Set(zip(ids, ids.dropFirst()).map { $1 &- $0 }).count > 12)
        }
    }

    @Test func `what was cut off is asked for over TCP`() async throws {
        try await TestServer.run(upstreams: [
            { query, overStream in
                guard let name = query.question?.name else { return [] }
                guard overStream else {
                    return [query.answered { $0.header.isTruncated = true }.dropLast(3)].map(Array.init)
                }
                return [query.answered((1...100).map { ResourceRecord(name, address: IPAddress(.v4, $0), ttl: 9) })]
            }
        ]) { (server, fakes) async throws in
            let reply = try await server.ask("big.example.org", payload: 4096)
            #expect(reply.header.isTruncated)
            #expect(fakes[0].queries.count == 2)
            // From the cache, to a client that takes all of it.
            let query = MessageWriter.write(try TestServer.query("big.example.org"))
            let whole = try await server.stream(TestServer.frame(query), count: 1)
            #expect(try MessageReader.read(try #require(whole.first)).answers.count == 100)
            #expect(fakes[0].queries.count == 2)
        }
    }

    @Test func `without an upstream it fails at once`() async throws {
        try await TestServer.run { (server, _) async throws in
            #expect(try await server.ask("www.example.org").code == .serverFailure)
        }
    }

    @Test func `one that says nothing is left for the next, and asked last after that`() async throws {
        try await TestServer.run(
            limits: Self.calm, upstreams: [{ _, _ in [] }, { query, _ in [query.answered("192.0.2.1")] }]
        ) { (server, fakes) async throws in
            #expect(try await server.ask("a.example.org").answers.map(ZoneFixture.text) == ["192.0.2.1"])
            #expect(fakes.map(\.queries.count) == [1, 1])
            #expect(try await server.ask("b.example.org").answers.map(ZoneFixture.text) == ["192.0.2.1"])
            #expect(fakes.map(\.queries.count) == [1, 2])
        }
    }

    @Test func `one that nobody listens at is left for the next at once`() async throws {
        // Long before its time is up: the kernel says that the port is closed.
        try await TestServer.run(
            limits: Self.patient, upstreams: [{ query, _ in [query.answered("192.0.2.1")] }], deadUpstreams: 1
        ) {
            (server, _) async throws in
            #expect(try await server.ask("a.example.org").answers.map(ZoneFixture.text) == ["192.0.2.1"])
        }
    }

    @Test(arguments: [ResponseCode.serverFailure, .refused])
    func `one that fails is left for the next`(code: ResponseCode) async throws {
        try await TestServer.run(upstreams: [
            { query, _ in [query.answered(code: code)] }, { query, _ in [query.answered("192.0.2.1")] },
        ]) { (server, _) async throws in
            #expect(try await server.ask("a.example.org").answers.map(ZoneFixture.text) == ["192.0.2.1"])
        }
        try await TestServer.run(upstreams: [{ query, _ in [query.answered(code: code)] }]) {
            (server, fakes) async throws in
            #expect(try await server.ask("a.example.org").code == code)
            #expect(fakes[0].queries.count == 1)
        }
    }

    @Test func `a server from before EDNS is asked without it`() async throws {
        try await TestServer.run(upstreams: [
            { query, _ in
                guard query.extended == nil else {
                    return [
                        query.answered(code: .formatError) {
                            $0.extended = nil
                            $0.question = nil
                        }
                    ]
                }
                return [query.answered("192.0.2.1")]
            }
        ]) { (server, _) async throws in
            #expect(try await server.ask("a.example.org").answers.map(ZoneFixture.text) == ["192.0.2.1"])
        }
    }

    @Test func `when nobody answers it fails in time, and the failure is kept for a second`() async throws {
        let clock = ManualTime()
        try await TestServer.run(limits: Self.quick, time: clock.source, upstreams: [{ _, _ in [] }]) {
            (server, fakes) async throws in
            #expect(try await server.ask("a.example.org").code == .serverFailure)
            // Once, and once more.
            #expect(fakes[0].queries.count == 2)
            #expect(try await server.ask("a.example.org").code == .serverFailure)
            #expect(fakes[0].queries.count == 2)
            clock.advance(.seconds(1))
            #expect(try await server.ask("a.example.org").code == .serverFailure)
            #expect(fakes[0].queries.count == 4)
        }
    }

    @Test func `a client waits no longer than all tries may take`() async throws {
        let limits = Forwarder.Limits(attempt: .seconds(30), total: .milliseconds(300))
        try await TestServer.run(limits: limits, upstreams: [{ _, _ in [] }, { _, _ in [] }]) {
            (server, fakes) async throws in
            #expect(try await server.ask("a.example.org").code == .serverFailure)
            #expect(fakes.map(\.queries.count) == [1, 0])
        }
    }

    @Test func `the same question is asked once, however many wait`() async throws {
        try await TestServer.run(limits: Self.quick, upstreams: [{ _, _ in [] }]) { (server, fakes) async throws in
            try await withThrowingTaskGroup(of: ResponseCode.self) { group in
                for _ in 0..<20 { group.addTask { try await server.ask("same.example.org").code } }
                for try await code in group { #expect(code == .serverFailure) }
            }
            #expect(fakes[0].queries.count == 2)
        }
    }

    @Test func `what may be under way is bounded, and the cluster's names are answered meanwhile`() async throws {
        // Longer than the client waits: what comes has not waited for upstream.
        var limits = Self.patient
        limits.outstanding = 4
        limits.waiting = 6
        try await TestServer.run(limits: limits, upstreams: [{ _, _ in [] }]) { (server, fakes) async throws in
            let bytes = try (0..<50).flatMap {
                TestServer.frame(MessageWriter.write(try TestServer.query("n\($0).example.org", id: UInt16($0))))
            }
            let replies = try await server.stream(bytes, count: 46)
            #expect(replies.count == 46)
            #expect(try await server.ask("web.default.svc.cluster.local").answers.count == 1)
        }
    }

    @Test func `a client that has sent all it wants still gets what takes time, and then the end`() async throws {
        try await TestServer.run(upstreams: [{ query, _ in [query.answered("192.0.2.1")] }]) {
            (server, _) async throws in
            let bytes = try (0..<10).flatMap {
                TestServer.frame(MessageWriter.write(try TestServer.query("n\($0).example.org", id: UInt16($0))))
            }
            let replies = try await server.stream(bytes, count: 1000, endsInput: true)
            #expect(Set(replies.compactMap { MessageHeader($0)?.id }) == Set(0..<10))
        }
    }

    @Test func `what DNSSEC proved is said to who asks`() async throws {
        try await TestServer.run(upstreams: [
            { query, _ in [query.answered("192.0.2.1") { $0.header.authenticData = true }] }
        ]) {
            (server, fakes) async throws in
            #expect(try await !server.ask("a.example.org").header.authenticData)
            #expect(try await server.ask("a.example.org") { $0.header.authenticData = true }.header.authenticData)
            #expect(fakes[0].queries.count == 1)
            let reply = try await server.ask("a.example.org", payload: 1232) {
                $0.extended?.dnssecOK = true
                $0.header.checkingDisabled = true
            }
            #expect(reply.header.authenticData && reply.header.checkingDisabled)
            #expect(reply.extended?.dnssecOK == true)
            #expect(fakes[0].queries.last?.extended?.dnssecOK == true)
            #expect(fakes[0].queries.last?.header.checkingDisabled == true)
        }
    }
}

@Suite struct Lifetimes {
    private static let name = DomainName("a.example.org") ?? .root

    private func resolution(
        _ code: ResponseCode = .noError, ttls: [UInt32] = [], authority: (ttl: UInt32, minimum: UInt32)? = nil
    ) -> Resolution {
        var resolution = Resolution(code: code)
        resolution.answers = ttls.map { ResourceRecord(Self.name, address: IPAddress(.v4, 1), ttl: $0) }
        if let authority {
            let data = ResourceRecord.authorityData(
                server: .root, mailbox: .root, numbers: [1, 2, 3, 4, authority.minimum])
            resolution.authorities = [ResourceRecord(Self.name, .soa, ttl: authority.ttl, data: data)]
        }
        return resolution
    }

    @Test func `how long answers are kept`() {
        #expect(resolution(ttls: [300, 20]).lifetime(.a) == 20)
        #expect(resolution(ttls: [86400]).lifetime(.a) == 3600)
        #expect(resolution(ttls: [0]).lifetime(.a) == 0)
        #expect(resolution(ttls: [0x8000_0000]).lifetime(.a) == 0)
        // Nothing of the type: as long as the zone says.
        #expect(resolution(authority: (10, 20)).lifetime(.a) == 10)
        #expect(resolution(authority: (20, 10)).lifetime(.a) == 10)
        #expect(resolution(.nameError, authority: (3600, 3600)).lifetime(.a) == 30)
        #expect(resolution(ttls: [7], authority: (20, 10)).lifetime(.aaaa) == 7)
        #expect(resolution().lifetime(.a) == 0)
        #expect(resolution(.nameError).lifetime(.a) == 0)
        #expect(resolution(.serverFailure).lifetime(.a) == 1)
        #expect(resolution(.refused).lifetime(.a) == 0)
    }

    @Test func `the cache is bounded, and keeps what is asked for`() {
        var cache = AnswerCache<Int>(capacity: 10)
        for number in 0..<1000 {
            cache.put(number, resolution(ttls: [60]), lifetime: 60, now: .zero)
            if number % 3 == 0 { _ = cache.get(0, now: .zero) }
            #expect(cache.count <= 10)
        }
        #expect(cache.get(0, now: .zero) != nil)
        #expect(cache.get(999, now: .zero) != nil)
        #expect(cache.get(500, now: .zero) == nil)
        #expect(cache.get(999, now: .seconds(59))?.answers[0].ttl == 1)
        #expect(cache.get(999, now: .seconds(60)) == nil)
    }

    @Test func `answers that are huge or hold for no time are not kept`() {
        var cache = AnswerCache<Int>(capacity: 10)
        cache.put(1, resolution(ttls: [60]), lifetime: 0, now: .zero)
        cache.put(2, resolution(ttls: Array(repeating: 60, count: 1000)), lifetime: 60, now: .zero)
        #expect(cache.count == 0)
        var none = AnswerCache<Int>(capacity: 0)
        none.put(1, resolution(ttls: [60]), lifetime: 60, now: .zero)
        #expect(none.count == 0)
    }
}

/// Time that passes when a test says so.
final class ManualTime: Sendable {
    private let now = Mutex(ManualClock.Instant(offset: .zero))

    struct ManualClock: Clock {
        struct Instant: InstantProtocol {
            var offset: Duration
            func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
            func duration(to other: Instant) -> Duration { other.offset - offset }
            static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
        }

        let read: @Sendable () -> Instant
        var now: Instant { read() }
        var minimumResolution: Duration { .nanoseconds(1) }
        func sleep(until deadline: Instant, tolerance: Duration?) async throws { throw CancellationError() }
    }

    var source: TimeSource {
        TimeSource(clock: ManualClock { [self] in now.withLock { $0 } }) { 0 }
    }

    func advance(_ duration: Duration) { now.withLock { $0 = $0.advanced(by: duration) } }
}
