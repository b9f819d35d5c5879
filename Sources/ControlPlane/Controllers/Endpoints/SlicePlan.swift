import KubernetesAPI

/// Endpoints of one family that have the same ports: what one or more slices are for.
struct EndpointGroup: Sendable, Hashable {
    /// `IPv4` or `IPv6`.
    var addressType: String
    var ports: [DiscoveryEndpointPort]
}

/// Who the slices of a Service belong to, and what they say besides endpoints.
struct SliceOwner: Sendable {
    /// The Service's key.
    var service: ObjectKey
    /// `EndpointLabels.sliceController` or `.mirroringController`.
    var manager: String
    var reference: OwnerReference
    var labels: [String: String]
    var annotations: [String: String]

    func newSlice(_ group: EndpointGroup, _ endpoints: [Endpoint]) -> EndpointSlice {
        var slice = EndpointSlice()
        slice.metadata.namespace = service.namespace
        slice.metadata.generateName = "\(service.name)-"
        slice.metadata.labels = labels
        slice.metadata.annotations = annotations
        slice.metadata.ownerReferences = [reference]
        slice.addressType = group.addressType
        slice.ports = group.ports
        slice.endpoints = endpoints
        return slice
    }

    /// The slice with this owner's labels and annotations; its time of change stays.
    func marking(_ slice: EndpointSlice) -> EndpointSlice {
        var slice = slice
        slice.metadata.labels = labels
        let time = slice.metadata.annotations[EndpointLabels.lastChange]
        slice.metadata.annotations = annotations
        slice.metadata.annotations[EndpointLabels.lastChange] = time
        slice.metadata.ownerReferences = [reference]
        return slice
    }
}

/// What has to be written so that a Service's slices have exactly the endpoints that they should. Endpoints stay in the
/// slice that they are in, so that a change of one is a write of one slice (`pkg/controller/endpointslice`).
struct SlicePlan: Sendable {
    /// The most endpoints of a slice.
    static let capacity = 100

    var created: [EndpointSlice] = []
    var updated: [EndpointSlice] = []
    var deleted: [EndpointSlice] = []

    var isEmpty: Bool { created.isEmpty && updated.isEmpty && deleted.isEmpty }

    /// - Parameters:
    ///   - wanted: the endpoints by what they have in common. Each family of the Service has at least one group, an empty
    ///     one where nothing is to be in it: its slice says that the Service has no endpoints.
    ///   - present: the slices that the owner's manager has written for the Service.
    init(_ wanted: [EndpointGroup: [Endpoint]], present: [EndpointSlice], owner: SliceOwner) {
        var byGroup: [EndpointGroup: [EndpointSlice]] = [:]
        for slice in present {
            byGroup[EndpointGroup(addressType: slice.addressType, ports: slice.ports), default: []].append(slice)
        }
        for (group, slices) in byGroup where wanted[group] == nil { deleted += slices }
        for (group, endpoints) in wanted { plan(group, endpoints, byGroup[group] ?? [], owner) }
    }

    private mutating func plan(
        _ group: EndpointGroup, _ endpoints: [Endpoint], _ present: [EndpointSlice], _ owner: SliceOwner
    ) {
        var missing: [EndpointIdentity: Endpoint] = [:]
        for endpoint in endpoints { missing[EndpointIdentity(endpoint)] = endpoint }
        // What is there stays where it is, in its present state.
        var slices = present.map { slice in
            var kept = owner.marking(slice)
            kept.endpoints = slice.endpoints.compactMap { missing.removeValue(forKey: EndpointIdentity($0)) }
            return kept
        }
        var rest = endpoints.filter { missing[EndpointIdentity($0)] != nil }[...]
        // First where something is to be written anyway, then where there is room, at last new ones.
        let order = slices.indices.sorted { left, right in
            let isChanged = (slices[left] != present[left], slices[right] != present[right])
            return isChanged.0 == isChanged.1 ? left < right : isChanged.0
        }
        for index in order {
            let room = Self.capacity - slices[index].endpoints.count
            guard room > 0, !rest.isEmpty else { continue }
            slices[index].endpoints += rest.prefix(room)
            rest = rest.dropFirst(room)
        }
        while !rest.isEmpty {
            created.append(owner.newSlice(group, Array(rest.prefix(Self.capacity))))
            rest = rest.dropFirst(Self.capacity)
        }
        if endpoints.isEmpty, present.isEmpty { created.append(owner.newSlice(group, [])) }

        // An empty slice goes, unless it is the one that says that there is nothing.
        var mayStayEmpty = endpoints.isEmpty
        for (slice, old) in zip(slices, present) {
            if slice.endpoints.isEmpty, !mayStayEmpty {
                deleted.append(old)
                continue
            }
            if slice.endpoints.isEmpty { mayStayEmpty = false }
            if slice != old { updated.append(slice) }
        }
    }

    /// Notes on what is written when the change came that it is about.
    mutating func note(_ time: MicroTimestamp, present: [EndpointSlice]) {
        let text = time.description
        for index in created.indices { created[index].metadata.annotations[EndpointLabels.lastChange] = text }
        let old = Dictionary(present.map { ($0.metadata.uid, $0.endpoints) }) { first, _ in first }
        for index in updated.indices where old[updated[index].metadata.uid] != updated[index].endpoints {
            updated[index].metadata.annotations[EndpointLabels.lastChange] = text
        }
    }
}

/// What makes an endpoint the same one as before: its addresses, and the object that they are of.
private struct EndpointIdentity: Hashable {
    var addresses: [String]
    var uid: String
    var name: String

    init(_ endpoint: Endpoint) {
        addresses = endpoint.addresses
        uid = endpoint.targetRef?.uid ?? ""
        name = endpoint.targetRef?.name ?? ""
    }
}
