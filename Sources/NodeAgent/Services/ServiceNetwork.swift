import InternetAddress
import KubernetesAPI

/// What a pod's life has to do with services: who leads connections to it, and what it may know of them.
///
/// What kube-proxy is to others (`ServiceProxy`); a node without routing has `NoServiceNetwork`.
protocol ServiceNetwork: Sendable {
    /// The pod is about to end: no service leads new connections to it any more, whatever the slices say, except where
    /// a service has nobody else who serves (KEP-1669). That is in force when this returns, and every slice that lists
    /// the pod says that it is terminating or not ready. A pod that no slice lists costs no wait.
    ///
    /// - Parameter limit: the longest that this takes, whatever is in force then.
    /// - Returns: whether the pod was in the endpoints of any service.
    func podIsLeaving(_ uid: String, within limit: Duration) async -> Bool

    /// Leads host ports to a pod that runs; called again, with what the pod has now, it replaces what was claimed
    /// before. Returns when that is in force, or after a moment where it cannot be put in force now.
    ///
    /// - Parameter addresses: the pod's, one of each family at most.
    /// - Throws: `HostPortConflict` where another pod has one of them; then the pod gets none.
    func claimHostPorts(_ uid: String, _ ports: [HostPortClaim], addresses: [IPAddress]) async throws

    /// Nothing of the pod is left: its addresses may be another's soon.
    func podIsGone(_ uid: String) async

    /// The services with a cluster address that containers of a namespace learn of by environment variables: those of
    /// the namespace by name, after `default/kubernetes`. Waits for the first list of services, for some seconds at most.
    func services(in namespace: String) async -> [KubernetesAPI.Service]
}

/// A port of the host that leads to a port of a pod (`ports[].hostPort`).
struct HostPortClaim: Sendable, Hashable {
    /// Which address of the host; nil for all of them. 0.0.0.0 and `::` are all of their family.
    var hostAddress: IPAddress?
    var hostPort: UInt16
    var containerPort: UInt16
    /// UDP or TCP; SCTP is not led anywhere.
    var transport: KubernetesAPI.`Protocol`

    /// Whether a connection could be meant for both.
    func overlaps(_ other: HostPortClaim) -> Bool {
        guard hostPort == other.hostPort, transport == other.transport else { return false }
        guard let one = hostAddress, let two = other.hostAddress else { return true }
        return one.family == two.family && (one == two || one.isUnspecified || two.isUnspecified)
    }
}

extension HostPortClaim: CustomStringConvertible {
    var description: String {
        let address = hostAddress.map { $0.family == .v6 ? "[\($0)]" : "\($0)" } ?? "*"
        return "\(address):\(hostPort)/\(transport.rawValue.lowercased())"
    }
}

/// A host port that another pod has.
struct HostPortConflict: Error, Hashable, CustomStringConvertible {
    var port: HostPortClaim
    /// The uid of the pod that has it.
    var holder: String

    var description: String { "host port \(port) is taken by the pod with uid \(holder)" }
}

/// Of a node that routes nothing: there is nothing to wait for and nobody to lead anywhere.
struct NoServiceNetwork: ServiceNetwork {
    func podIsLeaving(_ uid: String, within limit: Duration) async -> Bool { false }
    func claimHostPorts(_ uid: String, _ ports: [HostPortClaim], addresses: [IPAddress]) async throws {}
    func podIsGone(_ uid: String) async {}
    func services(in namespace: String) async -> [KubernetesAPI.Service] { [] }
}
