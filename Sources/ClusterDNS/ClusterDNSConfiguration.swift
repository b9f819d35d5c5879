public import InternetAddress

/// What the responder needs to know before it starts.
public struct ClusterDNSConfiguration: Sendable, Hashable {
    /// The addresses that it listens on: the node's own on the pods' bridge, one per family.
    public var listenAddresses: [IPAddress]
    /// The port that it asks for; where another program has it, any free one is taken.
    public var listenPort: UInt16
    /// The domain of services, without a dot at the end.
    public var clusterDomain: String
    /// The cluster addresses of the Service that leads to it (`kube-system/kube-dns`).
    public var serviceAddresses: [IPAddress]
    /// Ranges whose reverse names are the cluster's own: pods and services.
    public var ownRanges: [IPRange]
    /// Who is asked for all other names: an address and a port, in this order. Never one of `serviceAddresses`.
    public var upstreams: [Upstream]
    /// Answers of upstreams that are kept at most.
    public var cacheCapacity: Int

    public struct Upstream: Sendable, Hashable {
        public var address: IPAddress
        public var port: UInt16

        public init(address: IPAddress, port: UInt16 = 53) {
            self.address = address
            self.port = port
        }

        /// The name servers of a resolv.conf(5), in its order. An address with a zone (`fe80::1%eth0`) is left out.
        public static func parse(resolverFile text: String) -> [Upstream] {
            var upstreams: [Upstream] = []
            for line in text.split(whereSeparator: \.isNewline) {
                let words = line.split(whereSeparator: \.isWhitespace)
                guard words.count > 1, words[0] == "nameserver", let address = IPAddress(String(words[1])) else {
                    continue
                }
                let upstream = Upstream(address: address)
                if !upstreams.contains(upstream) { upstreams.append(upstream) }
            }
            return upstreams
        }
    }

    public init(
        listenAddresses: [IPAddress], listenPort: UInt16 = 53, clusterDomain: String = "cluster.local",
        serviceAddresses: [IPAddress], ownRanges: [IPRange], upstreams: [Upstream], cacheCapacity: Int = 10_000
    ) {
        self.listenAddresses = listenAddresses
        self.listenPort = listenPort
        self.clusterDomain = clusterDomain
        self.serviceAddresses = serviceAddresses
        self.ownRanges = ownRanges
        self.upstreams = upstreams
        self.cacheCapacity = cacheCapacity
    }
}
