import KubernetesAPI
import PodRuntime

/// Variables by which containers find services (kubelet: `getServiceEnvVarMap`, `pkg/kubelet/envvars`): `WEB_SERVICE_HOST`
/// and `_PORT`, one more for each named port, and those of Docker's links.
struct ServiceVariables: Sendable, Hashable {
    /// In the order of the services and their ports; names may come twice, the later one wins.
    private(set) var variables: [EnvironmentVariable] = []

    init() {}

    /// - Parameters:
    ///   - services: of the pod's namespace, and `default/kubernetes`.
    ///   - enableLinks: nil is true; where it is false only `default/kubernetes` is told of.
    init(_ services: [KubernetesAPI.Service], namespace: String, enableLinks: Bool?) {
        for service in services {
            let isAPI = service.metadata.namespace == "default" && service.metadata.name == "kubernetes"
            guard isAPI || (service.metadata.namespace == namespace && enableLinks != false) else { continue }
            add(service)
        }
    }

    private mutating func add(_ service: KubernetesAPI.Service) {
        let address = service.spec.clusterIP
        // Headless services and names for something outside lead nowhere.
        guard !address.isEmpty, address != "None", let first = service.spec.ports.first else { return }
        let name = Self.variable(service.metadata.name)
        set("\(name)_SERVICE_HOST", address)
        set("\(name)_SERVICE_PORT", "\(first.port)")
        for port in service.spec.ports where !port.name.isEmpty {
            set("\(name)_SERVICE_PORT_\(Self.variable(port.name))", "\(port.port)")
        }
        for (index, port) in service.spec.ports.enumerated() {
            let transport = port.protocol.isEmpty ? "TCP" : port.protocol.rawValue
            let host = address.contains(":") ? "[\(address)]" : address
            let url = "\(transport.lowercased())://\(host):\(port.port)"
            if index == 0 { set("\(name)_PORT", url) }
            let prefix = "\(name)_PORT_\(port.port)_\(transport.uppercased())"
            set(prefix, url)
            set("\(prefix)_PROTO", transport.lowercased())
            set("\(prefix)_PORT", "\(port.port)")
            set("\(prefix)_ADDR", address)
        }
    }

    private mutating func set(_ name: String, _ value: String) {
        variables.append(EnvironmentVariable(name: name, value: value))
    }

    private static func variable(_ name: String) -> String { name.uppercased().replacing("-", with: "_") }
}
