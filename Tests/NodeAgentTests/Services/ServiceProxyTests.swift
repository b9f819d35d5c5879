import InternetAddress
import KubernetesAPI
import Logging
import PodRuntime
import Synchronization
import Testing

@testable import NodeAgent

/// A proxy that a test feeds; nothing but the test changes what it knows.
private struct TestProxy: Sendable {
    let proxy: ServiceProxy
    let routing = FakeRouting()
    let clock = ManualClock()
    let api = MemoryTransport()
    static let web = "default/web:80/tcp"

    init() {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        proxy = ServiceProxy(
            routing: routing, client: APIClient(transport: api), nodeName: "node", time: clock.time, logger: logger)
    }

    /// Runs the proxy while `body` runs, which begins when these are routed.
    static func run(
        services: [KubernetesAPI.Service] = [.test()], slices: [EndpointSlice] = [],
        _ body: (TestProxy) async throws -> Void
    ) async throws {
        let test = TestProxy()
        for service in services { _ = try await test.client.create(service) }
        for slice in slices { _ = try await test.client.create(slice) }
        try await test.run {
            test.proxy.restore([], running: [:])
            await test.routing.wait(forCalls: 1)
            await test.settle()
            try await body(test)
        }
    }

    var client: APIClient { APIClient(transport: api) }

    func run(_ body: () async throws -> Void) async throws {
        let running = Task { [proxy] in await proxy.run() }
        do {
            try await body()
        } catch {
            running.cancel()
            await running.value
            throw error
        }
        running.cancel()
        await running.value
    }

    /// Everything that was told until now is in force.
    func settle() async { await proxy.settle() }

    func put(_ slice: EndpointSlice) { proxy.take(.added(slice)) }

    var targets: [String]? { routing.targets(Self.web) }
}

