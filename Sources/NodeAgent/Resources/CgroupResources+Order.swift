import PodRuntime

// In which order limits are changed while a workload runs: a pod's are raised before its containers' and lowered after
// them, so that no moment is stricter than both ends (KEP-1287, "Container resource limit update ordering").

extension CgroupResources {
    /// What allows as much as these and as `next`: between the two, where one is the pod's and containers change.
    func loosened(towards next: CgroupResources) -> CgroupResources {
        var result = next
        func take(_ path: WritableKeyPath<CgroupResources, Int64?>) {
            result[keyPath: path] = Self.larger(self[keyPath: path], next[keyPath: path])
        }
        take(\.memoryMax)
        take(\.memoryHigh)
        take(\.pidsMax)
        // Swap that is not spoken of is none.
        result.memorySwapMax = [memorySwapMax, next.memorySwapMax].compactMap(\.self).max()
        if !Self.isTighter(next.cpuShare, than: cpuShare) {
            // The next one allows as much already.
        } else {
            result.cpuQuota = cpuQuota
            result.cpuPeriod = cpuPeriod
            result.cpuBurst = cpuBurst
        }
        for (size, bytes) in hugePages { result.hugePages[size] = max(bytes, next.hugePages[size] ?? bytes) }
        return result
    }

    /// It takes memory or CPU time away: such changes go before those that give.
    func isTighter(than before: CgroupResources) -> Bool {
        Self.isTighter(memoryMax.map(Double.init), than: before.memoryMax.map(Double.init))
            || Self.isTighter(cpuShare, than: before.cpuShare)
    }

    /// CPUs at most; nil without a limit.
    private var cpuShare: Double? { cpuQuota.map { Double($0) / Double(max(cpuPeriod, 1)) } }

    /// Nil is no limit.
    private static func larger(_ left: Int64?, _ right: Int64?) -> Int64? {
        guard let left, let right else { return nil }
        return max(left, right)
    }

    private static func isTighter(_ limit: Double?, than before: Double?) -> Bool {
        guard let limit else { return false }
        return before.map { limit < $0 } ?? true
    }
}
