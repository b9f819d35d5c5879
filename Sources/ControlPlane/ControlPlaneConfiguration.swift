public import InternetAddress

/// What a control plane needs to know before it starts.
public struct ControlPlaneConfiguration: Sendable {
    /// The durable state's folder (`/var/lib/minikube-lite`): holds `state.db` and `pki/`. Made if it is not there.
    public var dataDirectory: String
    /// The address that the API listens on.
    public var listenHost: String
    /// The API's TCP port; 0 takes a free one.
    public var listenPort: Int
    /// The node's name: a name of the server's certificate, and the source of events.
    public var nodeName: String
    /// Where the administrator's kubeconfig is written, with mode 0600; nil writes none.
    public var adminKubeconfigPath: String?
    /// More DNS names and IP addresses for the server's certificate.
    public var extraSubjectAlternativeNames: [String]
    /// Where Services get their cluster addresses from: one range, or one of each family, the first of them for
    /// Services that ask for no family. Its first address is that of `default/kubernetes`, the tenth that of
    /// `kube-system/kube-dns`.
    public var serviceRanges: [IPRange] = [defaultServiceRange]
    /// Where Services get their node ports from.
    public var nodePorts: ClosedRange<Int> = 30000...32767
    /// The node's addresses on the pods' network. The API listens there as well, and the Service
    /// `default/kubernetes` leads there; without any it has no endpoints.
    public var gateways: [IPAddress] = []
    /// The domain of Services' names, without a dot at the end.
    public var clusterDomain = "cluster.local"

    /// How long slow clients are waited for.
    public var connectionLimits = ConnectionLimits()

    /// How far back watches and lists can go. Tests make it shorter.
    var history = StoreState.HistoryLimit()

    /// 10.96.0.0/12
    public static let defaultServiceRange = IPRange(IPAddress(.v4, 0x0a60_0000), prefixLength: 12)

    public init(
        dataDirectory: String, listenHost: String = "127.0.0.1", listenPort: Int = 6443,
        nodeName: String = "minikube-lite", adminKubeconfigPath: String? = nil,
        extraSubjectAlternativeNames: [String] = []
    ) {
        self.dataDirectory = dataDirectory
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.nodeName = nodeName
        self.adminKubeconfigPath = adminKubeconfigPath
        self.extraSubjectAlternativeNames = extraSubjectAlternativeNames
    }
}
