import KubernetesAPI

/// How many pods a Deployment may have at most, and how few of them may be available, while it rolls out.
struct RolloutBounds: Sendable, Equatable {
    /// What `spec.replicas` asks for.
    let replicas: Int32
    /// How many pods there may be beyond `replicas`.
    let maxSurge: Int32
    /// How many of `replicas` may be unavailable.
    let maxUnavailable: Int32

    var maxTotal: Int32 { replicas + maxSurge }
    var minAvailable: Int32 { replicas - maxUnavailable }

    /// Percentages are of `replicas`, for the surge rounded up, for what may be unavailable rounded down; where both
    /// come to zero one pod may be unavailable, or nothing would ever move (`deploymentutil.ResolveFenceposts`).
    init(_ spec: DeploymentSpec) {
        replicas = spec.replicas ?? 1
        guard spec.strategy.type != .recreate else {
            (maxSurge, maxUnavailable) = (0, 0)
            return
        }
        let rolling = spec.strategy.rollingUpdate
        maxSurge = Self.resolve(rolling?.maxSurge ?? "25%", of: replicas, roundUp: true)
        let unavailable = Self.resolve(rolling?.maxUnavailable ?? "25%", of: replicas, roundUp: false)
        maxUnavailable = min(maxSurge == 0 && unavailable == 0 ? 1 : unavailable, replicas)
    }

    /// A count, or a percentage of `total`. What is neither counts as zero: validation does not let it in.
    static func resolve(_ value: IntOrString, of total: Int32, roundUp: Bool) -> Int32 {
        switch value {
        case .int(let count): return max(count, 0)
        case .string(let text):
            guard text.hasSuffix("%"), let percent = Int64(text.dropLast()), percent >= 0 else { return 0 }
            let (hundredths, overflow) = percent.multipliedReportingOverflow(by: Int64(total))
            if overflow { return .max }
            return Int32(clamping: (hundredths + (roundUp ? 99 : 0)) / 100)
        }
    }
}
