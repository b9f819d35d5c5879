import InternetAddress
import KubernetesAPI
import Logging

/// Says in the API where the responder listens: one EndpointSlice per family for the Service `kube-system/kube-dns`,
/// which has no selector. Ordinary routing of services then leads there.
struct ServicePublisher: Sendable {
    static let namespace = "kube-system"
    static let service = "kube-dns"
    /// Nobody else changes slices with this value of `endpointslice.kubernetes.io/managed-by`.
    static let manager = "cluster-dns.minikube-lite.io"

    private let client: APIClient
    private let slices: [EndpointSlice]
    private let logger: Logger
    private let queue: WorkQueue<String>

    init(client: APIClient, addresses: [IPAddress], port: UInt16, time: TimeSource, logger: Logger) {
        self.client = client
        slices = Self.slices(addresses: addresses, port: port)
        self.logger = logger
        queue = WorkQueue(time: time, maxDelay: .seconds(30))
    }

    static func slices(addresses: [IPAddress], port: UInt16) -> [EndpointSlice] {
        IPAddress.Family.allCases.compactMap { family in
            let own = addresses.filter { $0.family == family }
            guard !own.isEmpty else { return nil }
            var slice = EndpointSlice()
            slice.metadata.namespace = namespace
            slice.metadata.name = "\(service)-ipv\(family.rawValue)"
            slice.metadata.labels = [
                ZoneSlice.serviceNameLabel: service, "endpointslice.kubernetes.io/managed-by": manager,
            ]
            slice.addressType = "IPv\(family.rawValue)"
            slice.endpoints = own.map { address in
                var endpoint = Endpoint()
                endpoint.addresses = [address.description]
                endpoint.conditions.ready = true
                endpoint.conditions.serving = true
                endpoint.conditions.terminating = false
                return endpoint
            }
            slice.ports = [("dns", "UDP"), ("dns-tcp", "TCP")].map { name, transport in
                var made = DiscoveryEndpointPort()
                made.name = name
                made.protocol = Protocol(rawValue: transport)
                made.port = Int32(port)
                return made
            }
            return slice
        }
    }

    /// Keeps the slices as they should be until the task is cancelled.
    func run() async {
        for slice in slices { queue.add(slice.metadata.name) }
        await queue.run { name in
            guard let slice = slices.first(where: { $0.metadata.name == name }) else { return .done }
            do {
                try await publish(slice)
                return .done
            } catch {
                if !(error is CancellationError) {
                    logger.warning(
                        "the address of DNS is not published", metadata: ["slice": "\(name)", "error": "\(error)"])
                }
                return .failed
            }
        }
    }

    /// Looks at a slice of the API: one of ours that somebody changed or removed is put right.
    func check(_ slice: EndpointSlice, isDeleted: Bool) {
        guard slice.metadata.namespace == Self.namespace,
            let own = slices.first(where: { $0.metadata.name == slice.metadata.name }),
            isDeleted || !Self.isSame(slice, own)
        else { return }
        queue.add(own.metadata.name)
    }

    private func publish(_ slice: EndpointSlice) async throws {
        let name = slice.metadata.name
        do {
            var present = try await client.get(EndpointSlice.self, name, namespace: slice.metadata.namespace)
            if Self.isSame(present, slice) { return }
            for (label, value) in slice.metadata.labels { present.metadata.labels[label] = value }
            present.addressType = slice.addressType
            present.endpoints = slice.endpoints
            present.ports = slice.ports
            _ = try await client.update(present)
        } catch let error as APIError where error.isNotFound {
            _ = try await client.create(slice)
        }
    }

    private static func isSame(_ left: EndpointSlice, _ right: EndpointSlice) -> Bool {
        left.addressType == right.addressType && left.endpoints == right.endpoints && left.ports == right.ports
            && right.metadata.labels.allSatisfy { left.metadata.labels[$0.key] == $0.value }
    }
}
