import KubernetesAPI
import PodRuntime

/// The limits of a pod that this host cannot enforce, found among everything that its cgroups should have, as its event and its condition tell them.
struct UnenforceableLimits: Sendable {
    private let isBestEffort: Bool
    /// Why, to the files that are concerned and whose they are, in the order in which they were found.
    private var reasons: [(reason: String, limits: [String])] = []

    /// - Parameter isBestEffort: the pod runs all the same.
    init(of pod: Pod, cgroups: PodCgroups, capabilities: HostCapabilities, isBestEffort: Bool) {
        self.isBestEffort = isBestEffort
        take(capabilities.unenforced(cgroups.pod), of: "the pod")
        for container in pod.spec.initContainers + pod.spec.containers {
            guard let resources = cgroups.containers[container.name] else { continue }
            take(capabilities.unenforced(resources), of: "container \(container.name)")
        }
    }

    init(of pod: Pod, _ around: PodSurroundings) {
        self.init(
            of: pod, cgroups: around.ledger.cgroups(of: pod), capabilities: around.runtime.capabilities,
            isBestEffort: around.configuration.bestEffortLimits)
    }

    private mutating func take(_ limits: [UnenforcedLimit], of owner: String) {
        for limit in limits {
            let text = "\(limit.setting) of \(owner)"
            if let index = reasons.firstIndex(where: { $0.reason == limit.reason }) {
                reasons[index].limits.append(text)
            } else {
                reasons.append((limit.reason, [text]))
            }
        }
    }

    /// Nil where all can be enforced.
    var message: String? {
        guard !reasons.isEmpty else { return nil }
        let parts = reasons.map { "\($0.limits.joined(separator: ", ")): \($0.reason)" }
        // What to do about it is in the runtime's words: they know how the host is set up.
        let prefix = isBestEffort ? "running without enforcement: " : ""
        return prefix + "this host cannot enforce \(parts.joined(separator: "; "))"
    }
}
