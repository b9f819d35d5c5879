import KubernetesAPI

/// Which pods go first when there are too many. The order is that of Kubernetes' `ActivePodsWithRanks`: what does the
/// least good now, and of equals what was there for the shortest time (by order of magnitude, so that of many pods
/// of one rollout not always the newest goes; among those, by uid).
struct PodDeletionOrder {
    /// `controller.kubernetes.io/pod-deletion-cost`: cheaper pods go first.
    static let costAnnotation = "controller.kubernetes.io/pod-deletion-cost"

    /// Active pods of the same deployment per node: a node with many can spare one.
    let podsPerNode: [String: Int]
    let now: Timestamp

    /// - Parameter related: the active pods of every ReplicaSet with the same owner.
    init(related: [Pod], now: Timestamp) {
        podsPerNode = related.reduce(into: [:]) { $0[$1.spec.nodeName, default: 0] += 1 }
        self.now = now
    }

    /// The pods, those to be deleted first in front.
    func sorted(_ pods: [Pod]) -> [Pod] {
        pods.map { (pod: $0, rank: rank($0)) }
            .sorted { left, right in
                if left.rank == right.rank { return left.pod.metadata.uid < right.pod.metadata.uid }
                return left.rank.lexicographicallyPrecedes(right.rank)
            }
            .map(\.pod)
    }

    /// Numbers to be compared from the left; less goes first.
    private func rank(_ pod: Pod) -> [Int64] {
        [
            pod.spec.nodeName.isEmpty ? 0 : 1,
            phase(pod.status.phase),
            pod.isReady ? 1 : 0,
            Int64(Int32(pod.metadata.annotations[Self.costAnnotation] ?? "") ?? 0),
            -Int64(podsPerNode[pod.spec.nodeName] ?? 0),
            pod.isReady ? magnitude(pod.readySince) : 0,
            -Int64(pod.restarts),
            magnitude(pod.metadata.creationTimestamp),
        ]
    }

    private func phase(_ phase: PodPhase) -> Int64 {
        switch phase {
        case .pending: 0
        case .unknown: 1
        default: 2
        }
    }

    /// The binary order of magnitude of a time's age; what has no time yet is the youngest.
    private func magnitude(_ time: Timestamp?) -> Int64 {
        guard let time, time.seconds < now.seconds else { return -1 }
        return Int64(Int64.bitWidth - 1 - (now.seconds - time.seconds).leadingZeroBitCount)
    }
}
