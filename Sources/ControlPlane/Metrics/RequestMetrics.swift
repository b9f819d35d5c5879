import Synchronization

/// What `/metrics` says about the API server itself.
final class RequestMetrics: Sendable {
    struct Labels: Sendable, Hashable {
        var verb: String
        var resource = ""
        var subresource = ""
        var code = 0
    }

    private struct State {
        var requests: [Labels: Int] = [:]
        var durations: [Labels: Histogram] = [:]
        var watches = 0
    }

    private let state = Mutex(State())

    func count(_ labels: Labels) {
        state.withLock { $0.requests[labels, default: 0] += 1 }
    }

    func observe(_ labels: Labels, _ duration: Duration) {
        var labels = labels
        labels.code = 0
        let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        state.withLock { $0.durations[labels, default: Histogram()].observe(seconds) }
    }

    func watchOpened() { state.withLock { $0.watches += 1 } }
    func watchClosed() { state.withLock { $0.watches -= 1 } }

    /// The figures in Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/), under
    /// the names that Kubernetes' API server has for them.
    func text(store: Store) -> String {
        let state = state.withLock { $0 }
        var text = "# TYPE apiserver_request_total counter\n"
        for (labels, count) in state.requests.sorted(by: { Self.text($0.key) < Self.text($1.key) }) {
            text += "apiserver_request_total{\(Self.text(labels)),code=\"\(labels.code)\"} \(count)\n"
        }
        text += "# TYPE apiserver_request_duration_seconds histogram\n"
        for (labels, histogram) in state.durations.sorted(by: { Self.text($0.key) < Self.text($1.key) }) {
            histogram.write("apiserver_request_duration_seconds", labels: Self.text(labels), to: &text)
        }
        text += "# TYPE apiserver_longrunning_requests gauge\n"
        text += "apiserver_longrunning_requests{verb=\"WATCH\"} \(state.watches)\n"
        text += "# TYPE apiserver_storage_objects gauge\n"
        for (collection, count) in store.objectCounts.sorted(by: { $0.key < $1.key }) {
            text += "apiserver_storage_objects{resource=\"\(collection)\"} \(count)\n"
        }
        text += "# TYPE minikube_lite_store_resource_version gauge\n"
        text += "minikube_lite_store_resource_version \(store.resourceVersion)\n"
        text += "# TYPE minikube_lite_store_unreadable_rows gauge\n"
        text += "minikube_lite_store_unreadable_rows \(store.unreadable.count)\n"
        text += MetricsRegistry.shared.text
        return text
    }

    private static func text(_ labels: Labels) -> String {
        "verb=\"\(labels.verb.uppercased())\",resource=\"\(labels.resource)\",subresource=\"\(labels.subresource)\""
    }
}
