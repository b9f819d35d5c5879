import KubernetesAPI

/// In which order pods are evicted (kubelet: `eviction/helpers.go`, `rankMemoryPressure` and its like).
///
/// For memory, storage and inodes: pods that use more than they request come first, then those of the lowest priority,
/// then those that exceed their request by most. For process numbers: the lowest priority, then the most processes. A pod
/// of which nothing is known comes before the others.
enum EvictionRanking {
    static func order(_ candidates: [EvictionCandidate], for resource: EvictionResource) -> [EvictionCandidate] {
        let ranked = candidates.map { (key: key($0, resource), candidate: $0) }
        let sorted = ranked.sorted { left, right in
            // Of two equals, the one whose name comes first: the same order each time.
            if left.key == right.key { return left.candidate.pod.key < right.candidate.pod.key }
            return left.key < right.key
        }
        return sorted.map(\.candidate)
    }

    private struct Key: Comparable {
        var isKnown: Bool
        var isWithinRequest: Bool
        var priority: Int32
        /// More is earlier.
        var excess: Int64

        static func < (left: Key, right: Key) -> Bool {
            if left.isKnown != right.isKnown { return !left.isKnown }
            if left.isWithinRequest != right.isWithinRequest { return !left.isWithinRequest }
            if left.priority != right.priority { return left.priority < right.priority }
            return left.excess > right.excess
        }
    }

    private static func key(_ candidate: EvictionCandidate, _ resource: EvictionResource) -> Key {
        let used = candidate.usage?.amount(of: resource)
        let request = request(of: candidate.pod, resource)
        let excess = (used ?? 0).subtractingReportingOverflow(request).partialValue
        return Key(
            // Usage that the host cannot tell of any pod puts none of them first.
            isKnown: candidate.usage != nil, isWithinRequest: resource == .pids || excess <= 0,
            priority: candidate.pod.priority, excess: excess)
    }

    private static func request(of pod: Pod, _ resource: EvictionResource) -> Int64 {
        switch resource {
        case .memory, .ephemeralStorage: pod.spec.effectiveRequests[resource.rawValue]?.value ?? 0
        case .inodes, .pids: 0
        }
    }
}