@Suite(.timeLimit(.minutes(1))) struct ServiceProxyTests {
    // MARK: First sync

    @Test func nothingIsPutInForceBeforeEverythingIsKnown() async throws {
        let test = TestProxy()
        let running = Task { await test.proxy.run() }
        _ = await test.proxy.services(in: "default")
        test.proxy.take(ObjectChange<KubernetesAPI.Service>.added(.test()))
        test.put(.test([.test("10.244.0.2"), .test("10.244.0.3")]))
        var leaving = Pod.test()
        leaving.metadata.uid = "pod-10.244.0.2"
        leaving.metadata.deletionTimestamp = Timestamp(seconds: 1)
        let host = Pod.test("host") {
            var port = ContainerPort()
            port.containerPort = 80
            port.hostPort = 8080
            $0.spec.containers[0].ports = [port]
        }
        #expect(test.routing.calls.isEmpty)
        test.proxy.restore([leaving, host], running: ["uid-host": [.test("10.244.0.9")]])
        await test.routing.wait(forCalls: 1)
        await test.settle()
        // One that was leaving when the agent ended does not come back, and host ports were never away.
        #expect(test.routing.calls == [.all([TestProxy.web, "hostport:uid-host:*:8080/tcp"])])
        #expect(test.targets == ["10.244.0.3:8080"])
        #expect(test.routing.targets("hostport:uid-host:*:8080/tcp") == ["10.244.0.9:80"])
        running.cancel()
        await running.value
    }

    @Test func whatTheAPIHasIsRoutedAndFollowed() async throws {
        try await TestProxy.run(
            services: [.test(), .test("other", addresses: ["10.96.0.8"])],
            slices: [.test([.test("10.244.0.2")])]
        ) { test in
            test.put(.test([.test("10.244.0.3")]))
            await test.settle()
            #expect(test.targets == ["10.244.0.3:8080"])
            test.proxy.take(.deleted(KubernetesAPI.Service.test("other", addresses: ["10.96.0.8"])))
            await test.settle()
            #expect(test.routing.ids == [TestProxy.web])
            // Only what has changed goes to the kernel.
            #expect(
                test.routing.calls.suffix(2) == [
                    .some(changed: [TestProxy.web], removed: []),
                    .some(changed: [], removed: ["default/other:80/tcp"]),
                ])
        }
    }

    @Test func whatLeadsNobodyElsewhereCostsTheKernelNothing() async throws {
        try await TestProxy.run(slices: [.test([.test("10.244.0.2")])]) { test in
            let before = test.routing.calls.count
            var service = KubernetesAPI.Service.test()
            service.metadata.annotations = ["a": "b"]
            test.proxy.take(.modified(old: .test(), new: service))
            var slice = EndpointSlice.test([.test("10.244.0.2"), .test("10.244.0.3", ready: false)])
            slice.metadata.annotations = ["a": "b"]
            test.put(slice)
            await test.settle()
            #expect(test.routing.calls.count == before)
        }
    }

    // MARK: Coalescing

    @Test func oneUpdateAtATimeAndWhatComesMeanwhileTogether() async throws {
        let others = (0..<20).map { KubernetesAPI.Service.test("s\($0)", addresses: ["10.96.1.\($0)"]) }
        try await TestProxy.run(services: others) { test in
            let before = test.routing.calls.count
            test.routing.hold()
            test.put(.test([.test("10.244.0.2")], in: "first", of: "s0"))
            await test.routing.wait(forCalls: before + 1)
            for index in 1..<20 { test.put(.test([.test("10.244.0.2")], in: "s\(index)", of: "s\(index)")) }
            for index in 1..<20 { test.put(.test([.test("10.244.0.3")], in: "s\(index)", of: "s\(index)")) }
            test.routing.release()
            await test.settle()
            #expect(test.routing.calls.count == before + 2)
            #expect(test.routing.mostActive == 1)
            for index in 1..<20 { #expect(test.routing.targets("default/s\(index):80/tcp") == ["10.244.0.3:8080"]) }
        }
    }

    // MARK: Departures

    @Test func whoLeavesIsOutOfTheRulesBeforeTheSlicesKnow() async throws {
        try await TestProxy.run(slices: [.test([.test("10.244.0.2"), .test("10.244.0.3")])]) { test in
            let before = test.routing.calls.count
            async let left = test.proxy.podIsLeaving("pod-10.244.0.2", within: .seconds(2))
            await test.routing.wait(forCalls: before + 1)
            await test.settle()
            #expect(test.targets == ["10.244.0.3:8080"])
            // A slice that was written before the deletion changes nothing, nor does it end the wait.
            test.put(.test([.test("10.244.0.2"), .test("10.244.0.3"), .test("10.244.0.4")]))
            await test.settle()
            #expect(test.targets == ["10.244.0.3:8080", "10.244.0.4:8080"])
            test.put(.test([.ending("10.244.0.2"), .test("10.244.0.3"), .test("10.244.0.4")]))
            #expect(await left)
        }
    }

    @Test func theWaitNeedsKernelAndEverySlice() async throws {
        try await TestProxy.run(
            services: [.test(), .test("all", addresses: ["None"])],
            slices: [
                .test([.test("10.244.0.2"), .test("10.244.0.3")]), .test([.test("10.244.0.2")], in: "all-1", of: "all"),
            ]
        ) { test in
            test.routing.hold()
            let finished = Finished()
            let before = test.routing.calls.count
            let leaving = Task {
                _ = await test.proxy.podIsLeaving("pod-10.244.0.2", within: .seconds(2))
                finished.set()
            }
            await test.routing.wait(forCalls: before + 1)
            test.put(.test([.ending("10.244.0.2"), .test("10.244.0.3")]))
            test.proxy.take(.deleted(EndpointSlice.test([], in: "all-1", of: "all")))
            #expect(!finished.isSet)
            test.routing.release()
            await leaving.value
            #expect(test.targets == ["10.244.0.3:8080"])
        }
    }

    @Test func theWaitIsBounded() async throws {
        try await TestProxy.run(slices: [.test([.test("10.244.0.2"), .test("10.244.0.3")])]) { test in
            test.routing.hold()
            async let left = test.proxy.podIsLeaving("pod-10.244.0.2", within: .seconds(2))
            await test.clock.sleeper(for: .seconds(2))
            test.clock.advance(by: .seconds(2))
            #expect(await left)
            test.routing.release()
        }
    }

    @Test func aPodInNoSliceCostsNoWaitAndStaysOut() async throws {
        try await TestProxy.run(slices: [.test([.test("10.244.0.3")])]) { test in
            test.routing.hold()
            #expect(await !test.proxy.podIsLeaving("pod-10.244.0.2", within: .seconds(2)))
            test.routing.release()
            test.put(.test([.test("10.244.0.2"), .test("10.244.0.3")]))
            await test.settle()
            #expect(test.targets == ["10.244.0.3:8080"])
            await test.proxy.podIsGone("pod-10.244.0.2")
            // However late a slice is.
            test.put(.test([.test("10.244.0.2"), .test("10.244.0.3"), .test("10.244.0.4")]))
            await test.settle()
            #expect(test.targets == ["10.244.0.3:8080", "10.244.0.4:8080"])
        }
    }

    @Test func whoWasInNoServiceGoesWithoutAWait() async throws {
        try await TestProxy.run(slices: [.test([.test("10.244.0.3")])]) { test in
            test.routing.hold()
            test.put(.test([.test("10.244.0.4")]))
            await test.proxy.podIsGone("pod-10.244.0.2")
            test.routing.release()
        }
    }

    @Test func manyThatLeaveShareAnUpdate() async throws {
        let addresses = (1...50).map { "10.244.0.\($0)" }
        try await TestProxy.run(slices: [.test(addresses.map { .test($0) } + [.test("10.244.1.1")])]) { test in
            let before = test.routing.calls.count
            test.routing.hold()
            test.put(.test([.test("10.244.1.2")], in: "other"))
            await test.routing.wait(forCalls: before + 1)
            await withTaskGroup(of: Bool.self) { group in
                for address in addresses {
                    group.addTask { await test.proxy.podIsLeaving("pod-\(address)", within: .seconds(2)) }
                }
                // All of them have said so: each has a deadline.
                while test.proxy.departing < addresses.count { await Task.yield() }
                test.put(.test(addresses.map { .ending($0) } + [.test("10.244.1.1")]))
                test.routing.release()
                for await left in group { #expect(left) }
            }
            #expect(test.routing.calls.count == before + 2)
            #expect(test.targets == ["10.244.1.1:8080", "10.244.1.2:8080"])
        }
    }

    @Test func theLastOneServesUntilItIsGone() async throws {
        try await TestProxy.run(slices: [.test([.test("10.244.0.2")])]) { test in
            let before = test.routing.calls.count
            async let left = test.proxy.podIsLeaving("pod-10.244.0.2", within: .seconds(2))
            await test.clock.sleeper(for: .seconds(2))
            test.put(.test([.ending("10.244.0.2")]))
            #expect(await left)
            #expect(test.targets == ["10.244.0.2:8080"])
            // It got connections all the time.
            #expect(test.routing.calls.count == before)
            await test.proxy.podIsGone("pod-10.244.0.2")
            #expect(test.targets == [])
        }
    }

    // MARK: Failures

    @Test func afterAFailureEverythingIsPutInForce() async throws {
        try await TestProxy.run(slices: [.test([.test("10.244.0.2")])]) { test in
            let before = test.routing.calls.count
            test.routing.fail(times: 2)
            test.put(.test([.test("10.244.0.3")]))
            await test.clock.sleeper(for: .milliseconds(100))
            test.put(.test([.test("10.244.0.4")]))
            test.clock.advance(by: .milliseconds(100))
            await test.clock.sleeper(for: .milliseconds(200))
            test.clock.advance(by: .milliseconds(200))
            await test.settle()
            #expect(
                test.routing.calls.dropFirst(before) == [
                    .some(changed: [TestProxy.web], removed: []), .all([TestProxy.web]), .all([TestProxy.web]),
                ])
            #expect(test.targets == ["10.244.0.4:8080"])
            let failed = await test.api.events("FailedToUpdateRouting")
            #expect(failed.first?.involvedObject.kind == "Node")
            #expect(failed.first?.type == "Warning")
            #expect(failed.first?.message.contains("told to fail") == true)
            await test.api.events("UpdatedRouting")
            // And what comes then costs what it changes again.
            test.put(.test([.test("10.244.0.5")]))
            await test.settle()
            #expect(test.routing.calls.last == .some(changed: [TestProxy.web], removed: []))
        }
    }

    @Test func nowAndThenEverythingIsPutInForceAnew() async throws {
        try await TestProxy.run { test in
            let before = test.routing.calls.count
            await test.clock.sleeper(for: ServiceProxy.resyncPeriod)
            test.clock.advance(by: ServiceProxy.resyncPeriod)
            await test.routing.wait(forCalls: before + 1)
            #expect(test.routing.calls.last == .all([TestProxy.web]))
        }
    }

    @Test func whatCannotBeRoutedIsToldOnce() async throws {
        try await TestProxy.run { test in
            var service = KubernetesAPI.Service.test("sctp", addresses: ["10.96.0.9"], ports: [.test("", 80, .sctp)])
            test.proxy.take(ObjectChange<KubernetesAPI.Service>.added(service))
            let event = await test.api.events("UnsupportedProtocol").first
            #expect(event?.involvedObject.name == "sctp")
            #expect(event?.involvedObject.kind == "Service")
            test.put(.test([.test("10.244.0.2")], in: "sctp-1", of: "sctp"))
            service.spec.type = .nodePort
            test.proxy.take(ObjectChange<KubernetesAPI.Service>.added(service))
            await test.settle()
            service.spec.externalIPs = ["nowhere"]
            test.proxy.take(ObjectChange<KubernetesAPI.Service>.added(service))
            await test.api.events("InvalidAddress")
            #expect(await test.api.events("UnsupportedProtocol").map(\.count) == [1])
        }
    }

    // MARK: Host ports

    private static func claim(_ address: String?, _ port: UInt16 = 8080) -> HostPortClaim {
        HostPortClaim(
            hostAddress: address.map(IPAddress.test), hostPort: port, containerPort: 80, transport: .tcp)
    }

    @Test(
        arguments: [
            (nil, nil, true), (nil, "127.0.0.1", true), ("127.0.0.1", nil, true), ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false), ("0.0.0.0", "127.0.0.1", true), ("0.0.0.0", "::1", false),
            ("::", "::1", true), ("::", "0.0.0.0", false), (nil, "::1", true),
        ] as [(String?, String?, Bool)])
    func overlaps(_ one: String?, _ two: String?, _ isConflict: Bool) {
        #expect(Self.claim(one).overlaps(Self.claim(two)) == isConflict)
        #expect(Self.claim(two).overlaps(Self.claim(one)) == isConflict)
        #expect(!Self.claim(one).overlaps(Self.claim(two, 8081)))
        var udp = Self.claim(two)
        udp.transport = .udp
        #expect(!Self.claim(one).overlaps(udp))
    }

    @Test func aHostPortHasOnePod() async throws {
        try await TestProxy.run { test in
            try await test.proxy.claimHostPorts("a", [Self.claim(nil)], addresses: [.test("10.244.0.2")])
            let id = "hostport:a:*:8080/tcp"
            #expect(test.routing.targets(id) == ["10.244.0.2:80"])
            let conflict = HostPortConflict(port: Self.claim("127.0.0.1"), holder: "a")
            await #expect(throws: conflict) {
                try await test.proxy.claimHostPorts(
                    "b", [Self.claim(nil, 9090), Self.claim("127.0.0.1")], addresses: [.test("10.244.0.3")])
            }
            #expect(conflict.description == "host port 127.0.0.1:8080/tcp is taken by the pod with uid a")
            #expect(test.routing.ids == [TestProxy.web, id])
            // The same pod with a new sandbox.
            try await test.proxy.claimHostPorts("a", [Self.claim(nil)], addresses: [.test("10.244.0.4")])
            #expect(test.routing.targets(id) == ["10.244.0.4:80"])
            await test.proxy.podIsGone("a")
            #expect(test.routing.ids == [TestProxy.web])
            try await test.proxy.claimHostPorts("b", [Self.claim("127.0.0.1")], addresses: [.test("10.244.0.3")])
            #expect(test.routing.targets("hostport:b:127.0.0.1:8080/tcp") == ["10.244.0.3:80"])
        }
    }

    // MARK: Environment

    @Test func servicesForTheEnvironment() async throws {
        let kubernetes = KubernetesAPI.Service.test("kubernetes", addresses: ["10.96.0.1"])
        var other = KubernetesAPI.Service.test("web", addresses: ["10.96.0.2"])
        other.metadata.namespace = "other"
        try await TestProxy.run(
            services: [
                .test("b"), .test("a"), kubernetes, .test("headless", addresses: ["None"]),
                .test("name", addresses: []) { $0.spec.type = .externalName }, other,
            ]
        ) { test in
            #expect(await test.proxy.services(in: "default").map(\.metadata.name) == ["kubernetes", "a", "b"])
            #expect(await test.proxy.services(in: "other").map(\.metadata.name) == ["kubernetes", "web"])
        }
    }
}

private final class Finished: Sendable {
    private let state = Mutex(false)
    var isSet: Bool { state.withLock { $0 } }
    func set() { state.withLock { $0 = true } }
}
