import InternetAddress
import LinuxKernel

/// What stands in the alias of a node's bridge (`ip link show` prints it), for others and for the node's next start:
/// `minikube-lite BRIDGE PODS services SERVICES`. The ranges are separated by commas.
struct BridgeMark: Hashable {
    static let product = "minikube-lite"
    var bridge: String
    var pods: [IPRange]
    var services: [IPRange]

    init(bridge: String, pods: [IPRange], services: [IPRange]) {
        self.bridge = bridge
        self.pods = pods
        self.services = services
    }

    /// Nil where the alias is none of ours. An earlier version had no services in it.
    init?(_ alias: String) {
        let words = alias.split(separator: " ").map(String.init)
        guard words.count >= 3, words[0] == Self.product else { return nil }
        func ranges(_ text: String) -> [IPRange] { text.split(separator: ",").compactMap { IPRange(String($0)) } }
        self.init(
            bridge: words[1], pods: ranges(words[2]),
            services: words.count > 4 && words[3] == "services" ? ranges(words[4]) : [])
    }

    /// As the alias has it.
    var text: String {
        func list(_ ranges: [IPRange]) -> String { ranges.map(\.description).joined(separator: ",") }
        return "\(Self.product) \(bridge) \(list(pods))" + (services.isEmpty ? "" : " services \(list(services))")
    }

    /// Whether it is the same node's: a second family may come and go, and services may move; what the pods are known by
    /// may not.
    func isSameNode(_ other: BridgeMark) -> Bool {
        bridge == other.bridge && pods.first != nil && pods.first == other.pods.first
    }
}
