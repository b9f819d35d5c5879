import KubernetesAPI
import Testing

@testable import ControlPlane

/// Which slices are written for which endpoints.
@Suite struct SlicePlanTests {
    private static let owner = SliceOwner(
        service: ObjectKey(namespace: "default", name: "web"), manager: EndpointLabels.sliceController,
        reference: OwnerReference(), labels: [EndpointLabels.serviceName: "web"], annotations: [:])

    private static func group(_ port: Int32 = 80, _ family: String = "IPv4") -> EndpointGroup {
        var entry = DiscoveryEndpointPort()
        entry.port = port
        return EndpointGroup(addressType: family, ports: [entry])
    }

    private static func endpoints(_ range: Range<Int>, ready: Bool = true) -> [Endpoint] {
        range.map { number in
            var endpoint = Endpoint()
            endpoint.addresses = ["10.0.\(number / 250).\(number % 250 + 1)"]
            endpoint.conditions.ready = ready
            return endpoint
        }
    }

    private static func slice(_ name: String, _ group: EndpointGroup, _ endpoints: [Endpoint]) -> EndpointSlice {
        var slice = owner.newSlice(group, endpoints)
        slice.metadata.name = name
        slice.metadata.uid = name
        return slice
    }

    private static func counts(_ slices: [EndpointSlice]) -> [Int] { slices.map(\.endpoints.count).sorted() }

    @Test func aHundredPerSlice() {
        let plan = SlicePlan([Self.group(): Self.endpoints(0..<250)], present: [], owner: Self.owner)
        #expect(Self.counts(plan.created) == [50, 100, 100])
        #expect(plan.updated.isEmpty && plan.deleted.isEmpty)
    }

    @Test func nothingToDoIsNoWrite() {
        let all = Self.endpoints(0..<150)
        let present = [
            Self.slice("a", Self.group(), Array(all[..<100])), Self.slice("b", Self.group(), Array(all[100...])),
        ]
        #expect(SlicePlan([Self.group(): all.reversed()], present: present, owner: Self.owner).isEmpty)
    }

    @Test func whatIsThereStaysAndNewOnesFillTheRoom() {
        let all = Self.endpoints(0..<160)
        let present = [
            Self.slice("full", Self.group(), Array(all[..<100])),
            Self.slice("half", Self.group(), Array(all[100..<150])),
        ]
        let grown = SlicePlan([Self.group(): all], present: present, owner: Self.owner)
        #expect(grown.updated.map(\.metadata.name) == ["half"] && Self.counts(grown.updated) == [60])
        #expect(grown.created.isEmpty && grown.deleted.isEmpty)
        // One that is written anyway takes the new one, though another has more room.
        let changed = SlicePlan([Self.group(): Array(all[1..<151])], present: present, owner: Self.owner)
        #expect(changed.updated.map(\.metadata.name) == ["full"])
        #expect(changed.updated[0].endpoints.last == all[150])
    }

    @Test func aConditionIsAnUpdateOfItsSlice() {
        let all = Self.endpoints(0..<110)
        let present = [
            Self.slice("a", Self.group(), Array(all[..<100])), Self.slice("b", Self.group(), Array(all[100...])),
        ]
        let wanted = Array(all.dropLast()) + Self.endpoints(109..<110, ready: false)
        var plan = SlicePlan([Self.group(): wanted], present: present, owner: Self.owner)
        #expect(plan.updated.map(\.metadata.name) == ["b"] && plan.created.isEmpty && plan.deleted.isEmpty)
        plan.note(MicroTimestamp(microseconds: 1_000_000), present: present)
        #expect(plan.updated[0].metadata.annotations == [EndpointLabels.lastChange: "1970-01-01T00:00:01.000000Z"])
    }

    @Test func anEmptySliceSaysThatThereIsNothing() {
        let none = EndpointGroup(addressType: "IPv4", ports: [])
        let first = SlicePlan([none: []], present: [], owner: Self.owner)
        #expect(Self.counts(first.created) == [0])
        #expect(SlicePlan([none: []], present: [Self.slice("a", none, [])], owner: Self.owner).isEmpty)
        let begun = SlicePlan(
            [Self.group(): Self.endpoints(0..<1)], present: [Self.slice("a", none, [])], owner: Self.owner)
        #expect(Self.counts(begun.created) == [1] && begun.deleted.map(\.metadata.name) == ["a"])
        let two = [Self.slice("a", Self.group(), Self.endpoints(0..<1)), Self.slice("b", none, [])]
        let ended = SlicePlan([none: []], present: two, owner: Self.owner)
        #expect(ended.deleted.map(\.metadata.name) == ["a"] && ended.created.isEmpty && ended.updated.isEmpty)
    }

    @Test func otherPortsAndFamiliesAreOtherSlices() {
        let wanted = [
            Self.group(80): Self.endpoints(0..<1), Self.group(81): Self.endpoints(1..<2),
            Self.group(80, "IPv6"): Self.endpoints(2..<3),
        ]
        let plan = SlicePlan(wanted, present: [], owner: Self.owner)
        #expect(Self.counts(plan.created) == [1, 1, 1])
        let moved = SlicePlan(
            [Self.group(81): Self.endpoints(0..<1)],
            present: [Self.slice("a", Self.group(80), Self.endpoints(0..<1))], owner: Self.owner)
        #expect(Self.counts(moved.created) == [1] && moved.deleted.map(\.metadata.name) == ["a"])
    }

    @Test func labelsFollowTheOwner() {
        let present = [Self.slice("a", Self.group(), Self.endpoints(0..<1))]
        var owner = Self.owner
        owner.labels["team"] = "b"
        var plan = SlicePlan([Self.group(): Self.endpoints(0..<1)], present: present, owner: owner)
        #expect(plan.updated.map(\.metadata.labels) == [["kubernetes.io/service-name": "web", "team": "b"]])
        // That is no change of its endpoints.
        plan.note(MicroTimestamp(microseconds: 0), present: present)
        #expect(plan.updated[0].metadata.annotations.isEmpty)
    }

    @Test func theOldFormHoldsAThousand() throws {
        let service = try #require(Kinds.defaulted(Sample.service { $0.spec.ipFamilies = [.iPv4] }) as? Service)
        let pods = (0..<1100).map { number -> Pod in
            var pod = Sample.pod("p\(number)")
            pod.status.podIP = "10.0.\(number / 250).\(number % 250 + 1)"
            return FakeKubelet.running(pod, ready: number >= 300, at: Timestamp(seconds: 0))
        }
        let made = try #require(Endpoints(of: service, pods: pods, present: nil))
        // What is not ready goes first.
        #expect(made.subsets.map(\.addresses.count) == [800] && made.subsets.map(\.notReadyAddresses.count) == [200])
        #expect(made.metadata.annotations["endpoints.kubernetes.io/over-capacity"] == "truncated")
        #expect(Endpoints(of: service, pods: pods, present: made) == nil)
        let fewer = try #require(Endpoints(of: service, pods: Array(pods.dropFirst(200)), present: made))
        #expect(fewer.metadata.annotations["endpoints.kubernetes.io/over-capacity"] == nil)
    }
}
