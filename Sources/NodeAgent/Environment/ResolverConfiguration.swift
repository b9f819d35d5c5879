import KubernetesAPI

/// A pod's /etc/resolv.conf, from its dnsPolicy and dnsConfig (kubelet: `pkg/kubelet/network/dns/dns.go`).
struct ResolverConfiguration: Sendable, Hashable {
    static let maxNameservers = 3
    static let maxSearches = 32

    var nameservers: [String] = []
    var searches: [String] = []
    var options: [String] = []

    init() {}

    /// Reads resolv.conf(5); the last `search` counts.
    init(parsing text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard words.count > 1, !words[0].hasPrefix("#"), !words[0].hasPrefix(";") else { continue }
            switch words[0] {
            case "nameserver": nameservers.append(words[1])
            case "search", "domain": searches = Array(words.dropFirst())
            case "options": options = Array(words.dropFirst())
            default: break
            }
        }
    }

    /// - Parameter host: the node's own.
    init(_ pod: Pod, host: ResolverConfiguration, clusterDNS: [String], clusterDomain: String) {
        let policy = pod.spec.dnsPolicy
        let isCluster =
            policy == .clusterFirstWithHostNet || (policy == .clusterFirst && !pod.spec.hostNetwork)
        if policy == .none {
            // Nothing but what dnsConfig says.
        } else if isCluster, !clusterDNS.isEmpty {
            nameservers = clusterDNS
            searches =
                ["\(pod.metadata.namespace).svc.\(clusterDomain)", "svc.\(clusterDomain)", clusterDomain]
                + host.searches
            options = ["ndots:5"]
        } else {
            self = host
        }
        if let config = pod.spec.dnsConfig {
            nameservers += config.nameservers.filter { !nameservers.contains($0) }
            searches += config.searches.filter { !searches.contains($0) }
            for option in config.options {
                options.removeAll { $0 == option.name || $0.hasPrefix(option.name + ":") }
                options.append(option.value.map { $0.isEmpty ? option.name : "\(option.name):\($0)" } ?? option.name)
            }
        }
        nameservers = Array(nameservers.prefix(Self.maxNameservers))
        searches = Array(searches.prefix(Self.maxSearches))
    }

    var text: String {
        var lines: [String] = []
        if !searches.isEmpty { lines.append("search \(searches.joined(separator: " "))") }
        lines += nameservers.map { "nameserver \($0)" }
        if !options.isEmpty { lines.append("options \(options.joined(separator: " "))") }
        return lines.map { $0 + "\n" }.joined()
    }
}
