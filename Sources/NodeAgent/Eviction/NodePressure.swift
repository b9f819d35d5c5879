import KubernetesAPI
import Synchronization

/// What the node is short of: set by the eviction manager, read by admission, told by the registrar.
final class NodePressure: Sendable {
    private let state = Mutex<Set<NodeConditionType>>([])
    /// Rung when the conditions have changed; one reader.
    let changes: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation

    init() { (changes, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    /// Those of MemoryPressure, DiskPressure and PIDPressure that are True.
    var conditions: Set<NodeConditionType> { state.withLock { $0 } }

    func set(_ conditions: Set<NodeConditionType>) {
        let hasChanged = state.withLock { present in
            defer { present = conditions }
            return present != conditions
        }
        if hasChanged { ring.yield() }
    }

    /// Why a new pod is not let in now (kubelet: `eviction_manager.go`, `Admit`): a node that is short of memory refuses
    /// pods without any request that do not tolerate it, one that is short of anything else refuses all but critical ones.
    func rejection(of pod: Pod) -> NodeAdmission.Rejection? {
        let conditions = conditions
        if conditions.isEmpty || pod.isCritical { return nil }
        if conditions == [.memoryPressure], pod.spec.qosClass != .bestEffort || pod.spec.toleratesMemoryPressure {
            return nil
        }
        return NodeAdmission.Rejection(reason: PodReason.evicted, problem: EvictionMessage.conditions(conditions))
    }
}

extension PodSpec {
    /// Of the taint `node.kubernetes.io/memory-pressure:NoSchedule`.
    fileprivate var toleratesMemoryPressure: Bool {
        tolerations.contains { toleration in
            guard toleration.effect.isEmpty || toleration.effect == .noSchedule else { return false }
            switch toleration.operator {
            case .exists: return toleration.key.isEmpty || toleration.key == "node.kubernetes.io/memory-pressure"
            // The taint has no value.
            case .equal, "": return toleration.key == "node.kubernetes.io/memory-pressure" && toleration.value.isEmpty
            default: return false
            }
        }
    }
}
