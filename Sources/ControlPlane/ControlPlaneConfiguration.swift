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
