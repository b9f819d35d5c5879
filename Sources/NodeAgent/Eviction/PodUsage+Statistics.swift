import PodRuntime

extension PodUsage {
    /// What the kernel counts for a pod's cgroups.
    init(_ statistics: SandboxStatistics) {
        memory = statistics.pod.memory?.workingSet
        processes = statistics.pod.pids?.current
        containers = statistics.containers.mapValues { Container(memory: $0.cgroup.memory?.workingSet) }
    }

    /// What a pod keeps on the disk.
    init(_ kept: PodDiskUsage) {
        storage = kept.ephemeralStorage.bytes
        inodes = kept.ephemeralStorage.inodes
        containers = kept.containers.mapValues { Container(storage: $0.total.bytes) }
        volumes = kept.volumes.mapValues(\.usage.bytes)
    }
}
