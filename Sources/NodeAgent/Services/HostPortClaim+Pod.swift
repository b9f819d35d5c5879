import InternetAddress
import KubernetesAPI

extension Pod {
    /// The host ports that have to be led to the pod's address; on the host's network there is nothing to lead.
    var hostPortClaims: [HostPortClaim] {
        if spec.hostNetwork { return [] }
        return (spec.initContainers.filter(\.isSidecar) + spec.containers).flatMap(\.ports).compactMap { port in
            guard let host = UInt16(port: port.hostPort), let container = UInt16(port: port.containerPort)
            else { return nil }
            return HostPortClaim(
                hostAddress: port.hostIP.isEmpty ? nil : IPAddress(port.hostIP), hostPort: host,
                containerPort: container, transport: port.protocol)
        }
    }
}
