import KubernetesAPI

/// The objects of `metrics.k8s.io`, as metrics-server makes them: what `kubectl top` shows.
struct UsageObjects: Sendable {
    let window: UsageWindow

    /// - Parameter labels: of the Node object.
    /// - Returns: nil where no rate is known.
    func node(_ name: String, labels: [String: String]) -> NodeMetrics? {
        guard let rate = window.node else { return nil }
        var metrics = NodeMetrics()
        metrics.metadata.name = name
        metrics.metadata.labels = labels
        metrics.metadata.creationTimestamp = Timestamp(nanoseconds: window.now.time)
        metrics.timestamp = Timestamp(nanoseconds: rate.time)
        metrics.window = Self.duration(rate.window)
        metrics.usage = Self.usage(cpu: rate.nanoCores, memory: window.now.node.machine.memory.workingSet)
        return metrics
    }

    /// Pods with a container that runs, by namespace and name. A container whose memory nothing tells has none.
    var pods: [PodMetrics] {
        window.now.pods.compactMap { sample in
            var metrics = PodMetrics()
            var rates: [UsageWindow.Rate] = []
            for (name, container) in sample.statistics.containers.sorted(by: { $0.key < $1.key }) {
                guard let rate = window.rate(of: name, in: sample) else { continue }
                rates.append(rate)
                var part = ContainerMetrics()
                part.name = name
                part.usage = Self.usage(cpu: rate.nanoCores, memory: container.workingSet)
                metrics.containers.append(part)
            }
            // The pod's window is its container's that ended first (metrics-server, `pkg/storage/pod.go`).
            guard let rate = rates.min(by: { $0.time < $1.time }) else { return nil }
            let metadata = sample.pod.metadata
            metrics.metadata.name = metadata.name
            metrics.metadata.namespace = metadata.namespace
            metrics.metadata.labels = metadata.labels
            metrics.metadata.creationTimestamp = Timestamp(nanoseconds: window.now.time)
            metrics.timestamp = Timestamp(nanoseconds: rate.time)
            metrics.window = Self.duration(rate.window)
            return metrics
        }
    }

    /// CPU in billionths of a core, memory in whole Ki, as metrics-server writes them.
    private static func usage(cpu: Int64, memory: Int64?) -> [String: Quantity] {
        var usage = ["cpu": Quantity(cpu == 0 ? "0" : "\(cpu)n")]
        if let memory { usage["memory"] = Quantity(memory < 1024 ? "0" : "\(memory / 1024)Ki") }
        return usage
    }

    /// As Go writes a duration, in whole milliseconds: `512ms`, `10.012s`, `1m2.5s`.
    static func duration(_ nanoseconds: Int64) -> String {
        let milliseconds = (nanoseconds + 500_000) / 1_000_000
        if milliseconds < 1000 { return milliseconds == 0 ? "0s" : "\(milliseconds)ms" }
        let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000)
        var fraction = String(rest % 1000 + 1000).dropFirst()
        while fraction.last == "0" { fraction.removeLast() }
        let seconds = "\(rest / 1000)" + (fraction.isEmpty ? "" : ".\(fraction)") + "s"
        guard minutes > 0 else { return seconds }
        return minutes < 60 ? "\(minutes)m\(seconds)" : "\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }
}
