import LinuxKernel

/// How often each level above and including a container has run into its own limit: `oom` of `memory.events.local`, which
/// counts at the cgroup whose `memory.max` could not be kept, wherever the victim was.
struct OOMCounts: Sendable, Hashable, Codable {
    var container: Int64 = 0
    var pod: Int64 = 0
    /// The quality-of-service class's cgroup; the parent for guaranteed pods.
    var level: Int64 = 0
    var parent: Int64 = 0
}

extension CgroupTree {
    /// The counters are cumulative, and those above a container are older than it: only differences say anything.
    func oomCounts(_ container: String) -> OOMCounts {
        let pod = FileAccess.split(container).directory
        return OOMCounts(
            container: ownLimitHits(container), pod: ownLimitHits(pod),
            level: ownLimitHits(FileAccess.split(pod).directory), parent: ownLimitHits(parent))
    }

    private func ownLimitHits(_ path: String) -> Int64 { memoryEvents(path, local: true)?.oom ?? 0 }

    /// What the OOM killer did in a container's cgroup, to be read before that is removed: nil where it killed nothing.
    ///
    /// - Parameter earlier: the counts at the container's start, or when its last kill was looked at.
    func oomKill(_ container: String, since earlier: OOMCounts) -> OOMKill? {
        let kills = oomKills(container)
        guard kills > 0 else { return nil }
        let now = oomCounts(container)
        let pod = FileAccess.split(container).directory
        let level: OOMKill.Level
        let limited: String?
        if now.container > earlier.container {
            (level, limited) = (.container, container)
        } else if now.pod > earlier.pod {
            (level, limited) = (.pod, pod)
        } else if now.level > earlier.level {
            (level, limited) = (.node, FileAccess.split(pod).directory)
        } else if now.parent > earlier.parent {
            (level, limited) = (.node, parent)
        } else {
            (level, limited) = (.machine, nil)
        }
        return OOMKill(
            level: level, limitBytes: limited.map(memoryLimit) ?? capabilities.memoryBytes,
            usageBytes: limited.flatMap(memoryPeak), containerBytes: memoryPeak(container), kills: kills)
    }
}
