import KubernetesAPI
import PodRuntime

/// The kubelet's `/metrics/resource`: CPU, memory and swap of node, pods and containers, which metrics-server scrapes
/// (`pkg/kubelet/metrics/collectors/resource_metrics.go`).
struct ResourceMetrics: Sendable {
    let round: StatsRound

    private enum Metrics {
        static let nodeCPU = PrometheusText.Metric.counter(
            "node_cpu_usage_seconds_total", "[STABLE] CPU time that the node has used, in core-seconds")
        static let nodeMemory = PrometheusText.Metric.gauge(
            "node_memory_working_set_bytes", "[STABLE] Working set of the node in bytes")
        static let nodeSwap = PrometheusText.Metric.gauge(
            "node_swap_usage_bytes", "[ALPHA] Swap that the node uses, in bytes")
        static let start = PrometheusText.Metric.gauge(
            "container_start_time_seconds", "[STABLE] When the container started, in seconds since 1970")
        static let containerCPU = PrometheusText.Metric.counter(
            "container_cpu_usage_seconds_total", "[STABLE] CPU time that the container has used, in core-seconds")
        static let containerMemory = PrometheusText.Metric.gauge(
            "container_memory_working_set_bytes", "[STABLE] Working set of the container in bytes")
        static let containerSwap = PrometheusText.Metric.gauge(
            "container_swap_usage_bytes", "[ALPHA] Swap that the container uses, in bytes")
        static let podCPU = PrometheusText.Metric.counter(
            "pod_cpu_usage_seconds_total", "[STABLE] CPU time that the pod has used, in core-seconds")
        static let podMemory = PrometheusText.Metric.gauge(
            "pod_memory_working_set_bytes", "[STABLE] Working set of the pod in bytes")
        static let podSwap = PrometheusText.Metric.gauge(
            "pod_swap_usage_bytes", "[ALPHA] Swap that the pod uses, in bytes")
        static let error = PrometheusText.Metric.gauge(
            "resource_scrape_error", "[STABLE] 1 where something could not be measured, else 0")
        static let oldError = PrometheusText.Metric.gauge(
            "scrape_error", "[ALPHA] (Deprecated since 1.29.0) 1 where something could not be measured, else 0")
    }

    var text: String {
        var out = PrometheusText()
        let machine = round.node.machine
        out.add(Metrics.nodeCPU, [], Double(machine.cpu.usageMicroseconds) / 1e6, time: machine.time)
        out.add(Metrics.nodeMemory, [], machine.memory.workingSet, time: machine.time)
        out.add(Metrics.nodeSwap, [], machine.swapTotal - machine.swapFree, time: machine.time)
        for sample in round.pods {
            let metadata = sample.pod.metadata
            let labels: [PrometheusText.Label] = [("namespace", metadata.namespace), ("pod", metadata.name)]
            for (name, container) in sample.statistics.containers.sorted(by: { $0.key < $1.key }) {
                let labels = labels + [("container", name)]
                let cgroup = container.cgroup
                out.add(Metrics.start, labels, Double(container.startedAt) / 1e9)
                out.add(Metrics.containerCPU, labels, Double(cgroup.cpu.usageMicroseconds) / 1e6, time: cgroup.time)
                out.add(Metrics.containerMemory, labels, container.workingSet, time: cgroup.time)
                out.add(Metrics.containerSwap, labels, cgroup.memory?.swap, time: cgroup.time)
            }
            let pod = sample.statistics.pod
            out.add(Metrics.podCPU, labels, Double(pod.cpu.usageMicroseconds) / 1e6, time: pod.time)
            out.add(Metrics.podMemory, labels, sample.workingSet, time: pod.time)
            out.add(Metrics.podSwap, labels, pod.memory?.swap, time: pod.time)
        }
        Self.addError(round.failures.isEmpty ? 0 : 1, to: &out)
        return out.text
    }

    /// What is said where there is no round at all.
    static var failure: String {
        var out = PrometheusText()
        addError(1, to: &out)
        return out.text
    }

    private static func addError(_ value: Double, to out: inout PrometheusText) {
        out.add(Metrics.error, [], value)
        out.add(Metrics.oldError, [], value)
    }
}
