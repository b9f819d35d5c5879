import InternetAddress
import KubernetesAPI
import Testing

@testable import ControlPlane

@Suite struct ServiceAllocatorTests {
    private static func range(_ text: String) throws -> IPRange { try #require(IPRange(text)) }

    private func ticket(_ name: String) -> ServiceTicket {
        var service = Service()
        service.metadata.uid = "uid-\(name)"
        service.metadata.name = name
        service.metadata.namespace = "default"
        return ServiceTicket(service)
    }

    private func stored(_ name: String, addresses: [IPAddress] = [], nodePorts: [Int] = []) -> Service {
        var service = Service()
        service.metadata.uid = "uid-\(name)"
        service.metadata.name = name
        service.spec.clusterIPs = addresses.map(\.description)
        service.spec.ports = nodePorts.map {
            var port = ServicePort()
            port.nodePort = Int32($0)
            return port
        }
        return service
    }

    /// Where the upper part begins: KEP-3070's and KEP-3668's formula.
    @Test(arguments: [
        ("10.0.0.0/28", 1), ("10.0.0.0/27", 16), ("10.0.0.0/24", 16), ("10.0.0.0/22", 64), ("10.96.0.0/12", 256),
    ])
    func theLowerPartIsLast(text: String, first: UInt64) throws {
        let range = try Self.range(text)
        let band = AllocationBand(
            1..<UInt64(range.lastOffset), size: UInt64(range.lastOffset) + 1, step: 16, bounds: 16...256)
        #expect(band.upper == first)
        #expect(AllocationBand(0..<2768, size: 2768, step: 32, bounds: 16...128).upper == 86)
    }

    @Test func everyAddressOnceThenFull() throws {
        let range = try Self.range("10.0.0.0/27")
        let allocator = ServiceAllocator(ranges: [range], nodePorts: 30000...30003)
        var seen: [IPAddress] = []
        for _ in 0..<30 { seen.append(try allocator.claimAddress(nil, in: range, for: ticket("a"))) }
        #expect(Set(seen).count == 30)
        // Neither the network's nor the last.
        #expect(!seen.contains(range.network) && !seen.contains(range.last))
        // The lower part only when there is nothing else.
        #expect(seen.prefix(15).allSatisfy { $0.value - range.network.value >= 16 })
        #expect(throws: ServiceAllocator.Refusal.full) { try allocator.claimAddress(nil, in: range, for: ticket("a")) }
        for _ in 0..<4 { _ = try allocator.claimNodePort(nil, for: ticket("a")) }
        #expect(throws: ServiceAllocator.Refusal.full) { try allocator.claimNodePort(nil, for: ticket("a")) }
    }

    @Test func whatIsAskedForIsInRangeAndFree() throws {
        let range = try Self.range("10.0.0.0/24")
        let first = try #require(range.address(at: 1))
        let allocator = ServiceAllocator(
            ranges: [range], nodePorts: 30000...32767,
            reserved: [first: ObjectKey(namespace: "default", name: "kubernetes")])
        let address = try #require(range.address(at: 77))
        #expect(try allocator.claimAddress(address, in: range, for: ticket("a")) == address)
        #expect(throws: ServiceAllocator.Refusal.addressIsTaken) {
            try allocator.claimAddress(address, in: range, for: ticket("b"))
        }
        for outside in [range.network, range.last, IPAddress(.v4, 1)] {
            let refusal = #expect(throws: ServiceAllocator.Refusal.self) {
                try allocator.claimAddress(outside, in: range, for: ticket("b"))
            }
            #expect(
                refusal?.message
                    == "the provided IP (\(outside)) is not in the valid range. The range of valid IPs is 10.0.0.0/24")
        }
        #expect(throws: ServiceAllocator.Refusal.addressIsTaken) {
            try allocator.claimAddress(first, in: range, for: ticket("b"))
        }
        #expect(try allocator.claimAddress(first, in: range, for: ticket("kubernetes")) == first)
        let refusal = #expect(throws: ServiceAllocator.Refusal.self) {
            try allocator.claimNodePort(29999, for: ticket("b"))
        }
        #expect(
            refusal?.message
                == "provided port is not in the valid range. The range of valid ports is 30000-32767")
    }

    @Test func claimsEndWithTheirRequest() throws {
        let range = try Self.range("10.0.0.0/24")
        let allocator = ServiceAllocator(ranges: [range], nodePorts: 30000...32767)
        let refused = ticket("a")
        let address = try allocator.claimAddress(nil, in: range, for: refused)
        #expect(allocator.counts == (0, 1))
        allocator.settle(refused) { nil }
        #expect(allocator.counts == (0, 0))

        // Stored with one of two claims: that one stays.
        let kept = ticket("a")
        _ = try allocator.claimAddress(address, in: range, for: kept)
        let port = try allocator.claimNodePort(nil, for: kept)
        allocator.settle(kept) { stored("a", addresses: [address]) }
        #expect(allocator.counts == (1, 0))
        #expect(try allocator.claimNodePort(port, for: ticket("b")) == port)

        // Another object of that name has nothing of it.
        allocator.settle(ticket("a")) { stored("b") }
        #expect(allocator.counts == (0, 1))
    }

    /// Two requests about one Service: what counts is the store at the end, whoever is told last.
    @Test func ofTwoRequestsTheStoresStateCounts() throws {
        let allocator = ServiceAllocator(ranges: [try Self.range("10.0.0.0/24")], nodePorts: 30000...32767)
        let (first, second) = (ticket("a"), ticket("a"))
        #expect(try allocator.claimNodePort(30001, for: first) == 30001)
        #expect(try allocator.claimNodePort(30002, for: second) == 30002)
        let state = stored("a", nodePorts: [30002])
        allocator.settle(second) { state }
        allocator.settle(first) { state }
        #expect(throws: ServiceAllocator.Refusal.portIsTaken) { try allocator.claimNodePort(30002, for: ticket("b")) }
        #expect(try allocator.claimNodePort(30001, for: ticket("b")) == 30001)
    }

    @Test func whatWasStoredBeforeIsTaken() throws {
        let range = try Self.range("10.0.0.0/24")
        let allocator = ServiceAllocator(ranges: [range], nodePorts: 30000...30000)
        let address = try #require(range.address(at: 200))
        allocator.restore([stored("a", addresses: [address], nodePorts: [30000])])
        #expect(throws: ServiceAllocator.Refusal.addressIsTaken) {
            try allocator.claimAddress(address, in: range, for: ticket("b"))
        }
        #expect(throws: ServiceAllocator.Refusal.full) { try allocator.claimNodePort(nil, for: ticket("b")) }
    }
}
