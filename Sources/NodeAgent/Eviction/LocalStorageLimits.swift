import KubernetesAPI

/// Limits on what a pod keeps on the node's disk: they are not the kernel's, so that what is used is measured and a pod
/// that exceeds its limit is evicted (kubelet: `eviction_manager.go`, `localStorageEviction`).
struct LocalStorageLimits: Sendable, Hashable {
    private struct Named: Sendable, Hashable {
        var name: String
        var limit: Quantity
    }

    private var volumes: [Named]
    private var pod: Quantity?
    private var containers: [Named]

    /// Nil where the pod has none: nothing of it is measured then.
    init?(_ spec: PodSpec) {
        volumes = spec.volumes.compactMap { volume in
            // The kernel bounds a volume in memory.
            guard let emptyDir = volume.emptyDir, emptyDir.medium.rawValue != "Memory" else { return nil }
            return Self.named(volume.name, emptyDir.sizeLimit)
        }
        containers = spec.containers.compactMap { container in
            Self.named(container.name, container.resources.limits["ephemeral-storage"])
        }
        pod = Self.podLimit(spec)
        if volumes.isEmpty, containers.isEmpty, pod == nil { return nil }
    }

    private static func named(_ name: String, _ limit: Quantity?) -> Named? {
        guard let limit, limit.sign > 0 else { return nil }
        return Named(name: name, limit: limit)
    }

    /// The containers' limits together, or more where an init container may use more. A container without a limit adds
    /// nothing, as in the kubelet (`resourcehelper.PodLimits`).
    private static func podLimit(_ spec: PodSpec) -> Quantity? {
        let name = "ephemeral-storage"
        let all = (spec.containers + spec.initContainers).compactMap { $0.resources.limits[name] }
        guard !all.isEmpty else { return nil }
        var running: Quantity = "0"
        for container in spec.containers { running += container.resources.limits[name] ?? "0" }
        var sidecars: Quantity = "0"
        var starting: Quantity = "0"
        for container in spec.initContainers {
            let limit = container.resources.limits[name] ?? "0"
            if container.isSidecar {
                running += limit
                sidecars += limit
                starting = max(starting, sidecars)
            } else {
                starting = max(starting, sidecars + limit)
            }
        }
        let limit = max(running, starting)
        return limit.sign > 0 ? limit : nil
    }

    /// Which limit is exceeded, in the kubelet's words; nil where none is.
    func violation(_ usage: PodUsage) -> String? {
        for volume in volumes where (usage.volumes[volume.name] ?? 0) > volume.limit.value {
            return EvictionMessage.emptyDirLimit(volume.name, volume.limit)
        }
        if let pod, (usage.storage ?? 0) > pod.value { return EvictionMessage.podLimit(pod) }
        for container in containers where (usage.containers[container.name]?.storage ?? 0) > container.limit.value {
            return EvictionMessage.containerLimit(container.name, container.limit)
        }
        return nil
    }
}
