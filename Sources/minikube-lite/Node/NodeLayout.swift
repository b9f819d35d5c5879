import Foundation

/// Where an instance of the node keeps what it has: the system's folders, or all below one root, so that instances
/// run side by side.
struct NodeLayout: Hashable {
    let root: String?

    init(root: String?) {
        self.root = root.map { path in
            // One spelling for one folder: mounts are found again by their path, without links, "..", and "//".
            let absolute = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
            let resolved = URL(fileURLWithPath: absolute).standardizedFileURL.resolvingSymlinksInPath().path
            return "/" + resolved.split(separator: "/").joined(separator: "/")
        }
    }

    /// Live facts; empty after a reboot.
    var run: String { root.map { "\($0)/run" } ?? "/run/minikube-lite" }
    /// Durable: state.db, images/, volumes/, pki/.
    var data: String { root.map { "\($0)/data" } ?? "/var/lib/minikube-lite" }
    var logs: String { root.map { "\($0)/log/pods" } ?? "/var/log/pods" }
    var etc: String { root.map { "\($0)/etc" } ?? "/etc/minikube-lite" }

    var adminKubeconfig: String { "\(etc)/admin.kubeconfig" }
    var manifests: String { "\(etc)/manifests" }
    /// Held locked by the running agent; has its process id.
    var lock: String { "\(run)/agent.lock" }
    /// What the instance was started with, for `down` and `status`.
    var record: String { "\(run)/instance.json" }
    /// Output of an agent in the background.
    var agentLog: String { root.map { "\($0)/log/agent.log" } ?? "/var/log/minikube-lite/agent.log" }
}
