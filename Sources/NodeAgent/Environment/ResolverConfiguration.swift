import KubernetesAPI

/// A pod's /etc/resolv.conf, from its dnsPolicy and dnsConfig (kubelet: `pkg/kubelet/network/dns/dns.go`).
struct ResolverConfiguration: Sendable, Hashable {
    static let maxNameservers = 3
    static let maxSearches = 32
    /// Bytes of one search path, and of all with the blanks between them.
    static let maxNameLength = 253
    static let maxSearchLength = 2048

    /// What the pod's owner should know, as an event.
    struct Problem: Sendable, Hashable {
        var reason: String
        var message: String
    }

    var nameservers: [String] = []
    var searches: [String] = []
    var options: [String] = []
    private(set) var problems: [Problem] = []

    init() {}

    /// Reads resolv.conf(5); the last `search` counts.
    init(parsing text: String) {
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard words.count > 1, !words[0].hasPrefix("#"), !words[0].hasPrefix(";") else { continue }
            switch words[0] {
            case "nameserver": nameservers.append(words[1])
            case "search", "domain":
                // A dot at the end says what is meant anyway.
                searches = words.dropFirst().map { $0.count > 1 && $0.hasSuffix(".") ? String($0.dropLast()) : $0 }
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
            if isCluster {
                problems.append(
                    Problem(
                        reason: EventReason.missingClusterDNS,
                        message:
                            "pod: \"\(Wording.pod(pod.metadata))\". kubelet does not have ClusterDNS IP configured "
                            + "and cannot create Pod using \"ClusterFirst\" policy. Falling back to \"Default\" policy."
                    ))
            }
        }
        if let config = pod.spec.dnsConfig {
            nameservers += config.nameservers
            searches += config.searches
            for option in config.options {
                options.removeAll { $0 == option.name || $0.hasPrefix(option.name + ":") }
                options.append(option.value.map { $0.isEmpty ? option.name : "\(option.name):\($0)" } ?? option.name)
            }
        }
        nameservers = Self.unique(nameservers)
        searches = Self.unique(searches)
        fit()
    }

    private static func unique(_ words: [String]) -> [String] {
        var seen: Set<String> = []
        return words.filter { seen.insert($0).inserted }
    }

    /// Leaves out what resolvers cannot take, and says so (`formDNSConfigFitsLimits`).
    private mutating func fit() {
        if nameservers.count > Self.maxNameservers {
            nameservers = Array(nameservers.prefix(Self.maxNameservers))
            problems.append(
                Problem(
                    reason: EventReason.dnsConfigForming,
                    message:
                        "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver "
                        + "line is: \(nameservers.joined(separator: " "))"))
        }
        // Some versions of glibc abort at a search path that cannot be a name.
        var fitting = searches.prefix(Self.maxSearches).filter { $0.utf8.count <= Self.maxNameLength }
        var length = fitting.reduce(-1) { $0 + $1.utf8.count + 1 }
        while length > Self.maxSearchLength, let last = fitting.popLast() { length -= last.utf8.count + 1 }
        guard fitting != searches else { return }
        searches = fitting
        problems.append(
            Problem(
                reason: EventReason.dnsConfigForming,
                message:
                    "Search Line limits were exceeded, some search paths have been omitted, the applied search line "
                    + "is: \(searches.joined(separator: " "))"))
    }

    var text: String {
        var lines: [String] = []
        if !searches.isEmpty { lines.append("search \(searches.joined(separator: " "))") }
        lines += nameservers.map { "nameserver \($0)" }
        if !options.isEmpty { lines.append("options \(options.joined(separator: " "))") }
        return lines.map { $0 + "\n" }.joined()
    }
}
