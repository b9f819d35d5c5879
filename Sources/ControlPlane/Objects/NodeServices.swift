import KubernetesAPI
import Synchronization

/// What the API server asks the node agent for; set once the agent is there.
final class NodeServices: Sendable {
    private struct State {
        var logSource: (any PodLogSource)?
        var kubelet: (any KubeletEndpoint)?
    }

    /// The node whose agent it is.
    let nodeName: String
    private let state = Mutex(State())

    init(nodeName: String) { self.nodeName = nodeName }

    var logSource: (any PodLogSource)? {
        get { state.withLock { $0.logSource } }
        set { state.withLock { $0.logSource = newValue } }
    }

    var kubelet: (any KubeletEndpoint)? {
        get { state.withLock { $0.kubelet } }
        set { state.withLock { $0.kubelet = newValue } }
    }
}
