import InternetAddress
import KubernetesAPI

/// What a pod's worker asks of the node's side of Services: that connections no longer lead to a pod that is about to
/// end, that its host ports lead to it, and which Services its containers are told of.
protocol ServiceNetwork: Sendable {
    /// The pod is about to end: from now on its endpoints count as terminating on this node, whatever the slices say.
    /// Returns when that is in force in the kernel and every slice that lists the pod shows it as terminating, not ready
    /// or not at all, or when the time is up. A pod that no slice lists costs no wait.
    /// - Returns: whether the pod was in any service's endpoints.
    func podIsLeaving(_ uid: String, within limit: Duration) async -> Bool

    /// The ports of the host that lead to a pod from now on. Asked for again, by the same pod, they replace those before.
    /// - Throws: an error whose text is a sentence for people, where another pod has one of them.
    func claimHostPorts(_ uid: String, _ ports: [HostPortClaim], addresses: [IPAddress]) async throws

    /// Nothing of the pod is left: its host ports are free.
    func podIsGone(_ uid: String) async

    /// The Services of a namespace, and `kubernetes` of the namespace `default`, by name. Waits, but not for ever, until
    /// the Services are known.
    func services(in namespace: String) async -> [KubernetesAPI.Service]
}

/// One port of the host that leads to a port of a pod.
struct HostPortClaim: Sendable, Hashable {
    /// Nil: every address of the node.
    var hostAddress: IPAddress?
    var hostPort: UInt16
    var containerPort: UInt16
    var transport: KubernetesAPI.`Protocol`
}
