import KubernetesAPI
import Logging
import PodRuntime

/// What all workers of a node share.
struct PodSurroundings: Sendable {
    let client: APIClient
    let runtime: any Runtime
    let configuration: NodeConfiguration
    let volumes: PodVolumes
    let logs: LogReader
    let events: EventRecorder
    let time: TimeSource
    let logger: Logger
    /// One per family; the one that the node is known by first.
    let nodeAddresses: [String]
    let ledger: NodeLedger
    let allocations: AllocationStore
    /// What containers without limits may use, by resource.
    let allocatable: [String: Quantity]
    /// The node's own /etc/resolv.conf.
    let resolver: ResolverConfiguration
    /// Who leads connections to the pods.
    var services: any ServiceNetwork = NoServiceNetwork()
    /// Tries a probe once. Tests have another.
    var probe: @Sendable (ProbeTarget, Duration) async -> ProbeOutcome = { await $0.check(timeout: $1) }

    /// Nanoseconds since 1970.
    var now: Int64 { time.preciseNow.microseconds * 1000 }

    func record(
        _ pod: Pod, _ type: EventRecorder.EventType = .normal, reason: String, message: String,
        container: String? = nil
    ) {
        var reference = pod.reference
        if let container {
            let isInit = pod.spec.initContainers.contains { $0.name == container }
            reference.fieldPath = Wording.fieldPath(container: container, isInit: isInit)
        }
        events.record(reference, type, reason: reason, message: message)
    }

    /// An event of the node itself, as `NodeRegistrar` names it.
    func recordNode(_ type: EventRecorder.EventType, reason: String, message: String) {
        events.record(.node(configuration.nodeName), type, reason: reason, message: message)
    }

    /// Where a pod is asked, by probes and hooks.
    func address(of pod: Pod, addresses: [String]) -> String {
        (pod.spec.hostNetwork ? nodeAddresses : addresses).first ?? ""
    }

    func fields(of pod: Pod, addresses: [String]) -> DownwardFields {
        DownwardFields(
            pod: pod, podAddresses: pod.spec.hostNetwork ? nodeAddresses : addresses, nodeAddresses: nodeAddresses,
            allocatable: allocatable)
    }
}
