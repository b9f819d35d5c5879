import KubernetesAPI

/// What a pod uses, as far as it is known. Bytes, inodes and processes; nil where the host does not tell.
struct PodUsage: Sendable, Hashable {
    struct Container: Sendable, Hashable {
        /// The working set.
        var memory: Int64?
        /// The writable layer and the logs.
        var storage: Int64?
    }

    /// The working set.
    var memory: Int64?
    var processes: Int64?
    /// Writable layers, logs and volumes on the node's disk.
    var storage: Int64?
    var inodes: Int64?
    /// By name.
    var containers: [String: Container] = [:]
    /// Bytes by name; volumes on the node's disk and in memory.
    var volumes: [String: Int64] = [:]

    /// What it uses of a resource.
    func amount(of resource: EvictionResource) -> Int64? {
        switch resource {
        case .memory: memory
        case .ephemeralStorage: storage
        case .inodes: inodes
        case .pids: processes
        }
    }
}

/// A pod that may be evicted.
struct EvictionCandidate: Sendable {
    var pod: Pod
    /// Nil where nothing could be measured: such a pod goes first.
    var usage: PodUsage?
}

extension Pod {
    /// Says where a pod is from; `file` and `http` are static pods.
    private static let sourceAnnotation = "kubernetes.io/config.source"
    private static let mirrorAnnotation = "kubernetes.io/config.mirror"

    /// Static pods, their mirrors and pods of a system priority class are never evicted and always let in (kubelet:
    /// `types.IsCriticalPod`).
    var isCritical: Bool {
        let source = metadata.annotations[Self.sourceAnnotation] ?? "api"
        return source != "api" || metadata.annotations[Self.mirrorAnnotation] != nil
            || priority >= CgroupTranslation.criticalPriority
    }

    /// Of the pod's class where admission has not filled the number in; 0 without any.
    var priority: Int32 {
        if let priority = spec.priority { return priority }
        switch spec.priorityClassName {
        case "system-cluster-critical": return 2_000_000_000
        case "system-node-critical": return 2_000_001_000
        default: return 0
        }
    }
}
