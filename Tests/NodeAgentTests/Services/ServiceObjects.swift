import InternetAddress
import KubernetesAPI
import PodRuntime

extension KubernetesAPI.Service {
    /// A service `default/<name>` with one port 80, unless changed.
    static func test(
        _ name: String = "web", addresses: [String] = ["10.96.0.7"], ports: [ServicePort] = [.test()],
        _ change: (inout KubernetesAPI.Service) -> Void = { _ in }
    ) -> KubernetesAPI.Service {
        var service = KubernetesAPI.Service()
        service.metadata.name = name
        service.metadata.namespace = "default"
        service.metadata.uid = "uid-\(name)"
        service.spec.type = .clusterIP
        service.spec.clusterIP = addresses.first ?? ""
        service.spec.clusterIPs = addresses
        service.spec.ports = ports
        change(&service)
        return service
    }
}

extension ServicePort {
    static func test(
        _ name: String = "", _ number: Int32 = 80, _ transport: KubernetesAPI.`Protocol` = .tcp, node: Int32 = 0
    ) -> ServicePort {
        var port = ServicePort()
        port.name = name
        port.port = number
        port.protocol = transport
        port.nodePort = node
        return port
    }
}

extension DiscoveryEndpointPort {
    static func test(
        _ name: String? = "", _ number: Int32? = 8080, _ transport: KubernetesAPI.`Protocol`? = .tcp
    ) -> DiscoveryEndpointPort {
        var port = DiscoveryEndpointPort()
        port.name = name
        port.port = number
        port.protocol = transport
        return port
    }
}

extension Endpoint {
    /// The uid of its pod is `pod-<address>`.
    static func test(
        _ address: String, ready: Bool? = true, serving: Bool? = nil, terminating: Bool? = nil,
        node: String? = "node", pod: String? = nil
    ) -> Endpoint {
        var endpoint = Endpoint()
        endpoint.addresses = [address]
        endpoint.conditions.ready = ready
        endpoint.conditions.serving = serving
        endpoint.conditions.terminating = terminating
        endpoint.nodeName = node
        var target = ObjectReference()
        target.kind = "Pod"
        target.uid = pod ?? "pod-\(address)"
        endpoint.targetRef = target
        return endpoint
    }

    /// As the controller writes it once the pod's deletion has begun.
    static func ending(_ address: String) -> Endpoint {
        test(address, ready: false, serving: true, terminating: true)
    }
}

extension EndpointSlice {
    /// A slice of `default/<service>`.
    static func test(
        _ endpoints: [Endpoint], in name: String = "web-1", of service: String = "web",
        ports: [DiscoveryEndpointPort] = [.test()], type: String = "IPv4"
    ) -> EndpointSlice {
        var slice = EndpointSlice()
        slice.metadata.name = name
        slice.metadata.namespace = "default"
        slice.metadata.uid = "uid-\(name)"
        slice.metadata.labels = ["kubernetes.io/service-name": service]
        slice.addressType = type
        slice.ports = ports
        slice.endpoints = endpoints
        return slice
    }
}

extension IPAddress {
    /// An address that a test spells.
    static func test(_ text: String) -> IPAddress { IPAddress(text) ?? IPAddress(.v4, 0) }
}

extension ServiceRoute {
    /// `10.244.0.2:8080` of each backend.
    var targets: [String] { backends.map { "\($0.address):\($0.port)" } }
}
