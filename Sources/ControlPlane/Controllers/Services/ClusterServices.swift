public import InternetAddress
import KubernetesAPI

/// The Services that every cluster has: `default/kubernetes` leads to the API, `kube-system/kube-dns` to the name server.
/// Neither has a selector; the API's endpoints are written here, the name server writes its own.
public struct ClusterServices: Sendable {
    static let api = ObjectKey(namespace: "default", name: "kubernetes")
    static let names = ObjectKey(namespace: "kube-system", name: "kube-dns")
    private static let apiOffset: UInt128 = 1
    private static let namesOffset: UInt128 = 10

    let ranges: [IPRange]
    let gateways: [IPAddress]
    /// The port that the API listens on; 0 where it is not known yet.
    let port: Int

    /// - Parameters:
    ///   - ranges: the Services' ranges, one per family.
    ///   - gateways: the node's addresses that the API listens on for pods.
    ///   - port: the port that it listens on there.
    public init(ranges: [IPRange], gateways: [IPAddress], port: Int) {
        self.ranges = ranges
        self.gateways = gateways
        self.port = port
    }

    /// The addresses of `default/kubernetes`, the first of each range.
    static func apiAddresses(_ ranges: [IPRange]) -> [IPAddress] {
        ranges.compactMap { $0.address(at: apiOffset) }
    }

    /// Addresses that no other Service gets.
    static func reserved(_ ranges: [IPRange]) -> [IPAddress: ObjectKey] {
        var reserved: [IPAddress: ObjectKey] = [:]
        for range in ranges {
            if let address = range.address(at: apiOffset) { reserved[address] = api }
            if let address = range.address(at: namesOffset) { reserved[address] = names }
        }
        return reserved
    }

    // MARK: The objects

    /// Both Services as they are to be.
    var services: [Service] {
        var api = service(Self.api, offset: Self.apiOffset)
        api.metadata.labels = ["component": "apiserver", "provider": "kubernetes"]
        api.spec.ports = [Self.servicePort("https", .tcp, 443, target: port == 0 ? 443 : Int32(port))]
        var names = service(Self.names, offset: Self.namesOffset)
        names.metadata.labels = [
            "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS",
        ]
        names.spec.ports = [Self.servicePort("dns", .udp, 53), Self.servicePort("dns-tcp", .tcp, 53)]
        return [api, names]
    }

    private func service(_ key: ObjectKey, offset: UInt128) -> Service {
        var service = Service()
        service.metadata.namespace = key.namespace
        service.metadata.name = key.name
        service.spec.clusterIPs = ranges.compactMap { $0.address(at: offset)?.description }
        service.spec.clusterIP = service.spec.clusterIPs.first ?? ""
        service.spec.ipFamilyPolicy = service.spec.clusterIPs.count > 1 ? .preferDualStack : .singleStack
        return service
    }

    private static func servicePort(
        _ name: String, _ transport: Protocol, _ port: Int32, target: Int32? = nil
    ) -> ServicePort {
        var entry = ServicePort()
        entry.name = name
        entry.protocol = transport
        entry.port = port
        entry.targetPort = .int(target ?? port)
        return entry
    }

    /// The API's endpoints in the old form, which has one family.
    var apiEndpoints: Endpoints {
        var endpoints = Endpoints()
        endpoints.metadata.namespace = Self.api.namespace
        endpoints.metadata.name = Self.api.name
        endpoints.metadata.labels = [EndpointLabels.skipMirror: "true"]
        let addresses = gateways.filter { $0.family == ranges.first?.family }
        guard !addresses.isEmpty else { return endpoints }
        var subset = EndpointSubset()
        subset.addresses = addresses.map {
            var address = EndpointAddress()
            address.ip = $0.description
            return address
        }
        var port = EndpointPort()
        port.name = "https"
        port.port = Int32(self.port)
        port.protocol = .tcp
        subset.ports = [port]
        endpoints.subsets = [subset]
        return endpoints
    }

    /// The API's endpoints, a slice per family.
    var apiSlices: [EndpointSlice] {
        ranges.enumerated().map { index, range in
            let family = IPFamily(range.family)
            var slice = EndpointSlice()
            slice.metadata.namespace = Self.api.namespace
            slice.metadata.name = index == 0 ? Self.api.name : "\(Self.api.name)-\(family.rawValue.lowercased())"
            slice.metadata.labels = [EndpointLabels.serviceName: Self.api.name]
            slice.addressType = family.rawValue
            var port = DiscoveryEndpointPort()
            port.name = "https"
            port.protocol = .tcp
            port.port = Int32(self.port)
            slice.ports = [port]
            slice.endpoints = gateways.filter { $0.family == range.family }.map {
                var endpoint = Endpoint()
                endpoint.addresses = [$0.description]
                endpoint.conditions.ready = true
                return endpoint
            }
            return slice
        }
    }

    // MARK: Making it so

    /// Makes both Services, and makes them anew where they have another range's addresses.
    func ensureServices(_ client: APIClient) async throws {
        for wanted in services {
            let name = wanted.metadata.name
            let namespace = wanted.metadata.namespace
            try await Self.ensure(wanted, client) { present in
                if present.spec.clusterIPs != wanted.spec.clusterIPs {
                    try await client.delete(Service.self, name, namespace: namespace)
                    _ = try await client.create(wanted)
                    return nil
                }
                guard present.spec.ports != wanted.spec.ports || !present.spec.selector.isEmpty else { return nil }
                var changed = present
                changed.spec.ports = wanted.spec.ports
                changed.spec.selector = [:]
                return changed
            }
        }
    }

    /// Makes the API's endpoints what they are to be.
    func ensureEndpoints(_ client: APIClient) async throws {
        let endpoints = apiEndpoints
        try await Self.ensure(endpoints, client) { present in
            let isMarked = present.metadata.labels[EndpointLabels.skipMirror] == "true"
            guard present.subsets != endpoints.subsets || !isMarked else { return nil }
            var changed = present
            changed.subsets = endpoints.subsets
            changed.metadata.labels[EndpointLabels.skipMirror] = "true"
            return changed
        }
        for slice in apiSlices {
            try await Self.ensure(slice, client) { present in
                if present.addressType != slice.addressType {
                    try await client.delete(
                        EndpointSlice.self, slice.metadata.name, namespace: slice.metadata.namespace)
                    _ = try await client.create(slice)
                    return nil
                }
                let isNamed = present.metadata.labels[EndpointLabels.serviceName] == Self.api.name
                guard present.endpoints != slice.endpoints || present.ports != slice.ports || !isNamed else {
                    return nil
                }
                var changed = present
                changed.endpoints = slice.endpoints
                changed.ports = slice.ports
                changed.metadata.labels[EndpointLabels.serviceName] = Self.api.name
                return changed
            }
        }
    }

    /// Creates an object, or writes what `change` makes of the one that is there; nil keeps it.
    private static func ensure<Object: KubernetesObject>(
        _ object: Object, _ client: APIClient, _ change: (Object) async throws -> Object?
    ) async throws {
        do {
            let present = try await client.get(
                Object.self, object.metadata.name, namespace: object.metadata.namespace)
            if let changed = try await change(present) { _ = try await client.update(changed) }
        } catch let error as APIError where error.isNotFound {
            _ = try await client.create(object)
        }
    }
}
